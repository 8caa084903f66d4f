import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { UserInfo } from "../registry.ts";
import { Connections } from "./connections.ts";

/** A connection from this port, which can only be closed. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort: number;
  destroyed = false;

  constructor(port: number) {
    super();
    this.remotePort = port;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

const alice: UserInfo = { name: "alice", groups: [] };

function open(connections: Connections, port: number): FakeSocket {
  const socket = new FakeSocket(port);
  connections.add(socket as unknown as Socket);
  return socket;
}

test("when there are too many, the oldest stranger goes; if all are known, the newcomer", () => {
  const connections = new Connections(3, 3);
  const [a, b, c] = [1, 2, 3].map((port) => open(connections, port)) as [FakeSocket, FakeSocket, FakeSocket];
  // Told by the TLS layer, whose socket is another object.
  connections.introduce({ remoteAddress: "127.0.0.1", remotePort: 1 }, alice);
  const d = open(connections, 4);
  assert.deepEqual(
    [a, b, c, d].map(({ destroyed }) => destroyed),
    [false, true, false, false],
  );
  assert.equal(connections.open, 3);
  connections.introduce(c, alice);
  connections.introduce(d, alice);
  const e = open(connections, 5);
  assert.deepEqual(
    [a, c, d, e].map(({ destroyed }) => destroyed),
    [false, false, false, true],
  );
  a.destroy();
  const f = open(connections, 6);
  assert.deepEqual([f.destroyed, connections.open], [false, 3]);
  connections.destroyAll();
  assert.equal(connections.open, 0);
});

test("a port that is used again is a stranger's again", () => {
  const connections = new Connections(1, 1);
  const first = open(connections, 1);
  connections.introduce(first, alice);
  first.destroy();
  open(connections, 1);
  const next = open(connections, 2);
  assert.deepEqual([next.destroyed, connections.open], [false, 1]);
});

test("a user's connections beyond the bound stay strangers', until one of the others closes", () => {
  const connections = new Connections(10, 2);
  const [a, b, c] = [1, 2, 3].map((port) => open(connections, port)) as [FakeSocket, FakeSocket, FakeSocket];
  const introduced = (socket: FakeSocket, user = alice): boolean => connections.introduce(socket, user);
  assert.deepEqual([introduced(a), introduced(b), introduced(c)], [true, true, false]);
  assert.equal(introduced(a), true, "it is known already");
  const [d, e] = [open(connections, 4), open(connections, 5)];
  assert.equal(introduced(d, { name: "bob", groups: [] }), true, "another user has a bound of their own");
  // Whoever comes by a connection that is known does not change whose it is.
  assert.equal(introduced(d), true);
  assert.equal(introduced(e), false);
  a.destroy();
  assert.equal(introduced(a), false, "it is closed");
  assert.equal(introduced(c), true);
  assert.equal(introduced(e), false);
  const admin = { name: "admin", groups: ["system:masters"] };
  const more = [6, 7, 8, 9, 10].map((port) => introduced(open(connections, port), admin));
  assert.deepEqual(more, [true, true, true, true, false]);
});
