import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../base/ip.ts";
import { portUnreachable } from "./unreachable.ts";

/** 0 for a header or message whose checksum is right (RFC 1071, section 1). */
function verify(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const byte of [Buffer.concat(parts)])
    for (let i = 0; i < byte.length; i += 2) sum += byte.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

test("IPv4: type 3 code 3 back to the sender, with the headers of what it sent", () => {
  const bytes = portUnreachable({
    source: ip("192.0.2.1"),
    sourcePort: 4000,
    destination: ip("198.51.100.2"),
    destinationPort: 53,
  });
  assert.equal(
    Buffer.from(bytes)
      .toString("hex")
      .replace(/^(.{20}).{4}/, "$1----"),
    // Outer header, ICMP, quoted header, UDP.
    "45000038000000004001----c6336402c0000201" +
      "0303" +
      Buffer.from(bytes.subarray(22, 24)).toString("hex") +
      "00000000" +
      "4500001c000000004011" +
      Buffer.from(bytes.subarray(38, 40)).toString("hex") +
      "c0000201c6336402" +
      "0fa0003500080000",
  );
  assert.deepEqual(
    [verify(bytes.subarray(0, 20)), verify(bytes.subarray(20)), verify(bytes.subarray(28, 48))],
    [0, 0, 0],
  );
});

test("IPv6: type 1 code 4, with a checksum over the pseudo header", () => {
  const [source, destination] = [ip("2001:db8::1"), ip("2001:db8::2")];
  const bytes = portUnreachable({ source, sourcePort: 4000, destination, destinationPort: 53 });
  assert.equal(bytes.length, 40 + 8 + 40 + 8);
  assert.deepEqual([...bytes.subarray(40, 42)], [1, 4]);
  const pseudo = Buffer.concat([bytes.subarray(8, 40), Uint8Array.of(0, 0, 0, 56, 0, 0, 0, 58)]);
  assert.equal(verify(pseudo, bytes.subarray(40)), 0);
  assert.deepEqual(bytes.subarray(48 + 8, 48 + 24), bytes.subarray(24, 40), "quotes what the sender sent");
});
