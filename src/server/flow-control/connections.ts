/**
 * The connections that are open. When there are too many, the oldest of those that have not shown who they are is
 * closed, so that a flood of strangers pushes out strangers only; if there is none, the newcomer is.
 */
import type { Socket } from "node:net";

/** The two ends of a connection tell it from all others: the TLS layer has a socket object of its own for it. */
export type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

export class Connections {
  readonly #limit: number;
  readonly #open = new Set<Socket>();
  /** The oldest first. */
  readonly #strangers = new Map<string, Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get open(): number {
    return this.#open.size;
  }

  add(socket: Socket): void {
    const key = keyOf(socket);
    this.#open.add(socket);
    this.#strangers.set(key, socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      if (this.#strangers.get(key) === socket) this.#strangers.delete(key);
    });
    if (this.#open.size <= this.#limit) return;
    // The newcomer is a stranger too: it is the oldest when there is no other.
    const [oldest] = this.#strangers.values();
    oldest!.destroy();
    this.#open.delete(oldest!);
    this.#strangers.delete(keyOf(oldest!));
  }

  /** This one has shown who it is. */
  introduce(peer: Peer): void {
    this.#strangers.delete(keyOf(peer));
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

function keyOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress} ${remotePort}`;
}
