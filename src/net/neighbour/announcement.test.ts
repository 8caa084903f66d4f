import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../base/ip.ts";
import { announcement } from "./announcement.ts";

const MAC = Uint8Array.from([0x02, 0x42, 0x64, 0x01, 0x01, 0x01]);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("an ARP announcement, byte for byte", () => {
  assert.equal(
    hex(announcement(ip("100.1.1.3"), MAC)),
    "ffffffffffff" +
      "024264010101" +
      "0806" + // to everybody
      "0001" +
      "0800" +
      "06" +
      "04" +
      "0001" + // Ethernet, IPv4, a request
      "024264010101" +
      "64010103" +
      "000000000000" +
      "64010103",
  );
});

test("a neighbour advertisement that nobody asked for, byte for byte", () => {
  const frame = announcement(ip("fd64:1::3"), MAC, ip("fe80::1"));
  const head = "333300000001" + hex(MAC) + ["86dd", "60000000", "0020", "3a", "ff"].join("");
  const zeros = (count: number): string => "0".repeat(count);
  const addresses = `fe80${zeros(27)}1ff02${zeros(27)}1`;
  const message = `20000000fd640001${zeros(23)}30201${hex(MAC)}`;
  const text = hex(frame);
  assert.equal(text, `${head}${addresses}8800${text.slice(112, 116)}${message}`);
  // With its checksum the sum over the pseudo-header and the message is all ones (RFC 1071).
  const summed = `${addresses}000000200000003a${text.slice(108)}`;
  let sum = 0;
  for (const part of summed.match(/.{4}/g)!) sum += Number.parseInt(part, 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  assert.equal(sum, 0xffff);
});
