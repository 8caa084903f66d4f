import assert from "node:assert/strict";
import { test } from "node:test";
import { warningHeaders } from "./warning-headers.ts";

test("texts become quoted header values, each once; what cannot be in a header is left out", () => {
  assert.deepEqual(warningHeaders(["a", 'say "b\\"', "a", "", "line\nbreak"]), [
    '299 - "a"',
    '299 - "say \\"b\\\\\\""',
  ]);
  // One character a byte: UTF-8 on the wire.
  assert.deepEqual(warningHeaders(["é"]), [`299 - "${Buffer.from("é").toString("latin1")}"`]);
});

test("over 4 KiB in total every text is cut to 256 characters, and what is too much is left out", () => {
  const short = warningHeaders(["x".repeat(4096)]);
  assert.equal(short[0]!.length, '299 - ""'.length + 4096);
  const long = warningHeaders(Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(300, "x")));
  assert.equal(long.length, 16);
  assert.ok(long.every((value) => value.length === '299 - ""'.length + 256));
});
