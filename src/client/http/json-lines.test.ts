import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineSplitter } from "./json-lines.ts";

test("however the bytes are cut, the lines are the same", () => {
  const line = fc.string({ unit: "grapheme" }).map((object) => ({ type: "ADDED", object }));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(40), { minLength: 1 }), (values, cuts) => {
      const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
      const splitter = new LineSplitter();
      const lines: string[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length]! + (i % 2);
        lines.push(...splitter.push(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        lines.map((text) => JSON.parse(text)),
        values,
      );
      assert.equal(splitter.rest(), "");
    }),
  );
});

test("empty lines are left out, an unfinished one is the rest", () => {
  const splitter = new LineSplitter();
  assert.deepEqual(splitter.push(Buffer.from('\n\r\n{"a":1}\n{"b')), ['{"a":1}']);
  assert.equal(splitter.rest(), '{"b');
  assert.equal(splitter.rest(), "");
});
