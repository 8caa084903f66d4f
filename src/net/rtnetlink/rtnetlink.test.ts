import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Cidr, Ip } from "../../base/ip.ts";
import { cidr, ip, ipFromBytes } from "../../base/ip.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { NetlinkFormatError, parseMessages } from "../../sys/netlink-message.ts";
import { NetlinkWriter } from "../netlink/writer.ts";
import { readAddress, RTM_NEWADDR, writeAddress } from "./address.ts";
import { isLinkName, readLink, writeNewLink, writeSetLink } from "./link.ts";
import { readNeighbour, readProxy, RTM_NEWNEIGH, writeNeighbour, writeProxy } from "./neighbour.ts";
import type { Route } from "./route.ts";
import { readRoute, RouteType, RTM_NEWROUTE, writeRoute } from "./route.ts";

/** Records as literals make them: deepEqual compares prototypes. */
const record: typeof fc.record = (model: object, constraints?: object) =>
  fc.record(model, { noNullPrototype: true, ...constraints }) as never;

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const index = fc.integer({ min: 1, max: 0x7fffffff });
const u8 = fc.integer({ min: 0, max: 255 });
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipFromBytes),
);
const sameFamily = (family: 4 | 6): fc.Arbitrary<Ip> => address.filter((one) => one.family === family);
const range: fc.Arbitrary<Cidr> = address.chain((one) => {
  const bits = one.family === 4 ? 32 : 128;
  return fc.integer({ min: 0, max: bits }).map((length) => {
    const host = BigInt(bits - length);
    return { base: { family: one.family, value: (one.value >> host) << host }, length };
  });
});
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":"));
const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,14}$/);

function only(write: (writer: NetlinkWriter) => void): NetlinkMessage {
  const writer = new NetlinkWriter(8);
  write(writer);
  const [message, ...more] = parseMessages(writer.finish());
  assert.equal(more.length, 0);
  return message!;
}

test("an address comes back as it was written", () => {
  const value = record({
    link: index,
    address,
    prefixLength: fc.integer({ min: 0, max: 32 }),
    scope: u8,
    flags: u32,
  });
  fc.assert(
    fc.property(value, (value) => {
      const message = only((writer) => writeAddress(writer, RTM_NEWADDR, 0, value));
      assert.deepEqual(readAddress(message), value);
    }),
  );
});

test("a route comes back as it was written", () => {
  const value: fc.Arbitrary<Route> = range.chain((destination) => {
    const { family } = destination.base;
    return record({
      destination: fc.constant(destination),
      type: fc.constantFrom(...(Object.keys(RouteType) as (keyof typeof RouteType)[])),
      table: fc.oneof(u8, u32),
      protocol: u8,
      scope: u8,
      link: fc.option(index, { nil: undefined }),
      gateway: fc.option(sameFamily(family), { nil: undefined }),
      source: fc.option(sameFamily(family), { nil: undefined }),
      priority: u32,
      onlink: fc.boolean(),
    });
  });
  fc.assert(
    fc.property(value, (value) => {
      assert.deepEqual(readRoute(only((writer) => writeRoute(writer, RTM_NEWROUTE, 0, value))), value);
    }),
  );
});

test("a neighbour comes back as it was written", () => {
  const value = record({
    link: index,
    address,
    mac: fc.option(mac, { nil: undefined }),
    state: fc.integer({ min: 0, max: 0xffff }),
  });
  fc.assert(
    fc.property(value, (value) => {
      assert.deepEqual(
        readNeighbour(only((writer) => writeNeighbour(writer, RTM_NEWNEIGH, 0, value))),
        value,
      );
    }),
  );
});

test("an address that is answered for comes back as it was written, and is no neighbour", () => {
  const value = record({ link: index, address, protocol: u8 });
  fc.assert(
    fc.property(value, (value) => {
      const proxy = only((writer) => writeProxy(writer, RTM_NEWNEIGH, 0, value));
      assert.deepEqual(readProxy(proxy), value);
      const neighbour = { link: value.link, address: value.address, mac: undefined, state: 0 };
      assert.equal(
        readProxy(only((writer) => writeNeighbour(writer, RTM_NEWNEIGH, 0, neighbour))),
        undefined,
      );
    }),
  );
});

test("a link's settings come back as they were written", () => {
  const settings = record({
    name,
    up: fc.boolean(),
    mtu: u32,
    address: mac,
    master: index,
    alias: fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !text.includes("\0")),
    bridgePort: record({ hairpin: fc.boolean(), isolated: fc.boolean() }),
  });
  fc.assert(
    fc.property(index, settings, (index, settings) => {
      const { bridgePort, ...rest } = settings;
      const set = readLink(only((writer) => writeSetLink(writer, 0, index, settings)));
      assert.deepEqual({ ...set, ...rest, index, bridgePort }, set);
      const made = readLink(only((writer) => writeNewLink(writer, 0, { ...rest, kind: "bridge" })));
      assert.deepEqual({ ...made, ...rest, index: 0, kind: "bridge" }, made);
    }),
  );
});

test("the bytes are those of the kernel's headers, worked out by hand", () => {
  // ndmsg of AF_INET on interface 7 with NTF_PROXY, NDA_DST, NDA_PROTOCOL (padded).
  const proxy = only((writer) =>
    writeProxy(writer, RTM_NEWNEIGH, 0, { link: 7, address: ip("100.1.1.3"), protocol: 170 }),
  );
  assert.equal(
    Buffer.from(proxy.payload).toString("hex"),
    "020000000700000000000800080001006401010305000c00aa000000",
  );
  // IFLA_IFNAME, then IFLA_LINKINFO { kind, IFLA_INFO_DATA { VETH_INFO_PEER { ifinfomsg, IFLA_IFNAME } } }.
  const veth = only((writer) => writeNewLink(writer, 0, { name: "v0", kind: "veth", peer: { name: "v1" } }));
  assert.equal(
    Buffer.from(veth.payload.subarray(16)).toString("hex"),
    "070003007630000030001280090001007665746800000000200002801c000180" + "00".repeat(16) + "0700030076310000",
  );
  const route = only((writer) =>
    writeRoute(writer, RTM_NEWROUTE, 0, {
      destination: cidr("10.96.0.0/16"),
      type: "unreachable",
      table: 254,
      protocol: 4,
      scope: 0,
      link: undefined,
      gateway: undefined,
      source: undefined,
      priority: 7,
      onlink: false,
    }),
  );
  assert.equal(
    Buffer.from(route.payload).toString("hex"),
    "02100000fe04000700000000080001000a60000008000f00fe0000000800060007000000",
  );
});

test("noise is refused with a NetlinkFormatError or read, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (payload) => {
      const message = { type: 0, flags: 0, sequence: 0, port: 0, payload };
      for (const read of [readLink, readAddress, readRoute, readNeighbour]) {
        try {
          read(message);
        } catch (error) {
          assert.ok(error instanceof NetlinkFormatError || error instanceof RangeError, String(error));
        }
      }
    }),
  );
});

test("names that the kernel refuses are no link names", () => {
  for (const good of ["eth0", "fl-1234567890ab", "a.100"]) assert.ok(isLinkName(good), good);
  for (const bad of ["", ".", "..", "a b", "a/b", "a:1", "sixteen-letters-", "a\0"])
    assert.ok(!isLinkName(bad), bad);
});
