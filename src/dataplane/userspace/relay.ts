/**
 * Two TCP connections joined to one: what is read at either end is written at the other.
 *
 * An end (FIN) on one side is an end on the other and leaves the way back open, a reset is a reset, and nothing is read
 * while the other side does not take what was read before: a way holds one buffer's worth at most, and an idle
 * connection holds none, because all read into the same one.
 */
import {
  type Epoll,
  EPOLLERR,
  type EpollHandler,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
} from "../../sys/epoll.ts";
import { resetTcp } from "../../sys/inet-socket.ts";
import * as libc from "../../sys/libc.ts";
import { EAGAIN } from "../../sys/system-error.ts";

const MSG_NOSIGNAL = 0x4000;
const FLAGS = MSG_NOSIGNAL | libc.MSG_DONTWAIT;
const SHUT_WR = 1;

/** Read and written in one turn of the processor, so only its size matters: measured, see docs/decisions/0007-userspace-proxy.md. */
const BUFFER = new Uint8Array(new ArrayBuffer(64 * 1024));
/** How many buffers one way moves before other connections have their turn. */
const ROUNDS = 4;

/** One of the two ways. */
class Way {
  readonly from: number;
  readonly to: number;
  /** What was read and the other side did not take yet. */
  held: Uint8Array | undefined;
  /** The reader has been told of the writer's end. */
  hasEnded = false;
  /** The writer's end was announced; it comes after what is still to be read. */
  endIsNear = false;

  constructor(from: number, to: number) {
    this.from = from;
    this.to = to;
  }
}

type Moved = "wait" | "more" | "failed";

/** Owns both descriptors from its making on, and the events of both. Disposing resets both sides. */
export class Relay implements EpollHandler, Disposable {
  readonly #client: number;
  readonly #backend: number;
  readonly #epoll: Epoll;
  readonly #closed: (relay: Relay) => void;
  readonly #there: Way;
  readonly #back: Way;
  #isClosed = false;
  #isQueued = false;

  /** `closed` is called once, after both descriptors are. Call {@link start} next. */
  constructor(client: number, backend: number, epoll: Epoll, closed: (relay: Relay) => void) {
    this.#client = client;
    this.#backend = backend;
    this.#epoll = epoll;
    this.#closed = closed;
    this.#there = new Way(client, backend);
    this.#back = new Way(backend, client);
  }

  /** Moves what has come before. `events` are those of both descriptors that the former handler was told of. */
  start(clientEvents: number, backendEvents: number): void {
    this.onEvents(this.#backend, backendEvents & ~EPOLLOUT);
    if (!this.#isClosed) this.onEvents(this.#client, clientEvents | EPOLLIN);
  }

  onEvents(fd: number, events: number): void {
    const isClient = fd === this.#client;
    const inward = isClient ? this.#there : this.#back;
    const outward = isClient ? this.#back : this.#there;
    if ((events & EPOLLRDHUP) !== 0) inward.endIsNear = true;
    let result: Moved = "wait";
    // Room for more. Without anything held nobody waits for it.
    if ((events & EPOLLOUT) !== 0 && outward.held !== undefined) result = this.#move(outward);
    if (
      result !== "failed" &&
      (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0 &&
      !inward.hasEnded
    ) {
      const second = this.#move(inward);
      if (second !== "wait") result = second;
    }
    // Reading tells of an error, unless it is not its turn: the other side does not take what was read before.
    if (result === "failed" || (events & EPOLLERR) !== 0) this[Symbol.dispose]();
    else if (this.#there.hasEnded && this.#back.hasEnded) this.#close();
    else if (result === "more" && !this.#isQueued) {
      this.#isQueued = true;
      this.#epoll.later(() => this.#continue());
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#forget();
    resetTcp(this.#client);
    resetTcp(this.#backend);
    this.#closed(this);
  }

  #continue(): void {
    this.#isQueued = false;
    if (this.#isClosed) return;
    this.onEvents(this.#client, EPOLLIN | EPOLLOUT);
    if (!this.#isClosed) this.onEvents(this.#backend, EPOLLIN | EPOLLOUT);
  }

  /** Until there is nothing to read, or no room to write. Edges are told once: stopping before means "more". */
  #move(way: Way): Moved {
    for (let round = 0; round < ROUNDS; round++) {
      if (way.held !== undefined) {
        const sent = libc.send(way.to, way.held, FLAGS);
        if (sent < 0) return sent === -EAGAIN ? "wait" : "failed";
        if (sent < way.held.length) {
          way.held = way.held.subarray(sent);
          return "wait";
        }
        way.held = undefined;
      }
      const read = libc.receive(way.from, BUFFER, libc.MSG_DONTWAIT);
      if (read === -EAGAIN) return "wait";
      if (read < 0) return "failed";
      if (read === 0) {
        way.hasEnded = true;
        return libc.shutdown(way.to, SHUT_WR) < 0 ? "failed" : "wait";
      }
      const sent = libc.sendPart(way.to, BUFFER, read, FLAGS);
      if (sent < read) {
        if (sent < 0 && sent !== -EAGAIN) return "failed";
        way.held = BUFFER.slice(Math.max(sent, 0), read);
        return "wait";
      }
      // A part of the buffer means that there was no more (epoll(7)); what comes later is told by another edge.
      if (read < BUFFER.length && !way.endIsNear) return "wait";
    }
    return "more";
  }

  #close(): void {
    this.#forget();
    libc.close(this.#client);
    libc.close(this.#backend);
    this.#closed(this);
  }

  #forget(): void {
    this.#isClosed = true;
    this.#epoll.forget(this.#client);
    this.#epoll.forget(this.#backend);
  }
}
