/**
 * A UDP socket that takes in and sends many datagrams with one call each (recvmmsg(2), sendmmsg(2)): node:dgram makes a
 * system call, a callback and an object for each of them.
 *
 * Everything the kernel writes to or reads from is in memory that stays where it is for the socket's life: the answers
 * are written where they are sent from.
 */
import koffi from "koffi";
import type { Ip } from "../base/ip.ts";
import { NativeArena } from "./arena.ts";
import { bindSocket } from "./bound-socket.ts";
import * as libc from "./libc.ts";
import { pollReadable } from "./poll.ts";
import { EAGAIN, EINTR, SystemError } from "./system-error.ts";

type Mmsg = (fd: number, messages: Uint8Array, count: number, flags: number, timeout: null) => number;
const native = koffi.load(null);
const recvmmsg = native.func(
  "int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)",
) as Mmsg;
const sendmmsg = native.func(
  "int sendmmsg(int fd, void *messages, unsigned int count, int flags)",
) as unknown as (fd: number, messages: Uint8Array, count: number, flags: number) => number;
const sendto = native.func(
  "long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)",
) as (
  fd: number,
  data: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: number,
) => number;

/** struct mmsghdr of 64-bit Linux, in words of four bytes: a msghdr of 56 bytes, then msg_len. */
const HEADER_WORDS = 16;
const NAME = 0;
const NAME_LENGTH = 2;
const VECTOR = 4;
const VECTOR_COUNT = 6;
const FLAGS = 12;
const LENGTH = 14;
/** struct iovec, in words. */
const VECTOR_WORDS = 4;
/** Room for struct sockaddr_in6. */
const ADDRESS_BYTES = 28;

export interface DatagramBatchOptions {
  /** Datagrams a call. @default {64} */
  readonly batch?: number;
  /** Larger datagrams are dropped. @default {4096} */
  readonly receiveBytes?: number;
  /** The largest datagram that is sent. @default {4096} */
  readonly sendBytes?: number;
  readonly netns?: string | undefined;
  /** Of the kernel's queue. @default {what the system gives} */
  readonly queueBytes?: number;
}

/** A datagram that came, good until the handler returns. */
export interface Datagram {
  /** The whole buffer; the datagram is its first `length` bytes. */
  readonly bytes: Buffer;
  length: number;
  /** struct sockaddr of who sent it. */
  readonly source: Buffer;
  sourceLength: number;
}

/** Writes an answer to `out` and returns its length, or 0 for none. */
export type DatagramHandler = (datagram: Datagram, out: Buffer) => number;

/** Batches in one turn of the event loop: others want it too. */
const BATCHES_A_TURN = 2;

export class DatagramBatchSocket implements Disposable {
  readonly port: number;
  /** Answers that the kernel did not take. */
  unsent = 0;
  readonly #fd: number;
  readonly #arena = new NativeArena();
  readonly #batch: number;
  readonly #received: Uint8Array;
  readonly #receivedWords: Uint32Array;
  readonly #sent: Uint8Array;
  readonly #sentWords: Uint32Array;
  readonly #sendVectors: Uint32Array;
  readonly #datagrams: Datagram[] = [];
  readonly #outs: Buffer[] = [];
  #poll: Disposable | undefined;

