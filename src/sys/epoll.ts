/**
 * Many descriptors on node's event loop at the price of one: an epoll(7) of our own, which node's watches.
 *
 * libuv calls JavaScript once for each ready descriptor, through several layers; here one call brings all that are ready,
 * as numbers. A proxy spends most of its time at this place.
 */
import { endianness } from "node:os";
import * as libc from "./libc.ts";
import { pollReadable } from "./poll.ts";
import { EINTR, SystemError } from "./system-error.ts";

/** Events of epoll_ctl(2). The kernel reports ERR and HUP whether they were asked for or not. */
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
/** The other side has ended its way (a FIN). */
export const EPOLLRDHUP = 0x2000;
/** Tells of a change once, not of a state again and again: read and write until EAGAIN. */
export const EPOLLET: number = 0x80000000 | 0;

const ADD = 1;
const DELETE = 2;
const MODIFY = 3;

/** How many events a call brings at most, and how often it is called before others on the loop have their turn. */
const BATCH = 256;
const BATCHES = 8;

/** struct epoll_event is packed on x86-64 only (linux/eventpoll.h). Its u64 holds the descriptor and a generation. */
const [STRIDE, FD] = process.arch === "x64" ? [3, 1] : [4, 2];
if (endianness() !== "LE") throw new Error("epoll events are read as little endian numbers");

export interface EpollHandler {
  /** `events` is what the kernel says of `fd`: EPOLLIN | EPOLLOUT | .... Must not throw. */
  onEvents(fd: number, events: number): void;
}

export class Epoll implements Disposable {
  readonly #fd: number;
  readonly #poll: Disposable;
  readonly #handlers: (EpollHandler | undefined)[] = [];
  /** Counts the uses of a descriptor's number: events of a batch may be of a socket that an earlier one closed. */
  readonly #generations: number[] = [];
  readonly #change = new Int32Array(64);
  readonly #changeBytes = new Uint8Array(this.#change.buffer);
  readonly #events = new Int32Array(BATCH * STRIDE);
  readonly #eventBytes = new Uint8Array(this.#events.buffer);
  #again: (() => void)[] = [];
  #isDisposed = false;

  constructor() {
    this.#fd = libc.epollCreate();
    this.#poll = pollReadable(this.#fd, () => this.#run());
  }

  /** Tells `handler` of `events` on `fd` until it is removed, or forgotten and closed. Throws SystemError. */
  add(fd: number, events: number, handler: EpollHandler): void {
    const generation = ((this.#generations[fd] ?? 0) + 1) | 0;
    this.#generations[fd] = generation;
    this.#control(ADD, fd, events, generation);
    this.#handlers[fd] = handler;
  }

  /** Asks for other events of `fd`; 0 is for none but ERR and HUP. */
  modify(fd: number, events: number): void {
    this.#control(MODIFY, fd, events, this.#generations[fd]!);
  }

  /** Lets another handler hear of `fd`, which was added, from the next event on. */
  pass(fd: number, handler: EpollHandler): void {
    this.#handlers[fd] = handler;
  }

  /** For a descriptor that stays open, here or in another process. */
  remove(fd: number): void {
    this.forget(fd);
    libc.epollControl(this.#fd, DELETE, fd, null);
  }

  /** For a descriptor that is closed next, and that nobody else has: the kernel removes it then. */
  forget(fd: number): void {
    this.#handlers[fd] = undefined;
  }

  /** Calls `work` when everything else that is ready had its turn. */
  later(work: () => void): void {
    if (this.#again.push(work) === 1) setImmediate(() => this.#run());
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#again = [];
    this.#poll[Symbol.dispose]();
    libc.close(this.#fd);
  }

  #control(operation: number, fd: number, events: number, generation: number): void {
    this.#change[0] = events;
    this.#change[FD] = fd;
    this.#change[FD + 1] = generation;
    libc.epollControl(this.#fd, operation, fd, this.#changeBytes);
  }

  #run(): void {
    const again = this.#again;
    if (again.length > 0) this.#again = [];
    for (const work of again) work();
    for (let batch = 0; batch < BATCHES && !this.#isDisposed; batch++) {
      const count = libc.epollWait(this.#fd, this.#eventBytes, BATCH);
      if (count < 0 && count !== -EINTR) throw new SystemError("epoll_wait", -count, [this.#fd]);
      for (let i = 0; i < count; i++) {
        const at = i * STRIDE;
        const fd = this.#events[at + FD]!;
        if (this.#generations[fd] === this.#events[at + FD + 1])
          this.#handlers[fd]?.onEvents(fd, this.#events[at]!);
      }
      if (count <= 0) return;
    }
  }
}
