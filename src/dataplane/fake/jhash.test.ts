import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, ipBytes } from "../../base/ip.ts";
import { jhash, scale } from "./jhash.ts";

/** What Linux 6.18 made of these bytes: `jhash ... mod 1000000 seed 0x12345678`, of which the lowest 7 bits were read. */
const MEASURED: readonly (readonly [text: string, lowest: number])[] = [
  ["11.1.1.7", 109],
  ["11.1.1.7 10.1.1.9", 50],
  ["11.1.1.7 10.1.1.9 port 80", 22],
  ["fd11::7", 94],
  ["fd11::7 fd10::9", 103],
];

function keyOf(text: string): Uint8Array {
  const parts = text.split(" ").flatMap((part): number[] => {
    if (part === "port") return [];
    return part === "80" ? [0, 80, 0, 0] : [...ipBytes(ip(part))];
  });
  return Uint8Array.from(parts);
}

for (const [text, lowest] of MEASURED)
  test(`jhash of ${text}`, () => {
    assert.equal(scale(jhash(keyOf(text), 0x12345678), 1_000_000) & 127, lowest);
  });

test("scaling spreads 32 bits over a modulus evenly and never reaches it", () => {
  assert.equal(scale(0, 10), 0);
  assert.equal(scale(0x7fffffff, 10), 4);
  assert.equal(scale(0x80000000, 10), 5);
  assert.equal(scale(0xffffffff, 10), 9);
});
