import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ApiError } from "../../api-error.ts";
import { kinds } from "../../kinds.ts";
import { decodeBody } from "../body.ts";
import { structure } from "../json/structure.ts";
import { anyObject } from "../random-object.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { openEnvelope, PROTOBUF_MEDIA_TYPE, sealEnvelope } from "./envelope.ts";
import { WireError } from "./wire.ts";

for (const kind of kinds) {
  test(`${kind.kind}: what is written as protobuf is read back the same`, () => {
    fc.assert(
      fc.property(anyObject(kind.schema), (value) => {
        const { object } = structure(kind.schema, value);
        const bytes = encodeMessage(kind.schema, object as unknown as Record<string, unknown>);
        const again = structure(kind.schema, decodeMessage(kind.schema, bytes));
        assert.deepEqual(again.object, { ...object, ...nameless(object) });
        assert.deepEqual(again.unknownFields, []);
      }),
      {
        numRuns: 100, // Making a Pod smaller takes minutes.
        endOnFailure: true,
      },
    );
  });

  test(`${kind.kind}: bytes that are cut, changed or made up are refused, never a crash`, () => {
    const mutilated = fc
      .tuple(anyObject(kind.schema), fc.nat(), fc.nat(255), fc.nat(), fc.boolean())
      .map(([value, at, byte, length, cut]) => {
        const { object } = structure(kind.schema, value);
        const raw = encodeMessage(kind.schema, object as unknown as Record<string, unknown>);
        const sealed = sealEnvelope({ apiVersion: "", kind: "", raw });
        if (cut) return sealed.slice(0, length % (sealed.length + 1));
        sealed[at % sealed.length] = byte;
        return sealed;
      });
    const garbage = fc
      .uint8Array({ maxLength: 200 })
      .map((raw) => sealEnvelope({ apiVersion: "", kind: "", raw }));
    fc.assert(
      fc.property(fc.oneof(mutilated, garbage, fc.uint8Array({ maxLength: 50 })), (bytes) => {
        try {
          decodeBody(kind, PROTOBUF_MEDIA_TYPE, bytes, { fieldValidation: "Strict" });
        } catch (error) {
          assert.ok(error instanceof ApiError, String(error));
          assert.equal(error.code, 400);
        }
      }),
      { numRuns: 300 },
    );
  });
}

/** apiVersion and kind are not in the message. */
function nameless(object: { apiVersion?: string; kind?: string }): object {
  delete object.apiVersion;
  delete object.kind;
  return {};
}

test("a text that begins with a byte order mark keeps it", () => {
  const { schema } = kinds.find(({ kind }) => kind === "ConfigMap")!;
  const written = encodeMessage(schema, { data: { a: "\ufeffx" } });
  const { data } = decodeMessage(schema, written) as { data: Record<string, string> };
  assert.equal(data["a"], "\ufeffx");
});

test("the envelope: its magic, its parts, and fields that are not known", () => {
  const raw = new Uint8Array([1, 2, 3]);
  assert.deepEqual(openEnvelope(sealEnvelope({ apiVersion: "v1", kind: "Pod", raw })), {
    apiVersion: "v1",
    kind: "Pod",
    raw,
  });
  assert.throws(() => openEnvelope(new Uint8Array([0x6b, 0x38, 0x73])), WireError);
  // Field 15, a varint, then field 2.
  assert.deepEqual([...openEnvelope(new Uint8Array([0x6b, 0x38, 0x73, 0, 0x78, 5, 0x12, 1, 9])).raw], [9]);
});
