import assert from "node:assert/strict";
import { test } from "node:test";
import { NetlinkError, readRefusal } from "./netlink-error.ts";
import { hostU32, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, putHostU32 } from "./netlink-message.ts";
import type { NetlinkMessage } from "./netlink-message.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "./netlink-socket.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;

/** A link message of struct ifinfomsg alone, for the interface with `index`. */
function linkMessage(type: number, flags: number, index = 0): Uint8Array {
  const bytes = new Uint8Array(32);
  putHostU32(bytes, 0, bytes.length);
  bytes[4] = type;
  bytes[6] = flags;
  bytes[7] = flags >>> 8;
  putHostU32(bytes, 20, index);
  return bytes;
}

test("a dump gives every object and ends by itself", async () => {
  using socket = await NetlinkSocket.open(NETLINK_ROUTE);
  const links = socket.dump(linkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP));
  assert.ok(links.length > 0);
  for (const link of links) assert.equal(link.type, RTM_NEWLINK);
  const loopback = links.find((link) => hostU32(link.payload, 4) === 1);
  assert.ok(loopback?.payload.toString().includes(Buffer.from("lo\0").join(",")), "interface 1 is lo");
});

test("a scan visits what a dump gives, and the socket is free afterwards", async () => {
  using socket = await NetlinkSocket.open(NETLINK_ROUTE);
  const request = (): Uint8Array => linkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
  const index = (link: NetlinkMessage): number => hostU32(link.payload, 4);
  const visited: number[] = [];
  // A turn of no time: the event loop goes on after each datagram.
  const scan = socket.scan(request(), (link) => visited.push(index(link)), { turn: 0 });
  assert.throws(() => socket.dump(request()), /a scan is under way/);
  await scan;
  assert.deepEqual(visited, socket.dump(request()).map(index));
  await assert.rejects(
    socket.scan(request(), () => {
      throw new Error("not this one");
    }),
    /not this one/,
  );
  await assert.rejects(
    socket.scan(request(), () => assert.fail("visited"), { signal: AbortSignal.abort(new Error("enough")) }),
    /enough/,
  );
  assert.deepEqual(visited, socket.dump(request()).map(index));
});

test("a get gives one object, and requests can be sent together", async () => {
  using socket = await NetlinkSocket.open(NETLINK_ROUTE);
  const get = linkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 1);
  const both = socket.transact(Buffer.concat([get, get]));
  assert.deepEqual(
    both.map((link) => hostU32(link.payload, 4)),
    [1, 1],
  );
  assert.equal(both[1]!.sequence, both[0]!.sequence + 1);
});

test("a refusal says which message, the errno's name and the kernel's own words", async () => {
  using socket = await NetlinkSocket.open(NETLINK_ROUTE);
  const good = linkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 1);
  const bad = linkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 0x7fff_fff0);
  assert.throws(
    () => socket.transact(Buffer.concat([good, bad])),
    (error: unknown) => {
      assert.ok(error instanceof NetlinkError);
      assert.deepEqual([error.code, error.index, error.type], ["ENODEV", 1, RTM_GETLINK]);
      assert.match(error.message, /message 1 of 2 \(type 0x12\): ENODEV/);
      return true;
    },
  );
  // A get with a header field that the kernel does not take in strict mode is refused with an explanation.
  const strict = linkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 1);
  strict[18] = 1;
  assert.throws(() => socket.transact(strict), {
    name: "NetlinkError",
    code: "EINVAL",
    text: /Invalid values in header/,
  });
  assert.equal(socket.transact(good).length, 1, "the socket is usable after refusals");
});

test("delete and new messages are no dumps, whatever their flags", async () => {
  using socket = await NetlinkSocket.open(NETLINK_ROUTE);
  const message = linkMessage(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP, 0x7fff_fff0);
  assert.throws(() => socket.transact(message), { name: "NetlinkError" });
});

test("a socket that hears takes no requests, and one without groups has no listener", async () => {
  using hearing = await NetlinkSocket.open(NETLINK_ROUTE, { groups: [1] });
  assert.throws(() => hearing.transact(linkMessage(RTM_GETLINK, NLM_F_REQUEST)), /open a second one/);
  using silent = await NetlinkSocket.open(NETLINK_NETFILTER);
  assert.throws(() => silent.subscribe(() => {}), /with the groups to hear/);
  using subscription = hearing.subscribe(() => {});
  assert.throws(() => hearing.subscribe(() => {}), /has a listener already/);
  subscription[Symbol.dispose]();
  hearing.subscribe(() => {})[Symbol.dispose]();
});

test("the extended acknowledgement is read behind a capped and behind a whole request", () => {
  // NLMSG_ERROR with NLM_F_ACK_TLVS: errno, the request, then NLMSGERR_ATTR_MSG "no" and NLMSGERR_ATTR_OFFS 20.
  const attributes = "070001006e6f00000800020014000000";
  const request = "14000000100005000100000000000000";
  for (const [flags, echoed] of [
    ["0003", request],
    ["0002", `${request}aabbccdd`],
  ]) {
    const body = `eaffffff${echoed}${attributes}`;
    const length = Buffer.from([16 + body.length / 2, 0, 0, 0]).toString("hex");
    const bytes = Buffer.from(`${length}0200${flags}0100000000000000${body}`, "hex");
    assert.deepEqual(readRefusal(bytes, 0, 4), {
      errno: 22,
      code: "EINVAL",
      text: "no",
      offset: 20,
      index: 4,
      type: RTM_NEWLINK,
    });
  }
});