  /** Throws SystemError. */
  constructor(address: Ip, port: number, options: DatagramBatchOptions = {}) {
    const { batch = 64, receiveBytes = 4096, sendBytes = 4096, netns, queueBytes } = options;
    this.#batch = batch;
    const arena = this.#arena;
    this.#received = arena.alloc(batch * HEADER_WORDS * 4);
    this.#sent = arena.alloc(batch * HEADER_WORDS * 4);
    const receiveVectors = arena.alloc(batch * VECTOR_WORDS * 4);
    const sendVectors = arena.alloc(batch * VECTOR_WORDS * 4);
    this.#receivedWords = words(this.#received);
    this.#sentWords = words(this.#sent);
    this.#sendVectors = words(sendVectors);
    for (let i = 0; i < batch; i++) {
      const bytes = arena.alloc(receiveBytes);
      const out = arena.alloc(sendBytes);
      const source = arena.alloc(ADDRESS_BYTES);
      this.#datagrams.push({ bytes: buffer(bytes), length: 0, source: buffer(source), sourceLength: 0 });
      this.#outs.push(buffer(out));
      setVector(words(receiveVectors), i, arena.address(bytes), receiveBytes);
      setVector(this.#sendVectors, i, arena.address(out), 0);
      const vector = BigInt(i * VECTOR_WORDS * 4);
      setHeader(this.#receivedWords, i, arena.address(source), arena.address(receiveVectors) + vector);
      setHeader(this.#sentWords, i, 0n, arena.address(sendVectors) + vector);
    }
    const bound = bindSocket("datagram", address, port, netns);
    this.#fd = bound.fd;
    this.port = bound.port;
    if (queueBytes !== undefined) libc.setSocketOption(this.#fd, libc.SOL_SOCKET, libc.SO_RCVBUF, queueBytes);
  }

  /** Answers what comes, until the socket is disposed. */
  listen(handle: DatagramHandler): void {
    this.#poll = pollReadable(this.#fd, () => this.#readable(handle));
  }

  /** One datagram to `destination`, a struct sockaddr. False if the kernel did not take it. */
  send(bytes: Uint8Array, destination: Uint8Array): boolean {
    const sent = sendto(this.#fd, bytes, bytes.length, libc.MSG_DONTWAIT, destination, destination.length);
    if (sent < 0) this.unsent++;
    return sent >= 0;
  }

  [Symbol.dispose](): void {
    this.#poll?.[Symbol.dispose]();
    libc.close(this.#fd);
    this.#arena[Symbol.dispose]();
  }

  #readable(handle: DatagramHandler): void {
    for (let i = 0; i < BATCHES_A_TURN; i++) if (this.#turn(handle) < this.#batch) return;
  }

  #turn(handle: DatagramHandler): number {
    const headers = this.#receivedWords;
    for (let i = 0; i < this.#batch; i++) headers[i * HEADER_WORDS + NAME_LENGTH] = ADDRESS_BYTES;
    const count = recvmmsg(this.#fd, this.#received, this.#batch, libc.MSG_DONTWAIT, null);
    if (count < 0) {
      const errno = koffi.errno();
      // Others are what an earlier answer met on its way, told by ICMP: they are nobody's any more.
      if (errno !== EAGAIN && errno !== EINTR && !isFromNetwork(errno))
        throw new SystemError("recvmmsg", errno, [this.#fd]);
      return 0;
    }
    let answers = 0;
    for (let i = 0; i < count; i++) {
      const header = i * HEADER_WORDS;
      if ((headers[header + FLAGS]! & libc.MSG_TRUNC) !== 0) continue;
      const datagram = this.#datagrams[i]!;
      datagram.length = headers[header + LENGTH]!;
      datagram.sourceLength = headers[header + NAME_LENGTH]!;
      const length = handle(datagram, this.#outs[answers]!);
      if (length > 0) this.#queue(answers++, length, header);
    }
    if (answers > 0) this.#flush(answers);
    return count;
  }

  /** The answer in out buffer `slot` goes to whom the received header at word `from` names. */
  #queue(slot: number, length: number, from: number): void {
    const to = slot * HEADER_WORDS;
    const [sent, received] = [this.#sentWords, this.#receivedWords];
    sent[to + NAME] = received[from + NAME]!;
    sent[to + NAME + 1] = received[from + NAME + 1]!;
    sent[to + NAME_LENGTH] = received[from + NAME_LENGTH]!;
    this.#sendVectors[slot * VECTOR_WORDS + 2] = length;
  }

  #flush(count: number): void {
    for (let done = 0; done < count;) {
      const messages = done === 0 ? this.#sent : this.#sent.subarray(done * HEADER_WORDS * 4);
      const sent = sendmmsg(this.#fd, messages, count - done, libc.MSG_DONTWAIT);
      if (sent > 0) done += sent;
      else {
        // This one cannot be sent; one that is lost is asked for again.
        this.unsent++;
        done++;
      }
    }
  }
}

/** ECONNREFUSED, EHOSTUNREACH, ENETUNREACH and their kind. */
function isFromNetwork(errno: number): boolean {
  return errno === 1 || errno === 13 || (errno >= 100 && errno <= 113);
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function setPointer(target: Uint32Array, at: number, address: bigint): void {
  target[at] = Number(address & 0xffff_ffffn);
  target[at + 1] = Number(address >> 32n);
}

function setVector(target: Uint32Array, i: number, address: bigint, length: number): void {
  setPointer(target, i * VECTOR_WORDS, address);
  target[i * VECTOR_WORDS + 2] = length;
}

function setHeader(target: Uint32Array, i: number, name: bigint, vector: bigint): void {
  setPointer(target, i * HEADER_WORDS + NAME, name);
  setPointer(target, i * HEADER_WORDS + VECTOR, vector);
  target[i * HEADER_WORDS + VECTOR_COUNT] = 1;
}
