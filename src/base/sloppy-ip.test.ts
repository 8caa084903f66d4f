import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatCidr, formatIp, ip, parseIp } from "./ip.ts";
import { canonicalAddress, parseSloppyCidr, parseSloppyIp } from "./sloppy-ip.ts";

test("sloppy addresses are read as Go 1.17 read them", () => {
  const table: [string, string | undefined][] = [
    ["10.96.0.1", "10.96.0.1"],
    ["010.096.000.001", "10.96.0.1"],
    ["0000010.0.0.1", "10.0.0.1"],
    ["08.09.0.0", "8.9.0.0"],
    ["0256.0.0.1", undefined],
    ["10.0.1", undefined],
    ["10..0.1", undefined],
    ["", undefined],
    ["web", undefined],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:a00:1", "10.0.0.1"],
    ["::ffff:010.0.0.01", "10.0.0.1"],
    ["::10.0.0.1", "::a00:1"],
    ["64:ff9b::010.0.0.1", "64:ff9b::a00:1"],
    ["FD00:0000::0001", "fd00::1"],
    ["0fd00::00001", "fd00::1"],
    ["::", "::"],
    ["0::0", "::"],
    ["fe80::1%eth0", undefined],
  ];
  for (const [text, canonical] of table) {
    const address = parseSloppyIp(text);
    assert.equal(address && formatIp(address), canonical, text);
    assert.equal(canonicalAddress(text), canonical ?? text, text);
  }
});

test("sloppy ranges are read as Go 1.17 read them", () => {
  const table: [string, string | undefined, string?][] = [
    ["10.0.0.0/8", "10.0.0.0/8", "10.0.0.0"],
    ["10.1.2.3/8", "10.0.0.0/8", "10.1.2.3"],
    ["010.0.0.0/008", "10.0.0.0/8", "10.0.0.0"],
    ["FD00::1/64", "fd00::/64", "fd00::1"],
    ["::ffff:10.1.2.3/104", "10.0.0.0/8", "10.1.2.3"],
    ["::ffff:10.1.2.3/128", "10.1.2.3/32", "10.1.2.3"],
    ["::ffff:10.1.2.3/96", "0.0.0.0/0", "10.1.2.3"],
    // The mask takes the prefix away by which it would be known as IPv4.
    ["::ffff:10.1.2.3/64", "::/64", "10.1.2.3"],
    ["10.0.0.0/33", undefined],
    ["10.0.0.0/-1", undefined],
    ["10.0.0.0/", undefined],
    ["10.0.0.0/8/8", undefined],
    ["10.0.0.0", undefined],
    ["fd00::/129", undefined],
  ];
  for (const [text, range, address] of table) {
    const parsed = parseSloppyCidr(text);
    assert.equal(parsed && formatCidr(parsed.range), range, text);
    assert.equal(parsed && formatIp(parsed.address), address, text);
  }
});

test("what is read strictly is read the same sloppily, but for IPv4 in IPv6", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6(),
        fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef:./%")) }),
      ),
      (text) => {
        const [strict, sloppy] = [parseIp(text), parseSloppyIp(text)];
        if (strict === undefined) return;
        if (sloppy?.family === strict.family) assert.deepEqual(sloppy, strict);
        else assert.deepEqual(strict, ip(`::ffff:${formatIp(sloppy!)}`));
      },
    ),
  );
});

test("zeros before an octet change nothing", () => {
  const octet = fc.record({
    value: fc.integer({ min: 0, max: 255 }),
    zeros: fc.integer({ min: 0, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(octet, { minLength: 4, maxLength: 4 }), (octets) => {
      const text = octets.map(({ value, zeros }) => `${"0".repeat(zeros)}${value}`).join(".");
      assert.equal(canonicalAddress(text), octets.map(({ value }) => value).join("."));
    }),
  );
});
