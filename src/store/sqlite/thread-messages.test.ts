import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packRows, unpackRows } from "./thread-messages.ts";

test("packed rows come out as they went in, whatever is empty, and pieces of larger buffers", () => {
  const revision = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const value = fc
    .tuple(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 40 }))
    .map(([bytes, start]) => bytes.subarray(Math.min(start, bytes.length)));
  const row = fc
    .record({ revision, key: fc.string(), createRevision: revision, value })
    .map((of) => ({ ...of }));
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const received = structuredClone(packRows(rows));
      assert.deepEqual([...unpackRows(received)], rows);
    }),
  );
});
