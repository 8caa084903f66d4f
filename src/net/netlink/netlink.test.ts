import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NetlinkFormatError, NLM_F_ACK, NLM_F_REQUEST, parseMessages } from "../../sys/netlink-message.ts";
import { AttributeReader } from "./parser.ts";
import { NetlinkWriter } from "./writer.ts";

type Value =
  | { kind: "flag"; type: number }
  | { kind: "u8" | "u16" | "u16be" | "u32" | "u32be"; type: number; value: number }
  | { kind: "u64" | "u64be"; type: number; value: bigint }
  | { kind: "bytes"; type: number; value: Uint8Array }
  | { kind: "string"; type: number; value: string }
  | { kind: "nested"; type: number; value: Value[] };

const type = fc.integer({ min: 0, max: 0x3fff });
const number = (kind: "u8" | "u16" | "u16be" | "u32" | "u32be", max: number): fc.Arbitrary<Value> =>
  fc.record({ kind: fc.constant(kind), type, value: fc.integer({ min: 0, max }) });
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.record({ kind: fc.constant("flag" as const), type }),
    number("u8", 0xff),
    number("u16", 0xffff),
    number("u16be", 0xffff),
    number("u32", 0xffffffff),
    number("u32be", 0xffffffff),
    fc.record({
      kind: fc.constantFrom("u64" as const, "u64be" as const),
      type,
      value: fc.bigInt(0n, 2n ** 64n - 1n),
    }),
    fc.record({ kind: fc.constant("bytes" as const), type, value: fc.uint8Array({ maxLength: 70 }) }),
    fc.record({ kind: fc.constant("string" as const), type, value: text }),
    fc.record({
      kind: fc.constant("nested" as const),
      type,
      value: fc.array(tie("value"), { maxLength: 4 }),
    }),
  ),
}));

function write(writer: NetlinkWriter, value: Value): void {
  switch (value.kind) {
    case "flag":
      writer.flag(value.type);
      break;
    case "u64":
    case "u64be":
      writer[value.kind](value.type, value.value);
      break;
    case "bytes":
      writer.bytes(value.type, value.value);
      break;
    case "string":
      writer.string(value.type, value.value);
      break;
    case "nested":
      writer.startNested(value.type);
      for (const inner of value.value) write(writer, inner);
      writer.endNested();
      break;
    default:
      writer[value.kind](value.type, value.value);
  }
}

function check(reader: AttributeReader, values: Value[]): void {
  for (const value of values) {
    assert.ok(reader.next());
    assert.equal(reader.type, value.type);
    if (value.kind === "flag") assert.equal(reader.length, 0);
    else if (value.kind === "nested") check(reader.nested(), value.value);
    else assert.deepEqual(reader[value.kind](), value.value);
  }
  assert.ok(!reader.next());
}

test("what the writer writes, the reader reads: every type, nested, aligned, in one batch", () => {
  const writer = new NetlinkWriter(16);
  const message = fc.record({
    type: fc.integer({ min: 0, max: 0xffff }),
    flags: fc.integer({ min: 0, max: 0xffff }),
    values: fc.array(anyValue, { maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      writer.reset();
      for (const { type, flags, values } of messages) {
        writer.startMessage(type, flags).rawU8(7).rawU8(0).rawU16be(0x1234).rawU32(99);
        for (const value of values) write(writer, value);
        writer.endMessage();
      }
      const parsed = parseMessages(writer.finish());
      assert.equal(parsed.length, messages.length);
      for (const [i, { type, flags, values }] of messages.entries()) {
        const got = parsed[i]!;
        assert.deepEqual([got.type, got.flags, got.sequence, got.port], [type, flags, 0, 0]);
        assert.deepEqual([...got.payload.subarray(0, 8)], [7, 0, 0x12, 0x34, 99, 0, 0, 0]);
        check(new AttributeReader(got.payload, 8), values);
      }
    }),
  );
});

test("the bytes are those of linux/netlink.h", () => {
  const writer = new NetlinkWriter();
  writer
    .startMessage(16, NLM_F_REQUEST | NLM_F_ACK)
    .zeros(4)
    .string(3, "lo")
    .startNested(18)
    .u16be(1, 80);
  writer.endNested().endMessage();
  assert.equal(
    Buffer.from(writer.finish()).toString("hex"),
    "2800000010000500000000000000000000000000070003006c6f00000c0012800600010000500000",
  );
});

test("an attribute that would not fit its 16-bit length is refused", () => {
  const writer = new NetlinkWriter();
  writer.startMessage(1, 0).startNested(1);
  while (writer.nestedLength < 0xffff) writer.bytes(1, new Uint8Array(1000));
  assert.throws(() => writer.endNested(), /at most 65531 bytes/);
  assert.throws(() => new NetlinkWriter().startMessage(1, 0).bytes(1, new Uint8Array(65532)), RangeError);
});

test("messages and nests must be closed in order", () => {
  const writer = new NetlinkWriter().startMessage(1, 0);
  assert.throws(() => writer.finish(), /still open/);
  assert.throws(() => writer.startMessage(1, 0), /open already/);
  writer.startNested(1);
  assert.throws(() => writer.endMessage(), /1 nested attributes are still open/);
  writer.endNested().endMessage();
  assert.throws(() => writer.endNested(), /no nested attribute/);
  assert.equal(writer.finish().length, 20);
});

test("broken bytes are refused with the place, never read past the end", () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
  assert.throws(() => new AttributeReader(bytes(3, 0, 1, 0)).next(), NetlinkFormatError);
  assert.throws(
    () => new AttributeReader(bytes(9, 0, 1, 0, 1, 2, 3, 4)).next(),
    /says it is 9 bytes long, 8 are left/,
  );
  assert.throws(() => new AttributeReader(bytes(4, 0)).next(), /at byte 0/);
  const short = new AttributeReader(bytes(5, 0, 7, 0, 1));
  assert.ok(short.next());
  assert.throws(() => short.u32(), /attribute 7 holds 1 bytes where 4 were expected/);
  assert.throws(
    () => parseMessages(bytes(17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
    /says it is 17 bytes/,
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
      try {
        for (const message of parseMessages(noise)) {
          const reader = new AttributeReader(message.payload);
          while (reader.next()) assert.ok(reader.end <= message.payload.length);
        }
      } catch (error) {
        assert.ok(error instanceof NetlinkFormatError);
      }
    }),
  );
});
