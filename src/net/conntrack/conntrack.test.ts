import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hostU32, parseMessages } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import { CTA, CTA_FILTER, IPCTNL_MSG_CT } from "./constants.ts";
import {
  decodeConnection,
  deleteConnections,
  deleteMatching,
  dumpConnections,
  isConnection,
} from "./conntrack.ts";
import type { Connection, Tuple } from "./model.ts";
import { ConntrackFamily } from "./model.ts";

/** All fields are there. Plain objects, as decoders make them. */
function object<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const port = fc.integer({ min: 0, max: 65_535 });
const address = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

function tuple(length: number): fc.Arbitrary<Tuple> {
  const ends = { source: address(length), destination: address(length) };
  return fc.oneof(
    object({ ...ends, protocol: fc.constantFrom(6, 17, 132), sourcePort: port, destinationPort: port }),
    object({
      ...ends,
      protocol: fc.constant(length === 4 ? 1 : 58),
      icmp: object({ id: port, type: fc.nat(255), code: fc.nat(255) }),
    }),
    object({ ...ends, protocol: fc.constant(47) }),
  );
}

const connection = fc.constantFrom(ConntrackFamily.ipv4, ConntrackFamily.ipv6).chain((family) =>
  object({
    family: fc.constant(family),
    original: tuple(family === ConntrackFamily.ipv4 ? 4 : 16),
    zone: port,
    id: fc.integer({ min: 0, max: 0xffffffff }),
  }),
);

test("a deletion says the original tuple, the zone and the id of each connection", () => {
  fc.assert(
    fc.property(fc.array(connection, { minLength: 1, maxLength: 20 }), (connections) => {
      const messages = parseMessages(deleteConnections(connections));
      const read = messages.map(decodeConnection).map(({ family, original, zone, id }: Connection) => ({
        family,
        original,
        zone,
        id,
      }));
      assert.deepEqual(read, connections);
      for (const message of messages) assert.equal(message.type & 0xff, IPCTNL_MSG_CT.DELETE);
    }),
  );
});

test("deleting nothing is refused", () => {
  assert.throws(() => deleteConnections([]), RangeError);
});

/** The CTA_FILTER_ORIG_FLAGS of a request, or its CTA_FILTER_REPLY_FLAGS; undefined if it is for everything. */
function filterFlags(request: Uint8Array, which: number = CTA_FILTER.ORIG_FLAGS): number | undefined {
  const [message] = parseMessages(request);
  assert.equal(isConnection(message!), false);
  const attributes = new AttributeReader(message!.payload, 4);
  while (attributes.next())
    if (attributes.type === CTA.FILTER) {
      const inside = attributes.nested();
      while (inside.next()) if (inside.type === which) return hostU32(inside.buffer, inside.start);
    }
  return undefined;
}

test("a dump asks the kernel to compare only what it compares rightly", () => {
  const v4 = Uint8Array.of(10, 0, 0, 1);
  const rows: [Parameters<typeof dumpConnections>, number | undefined][] = [
    [[ConntrackFamily.ipv4, {}], undefined],
    [[ConntrackFamily.ipv4, { protocol: 17 }], 0x08],
    [[ConntrackFamily.ipv4, { protocol: 17, originalDestination: v4 }], 0x0a],
    [[ConntrackFamily.ipv4, { protocol: 17, originalDestination: v4, originalDestinationPort: 53 }], 0x2a],
    [[ConntrackFamily.ipv6, { originalDestination: new Uint8Array(16) }], undefined],
    [
      [
        ConntrackFamily.ipv6,
        { protocol: 17, originalDestination: new Uint8Array(16), originalDestinationPort: 53 },
      ],
      0x28,
    ],
  ];
  for (const [request, flags] of rows) assert.equal(filterFlags(dumpConnections(...request)), flags);
  assert.throws(() => dumpConnections(ConntrackFamily.ipv4, { originalDestinationPort: 53 }), RangeError);
});

test("what is deleted unseen is said by both ends, and only for IPv4", () => {
  const [vip, pod] = [Uint8Array.of(10, 96, 0, 10), Uint8Array.of(10, 1, 0, 1)];
  const ends = { protocol: 17, originalDestination: vip, originalDestinationPort: 53, replySource: pod };
  const request = deleteMatching({ ...ends, replySourcePort: 5353 });
  assert.equal(parseMessages(request)[0]!.type & 0xff, IPCTNL_MSG_CT.DELETE);
  assert.equal(filterFlags(request), 0x2a);
  assert.equal(filterFlags(request, CTA_FILTER.REPLY_FLAGS), 0x19);
  const { original, reply } = decodeConnection(parseMessages(request)[0]!);
  assert.deepEqual([original.destination, original.destinationPort], [vip, 53]);
  assert.deepEqual([reply.source, reply.sourcePort], [pod, 5353]);
  const { replySource: _, ...half } = ends;
  const wide = { ...ends, originalDestination: new Uint8Array(16), replySource: new Uint8Array(16) };
  for (const filter of [{}, half, wide, { ...ends, zone: 1 }, { ...ends, status: 8 }])
    assert.throws(() => deleteMatching(filter), RangeError);
});
