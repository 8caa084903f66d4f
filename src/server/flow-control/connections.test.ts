import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
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

function open(connections: Connections, port: number): FakeSocket {
  const socket = new FakeSocket(port);
  connections.add(socket as unknown as Socket);
  return socket;
}

test("when there are too many, the oldest stranger goes; if all are known, the newcomer", () => {
  const connections = new Connections(3);
  const [a, b, c] = [1, 2, 3].map((port) => open(connections, port)) as [FakeSocket, FakeSocket, FakeSocket];
  // Told by the TLS layer, whose socket is another object.
  connections.introduce({ remoteAddress: "127.0.0.1", remotePort: 1 });
  const d = open(connections, 4);
  assert.deepEqual(
    [a, b, c, d].map(({ destroyed }) => destroyed),
    [false, true, false, false],
  );
  assert.equal(connections.open, 3);
  connections.introduce(c);
  connections.introduce(d);
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
  const connections = new Connections(1);
  const first = open(connections, 1);
  connections.introduce(first);
  first.destroy();
  open(connections, 1);
  const next = open(connections, 2);
  assert.deepEqual([next.destroyed, connections.open], [false, 1]);
});
