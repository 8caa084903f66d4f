import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Base64Error, canonicalBase64 } from "./base64.ts";

test("bytes come through, whatever line breaks stand between", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.array(fc.nat(200), { maxLength: 5 }), (bytes, breaks) => {
      const written = Buffer.from(bytes).toString("base64");
      let broken = written;
      for (const at of breaks) broken = `${broken.slice(0, at)}\r\n${broken.slice(at)}`;
      assert.equal(canonicalBase64(broken), written);
    }),
  );
});

test("bits that padding makes meaningless are cleared", () => {
  assert.equal(canonicalBase64("QR=="), "QQ==");
});

test("what is no base64 is refused where Go refuses it", () => {
  const rows: [string, number][] = [
    ["a", 0],
    ["ab", 0],
    ["abcde", 4],
    ["a-_b", 1],
    ["ab=", 3],
    ["ab=c", 2],
    ["abc=d", 4],
    ["ab==\nx", 5],
    ["=", 0],
    ["a===", 1],
    ["äbcd", 0],
    ["not base64!", 3],
  ];
  for (const [text, at] of rows)
    assert.throws(
      () => canonicalBase64(text),
      (error) => error instanceof Base64Error && error.message === `illegal base64 data at input byte ${at}`,
      text,
    );
});
