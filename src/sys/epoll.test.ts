import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../base/ip.ts";
import { DatagramBuffer } from "./datagram.ts";
import { Epoll, EPOLLIN } from "./epoll.ts";
import { addressText, connectUdp, newSocketAddressBuffer, openUdpSocket, portOf } from "./inet-socket.ts";
import * as libc from "./libc.ts";
import { socketAddress } from "./netns-socket.ts";

const LOOPBACK = ip("127.0.0.1");

/** A UDP socket of the system's choice, and one that sends to it. */
function pair(stack: DisposableStack): { readonly receiver: number; readonly sender: number } {
  const receiver = stack.adopt(openUdpSocket(LOOPBACK, 0), (fd) => libc.close(fd));
  const name = newSocketAddressBuffer();
  libc.getSocketName(receiver, name);
  const sender = stack.adopt(connectUdp(name.bytes.slice(0, 16)), (fd) => libc.close(fd));
  return { receiver, sender };
}

test("many descriptors tell of their events, each to its own handler, until they are removed", async () => {
  using stack = new DisposableStack();
  const epoll = stack.use(new Epoll());
  const heard = new Map<number, number>();
  const pairs = Array.from({ length: 50 }, () => pair(stack));
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const buffer = new Uint8Array(100);
  const onEvents = (fd: number): void => {
    libc.receive(fd, buffer, libc.MSG_DONTWAIT);
    heard.set(fd, (heard.get(fd) ?? 0) + 1);
    if (heard.size === 49) resolve();
  };
  for (const { receiver } of pairs) epoll.add(receiver, EPOLLIN, { onEvents });
  epoll.remove(pairs[0]!.receiver);
  for (const { sender } of pairs) libc.send(sender, Uint8Array.of(1), 0);
  await all;
  assert.equal(heard.has(pairs[0]!.receiver), false);
  assert.deepEqual(new Set(heard.values()), new Set([1]));
});

test("an event of a descriptor that was closed in the same batch is nobody's, even if its number is used again", async () => {
  using stack = new DisposableStack();
  const epoll = stack.use(new Epoll());
  const [one, two] = [pair(stack), pair(stack)];
  const strays: number[] = [];
  const reused: number[] = [];
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const buffer = new Uint8Array(100);
  // Whichever is told first takes the other away, and puts one with the same number in its place that wants no events.
  const onEvents = (fd: number): void => {
    libc.receive(fd, buffer, libc.MSG_DONTWAIT);
    if (reused.length > 0) return void strays.push(fd);
    const other = fd === one.receiver ? two.receiver : one.receiver;
    epoll.remove(other);
    epoll.add(other, 0, { onEvents: (stray) => void strays.push(stray) });
    reused.push(other);
    setImmediate(resolve);
  };
  for (const { receiver } of [one, two]) epoll.add(receiver, EPOLLIN, { onEvents });
  for (const { sender } of [one, two]) libc.send(sender, Uint8Array.of(1), 0);
  await first;
  assert.deepEqual(strays, []);
});

test("a datagram at a wildcard address is answered from the address that it came to", () => {
  using stack = new DisposableStack();
  const datagrams = stack.use(new DatagramBuffer());
  for (const [any, asked] of [
    ["0.0.0.0", "127.0.0.5"],
    ["::", "::1"],
  ] as const) {
    const receiver = stack.adopt(openUdpSocket(ip(any), 0), (fd) => libc.close(fd));
    const name = newSocketAddressBuffer();
    libc.getSocketName(receiver, name);
    const to = socketAddress(ip(asked), portOf(name.bytes));
    // Connected: it hears nothing that comes from elsewhere.
    const client = stack.adopt(connectUdp(to), (fd) => libc.close(fd));
    libc.send(client, Buffer.from("question"), 0);
    const length = datagrams.receive(receiver);
    assert.equal(Buffer.from(datagrams.data.subarray(0, length)).toString(), "question");
    const peer = datagrams.peer();
    assert.equal(addressText(peer.address), asked === "::1" ? "::1" : "127.0.0.1");
    assert.equal(datagrams.answer(receiver, 4, peer), 4);
    const answer = new Uint8Array(100);
    assert.equal(libc.receive(client, answer, libc.MSG_DONTWAIT), 4);
    assert.equal(Buffer.from(answer.subarray(0, 4)).toString(), "ques");
  }
});
