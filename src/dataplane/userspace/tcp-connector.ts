/** A client's connection that waits for a backend: one is tried after the other until one answers. */
import {
  type EpollHandler,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
} from "../../sys/epoll.ts";
import { openTcpSocket, resetTcp } from "../../sys/inet-socket.ts";
import * as libc from "../../sys/libc.ts";
import { callInNetns } from "../../sys/netns.ts";
import { describeErrno, EINPROGRESS, SystemError } from "../../sys/system-error.ts";
import type { ListenerParts } from "./port-listener.ts";
import { Relay } from "./relay.ts";
import type { Target } from "./target.ts";

/** How many backends a connection tries before it is reset. */
const MAX_ATTEMPTS = 3;
const EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
const NOBODY: Target = { name: "", weight: 0, socketAddress: new Uint8Array() };

type ConnectorParts = Pick<ListenerParts, "epoll" | "connections" | "netns" | "tcpConnectTimeoutMs">;

export interface ConnectorEvents {
  /** Another backend than those in `tried`, or undefined if there is none. */
  next(tried: ReadonlySet<Target>): Target | undefined;
  failed(target: Target, reason: string): void;
  /** A backend has answered, or the client has got a reset. */
  done(): void;
}

/** Disposing resets the client. */
export class TcpConnector implements EpollHandler, Disposable {
  /** The backend that is tried at the moment. */
  target: Target = NOBODY;
  readonly #client: number;
  readonly #parts: ConnectorParts;
  readonly #events: ConnectorEvents;
  #backend = -1;
  /** What came of the client meanwhile. */
  #clientEvents = 0;
  #timeout: NodeJS.Timeout | undefined;
  #tried: Set<Target> | undefined;
  #isDone = false;

  /** Owns `client`. */
  constructor(client: number, parts: ConnectorParts, events: ConnectorEvents) {
    this.#client = client;
    this.#parts = parts;
    this.#events = events;
  }

  start(target: Target): void {
    this.#parts.connections.add(this);
    this.#parts.epoll.add(this.#client, EVENTS, this);
    this.#try(target);
  }

  onEvents(fd: number, events: number): void {
    if (fd === this.#client) {
      this.#clientEvents |= events;
      // Gone, not only at the end of its way.
      if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this[Symbol.dispose]();
    } else if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
      const errno = libc.getSocketOption(fd, libc.SOL_SOCKET, libc.SO_ERROR);
      // Without an error it did answer, and has ended already.
      if (errno === 0 && (events & EPOLLIN) !== 0) this.#join(events);
      else this.tryNext(describeErrno(errno));
    } else if ((events & EPOLLOUT) !== 0) this.#join(events);
  }

  /** Gives the backend up that is being tried, for `reason`, and tries another; resets the client if there is none. */
  tryNext(reason: string): void {
    this.#events.failed(this.target, reason);
    this.#giveUp();
    this.#tried ??= new Set();
    this.#tried.add(this.target);
    const target = this.#tried.size < MAX_ATTEMPTS ? this.#events.next(this.#tried) : undefined;
    if (target === undefined) this[Symbol.dispose]();
    else this.#try(target);
  }

  [Symbol.dispose](): void {
    if (this.#isDone) return;
    this.#giveUp();
    this.#parts.epoll.forget(this.#client);
    resetTcp(this.#client);
    this.#finish();
  }

  #try(target: Target): void {
    this.target = target;
    const { epoll, netns, tcpConnectTimeoutMs } = this.#parts;
    try {
      this.#backend = callInNetns(netns, () => openTcpSocket(target.socketAddress));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return this.tryNext(error.message);
    }
    const result = libc.connect(this.#backend, target.socketAddress);
    if (result !== 0 && result !== -EINPROGRESS) return this.tryNext(describeErrno(-result));
    this.#timeout = setTimeout(() => this.tryNext("it did not answer in time"), tcpConnectTimeoutMs);
    epoll.add(this.#backend, EVENTS, this);
  }

  /** Forgets the backend that is being tried. */
  #giveUp(): void {
    clearTimeout(this.#timeout);
    if (this.#backend < 0) return;
    this.#parts.epoll.forget(this.#backend);
    libc.close(this.#backend);
    this.#backend = -1;
  }

  #join(backendEvents: number): void {
    clearTimeout(this.#timeout);
    const { epoll, connections } = this.#parts;
    const relay = new Relay(this.#client, this.#backend, epoll, (ended) => connections.delete(ended));
    // Before this one is taken away: between them the data plane would seem to have none left.
    connections.add(relay);
    this.#finish();
    epoll.pass(this.#client, relay);
    epoll.pass(this.#backend, relay);
    relay.start(this.#clientEvents, backendEvents);
  }

  #finish(): void {
    this.#isDone = true;
    this.#parts.connections.delete(this);
    this.#events.done();
  }
}
