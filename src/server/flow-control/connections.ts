/**
 * The connections that are open. When there are too many, the oldest of those that have not shown who they are is
 * closed, so that a flood of strangers pushes out strangers only; if there is none, the newcomer is. A user who has as many
 * as one may have stays a stranger on every further one.
 */
import type { Socket } from "node:net";
import type { UserInfo } from "../registry.ts";
import { LongRunningLimit } from "./long-running-limit.ts";

/** The two ends of a connection tell it from all others: the TLS layer has a socket object of its own for it. */
export type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

export class Connections {
  readonly #limit: number;
  readonly #open = new Set<Socket>();
  /** The oldest first. */
  readonly #strangers = new Map<string, Socket>();
  readonly #known = new Set<string>();
  readonly #users: LongRunningLimit;

  /** `perUser`: of one user; of one in system:masters, twice as many. */
  constructor(limit: number, perUser: number) {
    this.#limit = limit;
    this.#users = new LongRunningLimit({ perUser, all: limit });
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

  /**
   * This one has shown who it is: it counts as this user's until it closes, whoever else uses it. Whether it is known
   * now: false if the user has too many, or if it is closed already.
   */
  introduce(peer: Peer, user: UserInfo): boolean {
    const key = keyOf(peer);
    const socket = this.#strangers.get(key);
    if (socket === undefined) return this.#known.has(key);
    const hold = this.#users.hold(user);
    if (typeof hold === "string") return false;
    this.#strangers.delete(key);
    this.#known.add(key);
    socket.once("close", () => {
      hold.release();
      this.#known.delete(key);
    });
    return true;
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

function keyOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress} ${remotePort}`;
}
