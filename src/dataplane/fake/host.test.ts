import assert from "node:assert/strict";
import { test } from "node:test";
import { Host } from "./host.ts";

const host = new Host({
  interfaces: [
    { name: "eth0", addresses: ["192.0.2.1/24", "2001:db8::1/64"] },
    { name: "pods", addresses: ["10.1.1.254/24"], routeLocalnet: true },
  ],
  routes: [{ to: "0.0.0.0/0", oif: "eth0" }],
});

test("kinds of addresses, as `fib ... type` tells them", () => {
  const kinds = {
    "192.0.2.1": "local",
    "127.9.9.9": "local",
    "192.0.2.255": "broadcast",
    "255.255.255.255": "broadcast",
    "0.0.0.0": "broadcast",
    "224.0.0.1": "multicast",
    "198.51.100.1": "unicast",
    "::1": "local",
    "2001:db8::1": "local",
    "2001:db8::": "anycast",
    "2001:db8::2": "unicast",
    "fd00::1": "unreachable",
    "ff02::1": "multicast",
  };
  for (const [address, kind] of Object.entries(kinds)) assert.equal(host.addressType(address), kind, address);
  assert.equal(host.addressType("192.0.2.1", "pods"), "unicast");
  assert.equal(host.addressType("192.0.2.1", "eth0"), "local");
});

test("IPv4 loopback addresses come in and go out only where route_localnet is on", () => {
  assert.equal(host.martian("10.1.1.1", "127.0.0.1", "pods"), undefined);
  assert.equal(host.martian("192.0.2.9", "127.0.0.1", "eth0"), "a loopback address on another interface");
  assert.equal(host.martian("127.0.0.1", "10.1.1.1", "pods"), "the source address is the host's own");
  assert.deepEqual([host.isStuck("127.0.0.1", "pods"), host.isStuck("127.0.0.1", "eth0")], [false, true]);
  host.loopback.turn(true);
  assert.deepEqual([host.loopback.isOn(), host.isStuck("127.0.0.1", "eth0")], [true, false]);
  host.loopback.turn(false);
});

test("packets to or from ::1 are nobody's on other interfaces, and stay on theirs once translated", () => {
  assert.ok(host.isStray("2001:db8::2", "::1") && !host.isStray("127.0.0.1", "10.1.1.1"));
  assert.deepEqual(host.route("::1"), { kind: "local", oif: "lo" });
  assert.deepEqual(host.route("::1", "eth0"), { kind: "none" });
});
