import assert from "node:assert/strict";
import { test } from "node:test";
import { cidr, formatIp } from "../../base/ip.ts";
import { UserError } from "../user-error.ts";
import { chooseDnsIp, type DnsFlags, parseDnsOptions } from "./dns-options.ts";

test("what is wrong with an option is said with its name and value", () => {
  const table: readonly (readonly [DnsFlags, RegExp])[] = [
    [{ dnsIp: "kube-dns" }, /--dns-ip "kube-dns" is not an IP address/],
    [{ clusterDomain: "Cluster.Local" }, /--cluster-domain "Cluster.Local"/],
    [{ clusterDomain: "a..b" }, /--cluster-domain "a\.\.b"/],
    [{ clusterDomain: `${"a".repeat(40)}.${"b".repeat(40)}` }, /at most 59 letters/],
    [{ dnsTtl: "-1" }, /--dns-ttl "-1"/],
    [{ dnsTtl: "3601" }, /from 0 to 3600/],
    [{ dnsListen: "eth0" }, /--dns-listen "eth0" is not an address/],
    [{ dnsUpstream: "192.0.2.1,dns.example" }, /--dns-upstream "dns\.example"/],
  ];
  for (const [flags, message] of table)
    assert.throws(
      () => parseDnsOptions(flags),
      (error) => error instanceof UserError && message.test(error.message),
      JSON.stringify(flags),
    );
});

test("addresses are read, and the Service's is the tenth of the range unless one is given", () => {
  const options = parseDnsOptions({
    dnsListen: "[::1]:5353",
    dnsUpstream: "192.0.2.1, [2001:db8::1]:54",
    dnsTtl: "30",
  });
  assert.equal(formatIp(options.listen!.address), "::1");
  assert.deepEqual(options.upstreams, [
    { address: "192.0.2.1", port: 53 },
    { address: "2001:db8::1", port: 54 },
  ]);
  const chosen = (flags: DnsFlags, ...ranges: string[]): string | undefined =>
    chooseDnsIp(parseDnsOptions(flags), ranges.map(cidr));
  assert.equal(chosen({}, "10.96.0.0/16"), "10.96.0.10");
  assert.equal(chosen({}, "100.1.1.0/29"), "100.1.1.6");
  assert.equal(chosen({}, "fd00:96::/112", "10.96.0.0/16"), "fd00:96::a");
  assert.equal(chosen({ dnsIp: "10.96.0.53" }, "fd00:96::/112", "10.96.0.0/16"), "10.96.0.53");
  assert.equal(chosen({ dnsIp: "none" }, "10.96.0.0/16"), undefined);
  assert.throws(
    () => chosen({ dnsIp: "10.97.0.1" }, "10.96.0.0/16"),
    /not in the service range 10\.96\.0\.0\/16/,
  );
});
