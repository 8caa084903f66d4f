import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ip } from "../base/ip.ts";
import { acceptUnix, connectUnix, listenUnix, receiveDescriptors, sendDescriptors } from "./fd-passing.ts";
import { newSocketAddressBuffer, openTcpListener, portOf } from "./inet-socket.ts";
import * as libc from "./libc.ts";

test("sockets go to another holder with a message, and the file is for their owner only", () => {
  using stack = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "fairlead-fd-"));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "s");
  const own = (fd: number): number => stack.adopt(fd, (each) => libc.close(each));
  const listener = own(listenUnix(path));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(acceptUnix(listener), undefined);
  const one = connectUnix(path);
  const other = own(acceptUnix(listener)!);
  assert.equal(receiveDescriptors(other), undefined);

  const portName = (fd: number): number => {
    const name = newSocketAddressBuffer();
    libc.getSocketName(fd, name);
    return portOf(name.bytes);
  };
  const sockets = Array.from({ length: 200 }, () => openTcpListener(ip("127.0.0.1"), 0));
  const ports = sockets.map(portName);
  sendDescriptors(one, { bytes: Buffer.from("two hundred"), descriptors: sockets });
  for (const fd of sockets) libc.close(fd);
  const message = receiveDescriptors(other);
  assert.ok(typeof message === "object");
  assert.equal(Buffer.from(message.bytes).toString(), "two hundred");
  assert.deepEqual(message.descriptors.map(own).map(portName), ports);

  libc.close(one);
  assert.equal(receiveDescriptors(other), "end");
  assert.throws(() => connectUnix(`/${"x".repeat(200)}`), /ENAMETOOLONG/);
  assert.throws(() => connectUnix(join(directory, "none")), /ENOENT/);
});
