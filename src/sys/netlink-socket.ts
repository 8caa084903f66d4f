/**
 * A netlink socket: requests and their answers synchronously, notifications on the event loop.
 *
 * The kernel works on a netlink request inside of send(2), so the answers wait in the socket when it returns, and
 * reading them never blocks. That makes a synchronous transaction the fastest thing there is: two or three calls,
 * 10 to 30 microseconds.
 */
import * as libc from "./libc.ts";
import {
  NetlinkAnswerLostError,
  NetlinkDumpInterruptedError,
  NetlinkError,
  readDone,
  readRefusal,
} from "./netlink-error.ts";
import type { Refusal } from "./netlink-error.ts";
import * as frame from "./netlink-message.ts";
import type { NetlinkMessage } from "./netlink-message.ts";
import { callInNetns } from "./netns.ts";
import { pollReadable } from "./poll.ts";
import { attachFilter, type FilterInstruction } from "./socket-filter.ts";
import { EAGAIN, EINTR, EMSGSIZE, ENOBUFS, SystemError } from "./system-error.ts";

/** NETLINK_ROUTE: links, addresses, routes, neighbours. */
export const NETLINK_ROUTE = 0;
/** NETLINK_NETFILTER: nf_tables, conntrack. */
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

/** The kernel makes dump buffers of at most 32 KiB; a single answer (a link with all its parts) may be longer. */
const RECEIVE_BYTES = 256 * 1024;

/**
 * What one acknowledgement or refusal may take of the receive buffer, the kernel's own bookkeeping included
 * (about 1.2 KiB measured). All of a request's answers are queued before the first is read.
 */
const ACKNOWLEDGEMENT_BYTES = 2048;

export interface NetlinkSocketOptions {
  /** A name in /run/netns or a path. @default {the calling thread's namespace} */
  readonly netns?: string;
  /** Multicast groups (RTNLGRP_*, NFNLGRP_* numbers) to join, for a socket that is to be subscribed to. */
  readonly groups?: readonly number[];
  /** Which notifications of the groups are wanted: the kernel drops the others. @default {all} */
  readonly filter?: readonly FilterInstruction[];
  /**
   * The socket is told things without a group (by nfnetlink_log): after the requests that ask for it, it can be subscribed
   * to, and then takes no more. @default {false}
   */
  readonly hears?: boolean;
  /** Size of the kernel's buffers for this socket. Longer requests make them grow. @default {4 MiB} */
  readonly bufferBytes?: number;
}

/** What a subscription hears. After "lost" the listener has missed messages and must read the state again. */
export type NetlinkEvent =
  | { readonly type: "messages"; readonly messages: readonly NetlinkMessage[] }
  | { readonly type: "lost" };

const MAX_HEARD_AT_ONCE = 10_000;

export interface Subscription extends Disposable {
  /** Tells at once what waits in the socket, up to some thousands of datagrams. */
  hear(): void;
}

/** What is still to come for the request being answered. */
interface Pending {
  readonly first: number;
  readonly count: number;
  /** The types of the messages by index: for errors of a dump, which do not repeat it. */
  readonly types: number[];
  /** Indexes of the messages that will be acknowledged or whose dump will end. */
  readonly open: Set<number>;
  readonly refusals: Refusal[];
  readonly data: NetlinkMessage[];
  interrupted: boolean;
}

export class NetlinkSocket implements Disposable {
  readonly fd: number;
  readonly protocol: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  readonly #groups: readonly number[];
  readonly #hears: boolean;
  #sequence = 0;
  #sendBytes = 0;
  #receiveBytes = 0;
  #subscription: Subscription | undefined;
  #closed = false;
  #scanning = false;

  /**
   * Opens a socket in a namespace; it stays in that namespace wherever the caller's threads go.
   * Throws SystemError; reading is allowed to everybody, changes need CAP_NET_ADMIN in the namespace.
   */
  static async open(protocol: number, options: NetlinkSocketOptions = {}): Promise<NetlinkSocket> {
    const type = libc.SOCK_RAW | libc.SOCK_CLOEXEC;
    const fd = callInNetns(options.netns, () => libc.socket(libc.AF_NETLINK, type, protocol));
    return new NetlinkSocket(fd, protocol, options);
  }

