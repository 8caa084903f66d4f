import assert from "node:assert/strict";
import { isIPv4 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  cidr,
  cidrAddress,
  cidrContains,
  cidrsOverlap,
  cidrSize,
  formatCidr,
  formatIp,
  ip,
  ipBytes,
  ipFromBytes,
  parseCidr,
  parseIp,
} from "./ip.ts";

test("addresses are read and written in their canonical form", () => {
  const table: [string, string | undefined][] = [
    ["10.96.0.1", "10.96.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["010.0.0.1", undefined],
    ["10.0.1", undefined],
    ["", undefined],
    ["::", "::"],
    ["::1", "::1"],
    ["FD00:0:0:0:0:0:0:1", "fd00::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["1::", "1::"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
    ["fe80::1%eth0", undefined],
  ];
  for (const [text, canonical] of table) {
    const parsed = parseIp(text);
    assert.equal(parsed && formatIp(parsed), canonical, text);
  }
});

test("IPv4 is read as node:net reads it", () => {
  const octet = fc.oneof(
    fc.nat({ max: 300 }).map(String),
    fc.constantFrom("", "0", "00", "01", "255", "256", " 1", "-1", "1e1", "\u0661"),
  );
  fc.assert(
    fc.property(fc.array(octet, { minLength: 3, maxLength: 5 }), (octets) => {
      const text = octets.join(".");
      const parsed = parseIp(text);
      assert.equal(parsed !== undefined, isIPv4(text), text);
      if (parsed !== undefined) assert.equal(formatIp(parsed), text);
    }),
    { numRuns: 2000 },
  );
});

test("bytes, text and value are three forms of one address", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(bytes, (raw) => {
      const address = ipFromBytes(raw);
      assert.deepEqual(ipBytes(ip(formatIp(address))), raw);
    }),
  );
});

test("a range knows its addresses", () => {
  const range = cidr("100.1.1.0/24");
  assert.equal(cidrSize(range), 256n);
  assert.equal(formatIp(cidrAddress(range, 3)), "100.1.1.3");
  assert.ok(cidrContains(range, ip("100.1.1.255")));
  assert.ok(!cidrContains(range, ip("100.1.2.0")));
  assert.ok(!cidrContains(range, ip("::1")));
  assert.throws(() => cidrAddress(range, 256), RangeError);
  assert.ok(cidrsOverlap(cidr("10.0.0.0/8"), cidr("10.1.0.0/16")));
  assert.ok(!cidrsOverlap(cidr("10.0.0.0/16"), cidr("10.1.0.0/16")));
  assert.equal(formatCidr(cidr("fd00:10:96::/112")), "fd00:10:96::/112");
});

test("text that is no range is none", () => {
  for (const text of [
    "10.0.0.0",
    "10.0.0.1/24",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "fd00::/129",
    "x/8",
  ])
    assert.equal(parseCidr(text), undefined, text);
});
