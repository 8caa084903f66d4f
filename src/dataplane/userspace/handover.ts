/**
 * A new process goes on with the listening sockets of an old one: no connection is refused or reset between them.
 *
 * The old one offers at a socket in the file system. The new one asks for a message at a time ("next"): the sockets, then
 * which client has which backend. Both accept for a moment. When the new one says "taken", the old one stops
 * listening, answers "ended", and serves its established connections until they end. If the new one dies before that, the
 * old one goes on as if nobody had asked.
 *
 * The sockets themselves are passed, not bound a second time with SO_REUSEPORT: closing one of those resets what waits in
 * its queue. docs/decisions/0007-userspace-proxy.md has the figures.
 */
import { unlinkSync } from "node:fs";
import type { Log } from "../../base/log.ts";
import {
  acceptUnix,
  connectUnix,
  type DescriptorMessage,
  listenUnix,
  receiveDescriptors,
  sendDescriptors,
} from "../../sys/fd-passing.ts";
import * as libc from "../../sys/libc.ts";
import { pollReadable } from "../../sys/poll.ts";
import { ECONNREFUSED, ENOENT, SystemError } from "../../sys/system-error.ts";
import type { VirtualPortKey } from "../table.ts";

/** Sockets in one message, and clients. */
const SOCKETS = 200;
const CLIENTS = 500;

/** Which clients of a port have which backend. */
export interface PortMemory {
  readonly key: VirtualPortKey;
  /** "all" and "external" are session affinity, of the two choices of a port. */
  readonly kind: "flows" | "all" | "external";
  /** Client, backend's name, and for affinity the milliseconds since its last connection. */
  readonly clients: readonly (readonly [client: string, backend: string, age: number])[];
}

/** What the old process has to give. */
export interface HandoverSource {
  sockets(): readonly (readonly [VirtualPortKey, number])[];
  memory(): Iterable<PortMemory>;
  /** Stop listening. */
  handOver(): void;
}

/** One message of the old process. Its descriptors are those of `sockets`, in that order. */
interface Parcel {
  readonly sockets: readonly VirtualPortKey[];
  readonly memory?: PortMemory;
  readonly isLast?: boolean;
}

export interface Inheritance {
  readonly sockets: Map<VirtualPortKey, number>;
  readonly memory: readonly PortMemory[];
  /** Tells the old process that this one is listening. Resolves when the old one has stopped. */
  taken(): Promise<void>;
}

/** Offers at `path` until it is disposed, or somebody has taken. Throws SystemError if the path cannot be used. */
export class HandoverOffer implements Disposable {
  readonly #path: string;
  readonly #source: HandoverSource;
  readonly #log: Log;
  readonly #listener: number;
  readonly #poll: Disposable;
  readonly #peers = new Map<number, { readonly poll: Disposable; readonly parcels: Iterator<Message> }>();
  /** Whether the file at the path is ours. */
  #ownsPath = true;
  #isClosed = false;

  constructor(path: string, source: HandoverSource, log: Log) {
    this.#path = path;
    this.#source = source;
    this.#log = log;
    removeFile(path);
    this.#listener = listenUnix(path);
    this.#poll = pollReadable(this.#listener, () => this.#accept(), { ref: false });
  }

  [Symbol.dispose](): void {
    if (this.#ownsPath && !this.#isClosed) removeFile(this.#path);
    this.#close();
  }

  #accept(): void {
    for (let fd = acceptUnix(this.#listener); fd !== undefined; fd = acceptUnix(this.#listener)) {
      const peer = fd;
      const poll = pollReadable(peer, () => this.#answer(peer));
      this.#peers.set(peer, { poll, parcels: parcels(this.#source) });
    }
  }

  #answer(fd: number): void {
    try {
      const message = receiveDescriptors(fd);
      if (message === undefined) return;
      const word = message === "end" ? "end" : Buffer.from(message.bytes).toString();
      if (word === "next") {
        const next = this.#peers.get(fd)!.parcels.next();
        if (next.done !== true) sendDescriptors(fd, next.value);
      } else if (word === "taken") {
        // The path is the new one's from here on.
        this.#ownsPath = false;
        this.#source.handOver();
        sendDescriptors(fd, { bytes: Buffer.from("ended"), descriptors: [] });
        this.#close();
      } else this.#drop(fd);
    } catch (err) {
      this.#log.warn({ err }, "handing the listening sockets over failed");
      this.#drop(fd);
    }
  }

  #drop(fd: number): void {
    const peer = this.#peers.get(fd);
    if (peer === undefined) return;
    this.#peers.delete(fd);
    peer.poll[Symbol.dispose]();
    libc.close(fd);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const fd of this.#peers.keys()) this.#drop(fd);
    this.#poll[Symbol.dispose]();
    libc.close(this.#listener);
  }
}

type Message = DescriptorMessage;

function* parcels(source: HandoverSource): Generator<Message> {
  const message = (parcel: Parcel, descriptors: readonly number[] = []): Message => ({
    bytes: Buffer.from(JSON.stringify(parcel)),
    descriptors,
  });
  const sockets = source.sockets();
  for (let at = 0; at < sockets.length; at += SOCKETS) {
    const some = sockets.slice(at, at + SOCKETS);
    yield message(
      { sockets: some.map(([key]) => key) },
      some.map(([, fd]) => fd),
    );
  }
  for (const memory of source.memory())
    for (let at = 0; at < memory.clients.length; at += CLIENTS)
      yield message({ sockets: [], memory: { ...memory, clients: memory.clients.slice(at, at + CLIENTS) } });
  yield message({ sockets: [], isLast: true });
}

/** What the process that offers at `path` has; undefined if there is none. Throws SystemError if it cannot be asked. */
export async function takeOver(path: string): Promise<Inheritance | undefined> {
  let fd: number;
  try {
    fd = connectUnix(path);
  } catch (error) {
    if (error instanceof SystemError && (error.errno === ENOENT || error.errno === ECONNREFUSED))
      return undefined;
    throw error;
  }
  const connection = new Connection(fd);
  const sockets = new Map<VirtualPortKey, number>();
  const memory: PortMemory[] = [];
  for (;;) {
    const message = await connection.ask("next");
    if (message === undefined) {
      // It ended, or somebody else has taken over: what we have is of no use without the rest.
      for (const socket of sockets.values()) libc.close(socket);
      connection[Symbol.dispose]();
      return undefined;
    }
    const parcel = JSON.parse(Buffer.from(message.bytes).toString()) as Parcel;
    for (const [i, key] of parcel.sockets.entries()) sockets.set(key, message.descriptors[i]!);
    if (parcel.memory !== undefined) memory.push(parcel.memory);
    if (parcel.isLast === true) break;
  }
  return {
    sockets,
    memory,
    taken: async () => {
      using asked = connection;
      await asked.ask("taken");
    },
  };
}

/** Asks the old process, one question at a time. */
class Connection implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined if the other side has gone. */
  async ask(word: string): Promise<Message | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _poll = pollReadable(this.#fd, resolve);
    try {
      sendDescriptors(this.#fd, { bytes: Buffer.from(word), descriptors: [] });
      await promise;
      const message = receiveDescriptors(this.#fd);
      return message === "end" ? undefined : message;
    } catch (error) {
      if (error instanceof SystemError && (error.code === "EPIPE" || error.code === "ECONNRESET"))
        return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
