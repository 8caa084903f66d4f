import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCidr } from "../../base/ip.ts";
import { UserError } from "../user-error.ts";
import { parseUpOptions, type UpFlags } from "./options.ts";

const flags: UpFlags = {
  bind: "127.0.0.1:6443",
  containers: "auto",
  dataplane: "auto",
  nodeName: "node-1",
  logLevel: "info",
};

test("what is wrong with an option is said with its name and value", () => {
  const table: [Partial<UpFlags>, RegExp][] = [
    [{ bind: "6443" }, /--bind "6443" is not an address and port/],
    [{ bind: "127.0.0.1:70000" }, /--bind "127.0.0.1:70000"/],
    [{ bind: "localhost:6443" }, /"localhost" is not an IP address/],
    [{ serviceCidr: "10.96.0.1/16" }, /--service-cidr "10.96.0.1\/16" is not a range/],
    [{ serviceCidr: "10.96.0.0/16,10.97.0.0/16" }, /one IPv4 and one IPv6/],
    [{ serviceCidr: "10.0.0.0/8" }, /2 to 20 bits/],
    [{ serviceCidr: "fd00::/64" }, /2 to 20 bits/],
    [{ podCidr: "x" }, /--pod-cidr "x" is not a range/],
    [{ nodeName: "Node_1" }, /node name "Node_1" is not a DNS name/],
  ];
  for (const [change, message] of table)
    assert.throws(
      () => parseUpOptions({ ...flags, ...change }),
      (error) => error instanceof UserError && message.test(error.message),
      JSON.stringify(change),
    );
});

test("ranges and addresses are read", () => {
  const options = parseUpOptions({ ...flags, bind: "[::1]:0", serviceCidr: "100.1.1.0/24, fd00:96::/112" });
  assert.deepEqual(options.bind, { host: "::1", port: 0 });
  assert.deepEqual(options.serviceCidrs?.map(formatCidr), ["100.1.1.0/24", "fd00:96::/112"]);
});

test("the audit is in the data directory unless it is put elsewhere or turned off", () => {
  const auditLog = (change: Partial<UpFlags>): string | undefined =>
    parseUpOptions({ ...flags, dataDir: "/data", ...change }).auditLog;
  assert.equal(auditLog({}), "/data/audit.log");
  assert.equal(auditLog({ auditLog: "/var/log/audit" }), "/var/log/audit");
  assert.equal(auditLog({ auditLog: "none" }), undefined);
});
