import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NetlinkFormatError } from "../../sys/netlink-message.ts";
import { NetlinkWriter } from "../netlink/writer.ts";
import { CTA, CTA_IP, CTA_PROTO, CTA_PROTOINFO_STATE, CTA_TUPLE } from "./constants.ts";
import { FlowReader, socketKey, socketOfKey } from "./flow-reader.ts";

interface Written {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly virtual: Uint8Array;
  readonly virtualPort: number;
  readonly endpoint: Uint8Array;
  readonly endpointPort: number;
  readonly state?: number;
  readonly counters?: readonly [bigint, bigint];
}

/** As ctnetlink_fill_info() writes it, with attributes that the reader passes over. */
function payload(flow: Written): Uint8Array {
  const client = new Uint8Array(flow.virtual.length).fill(9);
  const [source, destination] =
    flow.family === 4 ? [CTA_IP.V4_SRC, CTA_IP.V4_DST] : [CTA_IP.V6_SRC, CTA_IP.V6_DST];
  const writer = new NetlinkWriter(512)
    .startMessage(0x100, 0)
    .rawU8(flow.family === 4 ? 2 : 10)
    .zeros(3);
  const tuple = (type: number, from: Uint8Array, fromPort: number, to: Uint8Array, toPort: number): void => {
    writer.startNested(type);
    writer.startNested(CTA_TUPLE.IP).bytes(source, from).bytes(destination, to).endNested();
    writer
      .startNested(CTA_TUPLE.PROTO)
      .u8(CTA_PROTO.NUM, flow.protocol)
      .u16be(CTA_PROTO.SRC_PORT, fromPort)
      .u16be(CTA_PROTO.DST_PORT, toPort)
      .endNested()
      .endNested();
  };
  tuple(CTA.TUPLE_ORIG, client, 40_000, flow.virtual, flow.virtualPort);
  tuple(CTA.TUPLE_REPLY, flow.endpoint, flow.endpointPort, client, 40_000);
  writer.u32be(CTA.STATUS, 0x1ae).u32be(CTA.TIMEOUT, 120);
  const protoinfo = flow.protocol === 6 ? 1 : 3;
  if (flow.state !== undefined)
    writer
      .startNested(CTA.PROTOINFO)
      .startNested(protoinfo)
      .u8(CTA_PROTOINFO_STATE, flow.state)
      .u8(2, 7)
      .endNested()
      .endNested();
  for (const type of flow.counters === undefined ? [] : [CTA.COUNTERS_ORIG, CTA.COUNTERS_REPLY])
    writer.startNested(type).u64be(1, flow.counters![0]).u64be(2, flow.counters![1]).endNested();
  return writer.u32be(CTA.ID, 0xfedc_ba98).endMessage().finish().slice(16);
}

const port = fc.integer({ min: 0, max: 65_535 });
const number = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const protocol = fc.constantFrom("TCP" as const, "UDP" as const, "SCTP" as const);
const socket = fc.constantFrom(4, 6).chain((family) => {
  const length = family === 4 ? 4 : 16;
  return fc.record({ address: fc.uint8Array({ minLength: length, maxLength: length }), protocol, port });
});

test("a key is of one address, protocol and port only", () => {
  fc.assert(
    fc.property(socket, socket, (one, other) => {
      const key = socketKey(one.address, one.protocol, one.port);
      assert.deepEqual({ ...socketOfKey(key) }, { ...one });
      const isSame =
        Buffer.compare(one.address, other.address) === 0 &&
        one.protocol === other.protocol &&
        one.port === other.port;
      assert.equal(key === socketKey(other.address, other.protocol, other.port), isSame);
    }),
  );
});

test("what is read is what the kernel writes, whatever was read before", () => {
  const reader = new FlowReader();
  fc.assert(
    fc.property(
      fc.constantFrom<4 | 6>(4, 6),
      protocol,
      port,
      port,
      fc.option(fc.tuple(fc.bigInt(0n, 2n ** 51n), fc.bigInt(0n, 2n ** 51n)), { nil: undefined }),
      (family, name, virtualPort, endpointPort, counters) => {
        const [virtual, endpoint] = [10, 20].map((byte) => new Uint8Array(family === 4 ? 4 : 16).fill(byte));
        const flow = {
          family,
          protocol: number[name],
          virtual: virtual!,
          virtualPort,
          endpoint: endpoint!,
          endpointPort,
        };
        assert.ok(reader.read(payload(counters === undefined ? flow : { ...flow, counters })));
        assert.equal(reader.protocol, name);
        assert.equal(reader.family, family);
        assert.equal(reader.destination, socketKey(virtual!, name, virtualPort));
        assert.equal(reader.destinationPort, virtualPort);
        assert.equal(reader.endpoint, socketKey(endpoint!, name, endpointPort));
        assert.equal(reader.status, 0x1ae);
        assert.equal(reader.id, 0xfedc_ba98 | 0);
        assert.equal(reader.hasCounters, counters !== undefined);
        assert.equal(reader.packets, 2 * Number(counters?.[0] ?? 0));
        assert.equal(reader.bytes, 2 * Number(counters?.[1] ?? 0));
      },
    ),
  );
});

test("TCP and SCTP states are phases; UDP has none", () => {
  const reader = new FlowReader();
  const at = {
    family: 4,
    virtual: new Uint8Array(4),
    virtualPort: 80,
    endpoint: new Uint8Array(4),
    endpointPort: 80,
  } as const;
  const phases = (protocol: number, states: readonly number[]): string =>
    states
      .map((state) => {
        reader.read(payload({ ...at, protocol, state }));
        return reader.phase;
      })
      .join(" ");
  assert.equal(
    phases(6, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    "opening opening active active active ended ended ended opening",
  );
  assert.equal(phases(132, [1, 2, 3, 4, 5, 6, 7]), "ended opening opening active active active ended");
  reader.read(payload({ ...at, protocol: 17 }));
  assert.equal(reader.phase, "active");
});

test("a connection without ports is passed over, and a message that is cut off is refused", () => {
  const reader = new FlowReader();
  const whole = payload({
    family: 4,
    protocol: 6,
    virtual: new Uint8Array(4),
    virtualPort: 80,
    endpoint: new Uint8Array(4),
    endpointPort: 80,
  });
  const icmp = whole.slice();
  icmp[icmp.indexOf(6, 24)] = 1;
  assert.equal(reader.read(icmp), false);
  for (let length = 8; length < whole.length; length++)
    if (length % 4 !== 0 || length < 60)
      assert.throws(() => reader.read(whole.subarray(0, length)), NetlinkFormatError, `${length} bytes`);
});
