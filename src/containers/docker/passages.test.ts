import assert from "node:assert/strict";
import { test } from "node:test";
import { type OutsidePort, passages } from "./passages.ts";

/** "192.0.2.1|TCP|80" */
const ports = (...keys: string[]): OutsidePort[] =>
  keys.map((key) => {
    const [address, protocol, port] = key.split("|") as [string, "TCP" | "UDP" | "SCTP", string];
    return { address, protocol, port: Number(port) };
  });

test("what passes, as iptables lists it", () => {
  const ranges = ["10.96.0.0/16", "198.51.100.1/32", "fd00:96::/112", "fd00::1/128"];
  const outsidePorts = ports(
    "0.0.0.0|TCP|30081",
    "0.0.0.0|TCP|30080",
    "0.0.0.0|TCP|30090",
    "0.0.0.0|UDP|30080",
    "192.0.2.1|TCP|443",
    "192.0.2.1|TCP|80",
    "192.0.2.2|SCTP|443",
    "::|TCP|30080",
    "2001:db8::1|TCP|80",
  );
  const outside = {
    ports: outsidePorts,
    addresses: ["100.1.1.6", "100.1.1.3", "100.1.1.4", "100.1.1.5", "fd64::2", "fd64::3"],
  };
  assert.deepEqual(passages(4, ranges), ["--ctorigdst 10.96.0.0/16", "--ctorigdst 198.51.100.1"]);
  assert.deepEqual(passages(4, ranges, outside), [
    "--ctorigdst 10.96.0.0/16",
    "--ctorigdst 198.51.100.1",
    "--ctorigdst 100.1.1.3",
    "--ctorigdst 100.1.1.4/31",
    "--ctorigdst 100.1.1.6",
    "--ctproto 132 --ctorigdst 192.0.2.2 --ctorigdstport 443",
    "--ctproto 17 --ctorigdstport 30080",
    "--ctproto 6 --ctorigdst 192.0.2.1 --ctorigdstport 443",
    "--ctproto 6 --ctorigdst 192.0.2.1 --ctorigdstport 80",
    "--ctproto 6 --ctorigdstport 30080:30081",
    "--ctproto 6 --ctorigdstport 30090",
  ]);
  assert.deepEqual(passages(6, ranges, outside), [
    "--ctorigdst fd00:96::/112",
    "--ctorigdst fd00::1",
    "--ctorigdst fd64::2/127",
    "--ctproto 6 --ctorigdst 2001:db8::1 --ctorigdstport 80",
    "--ctproto 6 --ctorigdstport 30080",
  ]);
});

test("the subnet of a Network passes as a whole, but for what the host has in it", () => {
  const networks = [
    { subnet: "100.1.1.0/24", hosts: ["100.1.1.1", "100.1.1.200"] },
    { subnet: "100.1.2.0/24", hosts: [] },
    { subnet: "192.0.2.7/32", hosts: [] },
    { subnet: "fd64:1::/64", hosts: ["fd64:1::1"] },
  ];
  const outside = {
    ports: ports("100.1.1.1|TCP|80"),
    addresses: ["100.1.1.3", "100.1.2.9", "100.1.3.1", "fd64:1::3", "fd64:2::3"],
  };
  assert.deepEqual(passages(4, ["10.96.0.0/16"], outside, networks), [
    "--ctorigdst 10.96.0.0/16",
    "--ctorigdst 100.1.3.1",
    "--ctorigdst 100.1.1.0/24 -m conntrack ! --ctorigdst 100.1.1.1 -m conntrack ! --ctorigdst 100.1.1.200",
    "--ctorigdst 100.1.2.0/24",
    "--ctorigdst 192.0.2.7",
    "--ctproto 6 --ctorigdst 100.1.1.1 --ctorigdstport 80",
  ]);
  assert.deepEqual(passages(6, [], outside, networks), [
    "--ctorigdst fd64:2::3",
    "--ctorigdst fd64:1::/64 -m conntrack ! --ctorigdst fd64:1::1",
  ]);
});