  private constructor(fd: number, protocol: number, options: NetlinkSocketOptions) {
    this.fd = fd;
    this.protocol = protocol;
    this.#groups = options.groups ?? [];
    this.#hears = options.hears ?? this.#groups.length > 0;
    try {
      this.#configure(options);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #configure({ bufferBytes = 4 * 1024 * 1024, filter }: NetlinkSocketOptions): void {
    const { fd } = this;
    this.#setSendBytes(bufferBytes);
    this.#setReceiveBytes(bufferBytes);
    libc.setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    libc.setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    // Makes the kernel filter dumps by the header's fields, and refuse what it does not understand.
    if (this.protocol === NETLINK_ROUTE) libc.setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    // struct sockaddr_nl: family u16, pad u16, port u32 (0: the kernel chooses), groups u32.
    const address = new Uint8Array(12);
    address[0] = libc.AF_NETLINK;
    libc.bind(fd, address);
    // Before the first notification can come.
    if (filter !== undefined) attachFilter(fd, filter);
    for (const group of this.#groups) libc.setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  /**
   * Sends one message or many (an nf_tables batch) in one send and reads every answer. Gives the messages of the
   * answer: objects of a get, a dump or an echo; acknowledgements are only checked.
   *
   * Sequence numbers are written into `bytes`. At most one message may be a dump.
   * Throws NetlinkError if the kernel refused any message, NetlinkDumpInterruptedError, NetlinkAnswerLostError, and
   * SystemError if the request could not be sent at all.
   */
  transact(bytes: Uint8Array): NetlinkMessage[] {
    if (this.#groups.length > 0 || this.#subscription !== undefined)
      throw new Error("a socket that hears notifications takes no requests: open a second one");
    if (this.#scanning) throw new Error("a scan is under way on this socket: open a second one");
    const pending = this.#number(bytes);
    const answerBytes = pending.count * ACKNOWLEDGEMENT_BYTES;
    if (answerBytes > this.#receiveBytes) this.#setReceiveBytes(answerBytes);
    this.#send(bytes);
    const lost = this.#readAnswers(pending);
    const { refusals, open, count, data } = pending;
    if (refusals.length > 0) throw new NetlinkError(refusals as [Refusal, ...Refusal[]], count);
    if (lost)
      throw new NetlinkAnswerLostError("answers did not fit the socket's receive buffer: raise bufferBytes");
    if (open.size > 0)
      throw new NetlinkAnswerLostError(`the kernel did not answer ${open.size} of ${count} netlink messages`);
    if (pending.interrupted) throw new NetlinkDumpInterruptedError();
    return data;
  }

  /** As {@link transact} for a dump: asks again, up to `attempts` times, when the tables changed meanwhile. */
  dump(bytes: Uint8Array, attempts = 10): NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.transact(bytes);
      } catch (error) {
        if (!(error instanceof NetlinkDumpInterruptedError) || attempt >= attempts) throw error;
      }
    }
  }

  /**
   * A dump too long to be read at once: hands each message to `visit` as it comes, and lets the event loop go on
   * every `turn` milliseconds. The message's payload is a view of the receive buffer: it is gone after `visit`.
   * One scan at a time, and no other request on this socket meanwhile. Throws as {@link transact} does, the signal's
   * reason, and what `visit` throws.
   */
  async scan(
    bytes: Uint8Array,
    visit: (message: NetlinkMessage) => void,
    options: { readonly turn?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if (this.#scanning) throw new Error("a scan is under way on this socket");
    const { turn = 5, signal } = options;
    const pending = this.#number(bytes);
    let failure: { readonly error: unknown } | undefined;
    const take = (message: NetlinkMessage): void => {
      if (failure !== undefined || signal?.aborted === true) return;
      try {
        visit(message);
      } catch (error) {
        failure = { error };
      }
    };
    this.#scanning = true;
    try {
      this.#send(bytes);
      let until = performance.now() + turn;
      while (pending.open.size > 0) {
        const received = libc.receive(this.fd, this.#buffer, libc.MSG_DONTWAIT | libc.MSG_TRUNC);
        if (received === -EAGAIN || received === -ENOBUFS || received > this.#buffer.length)
          throw new NetlinkAnswerLostError("the answer to a dump was cut off");
        if (received > 0) this.#take(received, pending, take);
        else if (received !== -EINTR) throw new SystemError("recv", -received, [this.fd]);
        // What nobody wants any more is read to its end at once.
        if (performance.now() < until || failure !== undefined || signal?.aborted === true) continue;
        await new Promise((resolve) => setImmediate(resolve));
        if (this.#closed) throw new Error("the netlink socket was closed while it was read");
        until = performance.now() + turn;
      }
    } finally {
      this.#scanning = false;
    }
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure.error;
    if (pending.refusals.length > 0)
      throw new NetlinkError(pending.refusals as [Refusal, ...Refusal[]], pending.count);
    if (pending.interrupted) throw new NetlinkDumpInterruptedError();
  }

  /**
   * Calls `listener` on the event loop with what the socket's groups tell. One listener for a socket.
   * `ref: false` lets the process end while only this waits.
   */
  subscribe(listener: (event: NetlinkEvent) => void, options: { readonly ref?: boolean } = {}): Subscription {
    if (!this.#hears) throw new Error("open the socket with the groups to hear");
    if (this.#subscription !== undefined) throw new Error("the socket has a listener already");
    const poll = pollReadable(this.fd, () => this.#deliver(listener), options);
    const subscription = {
      hear: () => this.#deliver(listener, MAX_HEARD_AT_ONCE),
      [Symbol.dispose]: () => {
        poll[Symbol.dispose]();
        if (this.#subscription === subscription) this.#subscription = undefined;
      },
    };
    this.#subscription = subscription;
    return subscription;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscription?.[Symbol.dispose]();
    libc.close(this.fd);
  }

  /** Gives every message its sequence number and finds what each will be answered with. */
  #number(bytes: Uint8Array): Pending {
    const first = (this.#sequence + 1) >>> 0;
    const types: number[] = [];
    const open = new Set<number>();
    for (let at = 0; at < bytes.length;) {
      const length = frame.messageLength(bytes, at);
      const flags = frame.hostU16(bytes, at + 6);
      const isDump = (flags & frame.NLM_F_DUMP) === frame.NLM_F_DUMP && isGet(bytes, at, this.protocol);
      if ((flags & frame.NLM_F_ACK) !== 0 || isDump) open.add(types.length);
      frame.putHostU32(bytes, at + 8, (first + types.length) >>> 0);
      types.push(frame.hostU16(bytes, at + 4));
      at += frame.align4(length);
    }
    this.#sequence = (first + types.length - 1) >>> 0;
    return { first, count: types.length, types, open, refusals: [], data: [], interrupted: false };
  }

  #send(bytes: Uint8Array): void {
    for (;;) {
      const sent = libc.send(this.fd, bytes, 0);
      if (sent === bytes.length) return;
      if (sent === -EMSGSIZE && this.#sendBytes < bytes.length * 2) this.#setSendBytes(bytes.length * 2);
      else if (sent !== -EINTR) throw new SystemError("send", sent < 0 ? -sent : EMSGSIZE, [this.fd, bytes]);
    }
  }

  /** Reads until nothing is left, so that no answer can be taken for one to a later request. True if some were lost. */
  #readAnswers(pending: Pending): boolean {
    let lost = false;
    for (;;) {
      const received = libc.receive(this.fd, this.#buffer, libc.MSG_DONTWAIT | libc.MSG_TRUNC);
      if (received === -EAGAIN) return lost;
      if (received === -ENOBUFS || received > this.#buffer.length) lost = true;
      else if (received > 0) this.#take(received, pending);
      else if (received !== -EINTR) throw new SystemError("recv", -received, [this.fd]);
    }
  }

  /** Files the messages in the first `length` bytes of the buffer. Data is copied out, once for each datagram, or visited. */
  #take(length: number, pending: Pending, visit?: (message: NetlinkMessage) => void): void {
    const received = this.#buffer.subarray(0, length);
    let copy: Uint8Array | undefined;
    for (let at = 0; at < length;) {
      const end = at + frame.messageLength(received, at);
      const type = frame.hostU16(received, at + 4);
      const flags = frame.hostU16(received, at + 6);
      const sequence = frame.hostU32(received, at + 8);
      const index = (sequence - pending.first) >>> 0;
      if (index < pending.count) {
        if ((flags & frame.NLM_F_DUMP_INTR) !== 0 && type !== frame.NLMSG_ERROR) pending.interrupted = true;
        if (type === frame.NLMSG_ERROR) settle(pending, index, readRefusal(received, at, index));
        else if (type === frame.NLMSG_DONE)
          settle(pending, index, readDone(received, at, index, pending.types[index]!));
        else if (type !== frame.NLMSG_NOOP) {
          if (visit === undefined) copy ??= received.slice();
          const payload = (copy ?? received).subarray(at + frame.HEADER_LENGTH, end);
          const message = { type, flags, sequence, port: frame.hostU32(received, at + 12), payload };
          if (visit === undefined) pending.data.push(message);
          else visit(message);
        }
      }
      at = frame.align4(end);
    }
  }

  /** A bounded number of datagrams in a turn: a storm of events must not starve the rest of the program. */
  #deliver(listener: (event: NetlinkEvent) => void, most = 64): void {
    for (let turn = 0; turn < most && !this.#closed && this.#subscription !== undefined; turn++) {
      const received = libc.receive(this.fd, this.#buffer, libc.MSG_DONTWAIT | libc.MSG_TRUNC);
      if (received === -EAGAIN) return;
      if (received === -ENOBUFS || received > this.#buffer.length) listener({ type: "lost" });
      else if (received > 0)
        listener({ type: "messages", messages: frame.parseMessages(this.#buffer.slice(0, received)) });
      else if (received !== -EINTR) throw new SystemError("recv", -received, [this.fd]);
    }
  }

  #setReceiveBytes(bytes: number): void {
    setBuffer(this.fd, libc.SO_RCVBUFFORCE, libc.SO_RCVBUF, bytes);
    this.#receiveBytes = bytes;
  }

  #setSendBytes(bytes: number): void {
    setBuffer(this.fd, libc.SO_SNDBUFFORCE, libc.SO_SNDBUF, bytes);
    this.#sendBytes = bytes;
  }
}

function settle(pending: Pending, index: number, refusal: Refusal | undefined): void {
  pending.open.delete(index);
  if (refusal !== undefined) pending.refusals.push(refusal);
}

/**
 * Whether the message at `at` asks for objects: the flag bits of a dump mean other things on new and delete.
 * rtnetlink numbers its requests new, del, get, set in groups of four from 16; nfnetlink's families have tables.
 */
function isGet(bytes: Uint8Array, at: number, protocol: number): boolean {
  const type = frame.hostU16(bytes, at + 4);
  if (protocol === NETLINK_ROUTE) return (type & 3) === 2;
  return protocol !== NETLINK_NETFILTER || isNetfilterGet(type);
}

/** NFNL_SUBSYS_* (upper byte) and the numbers of its get messages (lower byte). */
const NETFILTER_GETS: Readonly<Record<number, readonly number[]>> = {
  // IPCTNL_MSG_CT_GET, _GET_CTRZERO, _GET_STATS_CPU, _GET_STATS, _GET_DYING, _GET_UNCONFIRMED
  1: [1, 3, 4, 5, 6, 7],
  // IPCTNL_MSG_EXP_GET, _GET_STATS_CPU
  2: [1, 3],
  // NFT_MSG_GETTABLE, GETCHAIN, GETRULE, GETSET, GETSETELEM, GETGEN, GETOBJ, GETOBJ_RESET, GETFLOWTABLE, GETRULE_RESET, GETSETELEM_RESET
  10: [1, 4, 7, 10, 13, 16, 19, 21, 23, 25, 33],
};

function isNetfilterGet(type: number): boolean {
  return NETFILTER_GETS[type >> 8]?.includes(type & 0xff) ?? false;
}

/** With CAP_NET_ADMIN any size; without it the system's limit (net.core.wmem_max, rmem_max) applies silently. */
function setBuffer(fd: number, force: number, plain: number, bytes: number): void {
  try {
    libc.setSocketOption(fd, libc.SOL_SOCKET, force, bytes);
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "EPERM")) throw error;
    libc.setSocketOption(fd, libc.SOL_SOCKET, plain, bytes);
  }
}
