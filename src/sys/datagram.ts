/**
 * Datagrams with the addresses at both ends: recvmsg(2) and sendmsg(2) through one buffer.
 *
 * A socket at a wildcard address must answer from the address that was asked, or the client will not know the answer:
 * the kernel tells it in a control message (ip(7), IP_PKTINFO; RFC 3542, section 6.1), which is sent back with the answer.
 */
import { NativeArena } from "./arena.ts";
import * as libc from "./libc.ts";

/** The longest UDP datagram is shorter. */
const DATA_BYTES = 65_536;
const NAME_BYTES = 28;
/** A cmsghdr (length u64, level i32, type i32) and a struct in6_pktinfo, padded. */
const CONTROL_BYTES = 64;
const CONTROL_HEADER = 16;
/** Of struct msghdr on 64-bit machines. */
const AT = { name: 0, nameLength: 8, vector: 16, vectorLength: 24, control: 32, controlLength: 40 } as const;
const HEADER_BYTES = 56;

/** Who sent a datagram, and to which of our addresses: what an answer needs. */
export interface DatagramPeer {
  /** struct sockaddr of the sender. */
  readonly address: Uint8Array;
  /** The control message that names our address; empty for a socket that is bound to it. */
  readonly local: Uint8Array;
}

export class DatagramBuffer implements Disposable {
  readonly #arena = new NativeArena();
  readonly data: Uint8Array = this.#arena.alloc(DATA_BYTES);
  readonly #name = this.#arena.alloc(NAME_BYTES);
  readonly #control = this.#arena.alloc(CONTROL_BYTES);
  readonly #vector = this.#arena.alloc(16);
  readonly #header = this.#arena.alloc(HEADER_BYTES);
  readonly #fields = new DataView(this.#header.buffer);
  readonly #vectorFields = new DataView(this.#vector.buffer);

  readonly #nameText = Buffer.from(this.#name.buffer);
  readonly #controlText = Buffer.from(this.#control.buffer);

  constructor() {
    this.#vectorFields.setBigUint64(0, this.#arena.address(this.data), true);
    this.#fields.setBigUint64(AT.name, this.#arena.address(this.#name), true);
    this.#fields.setBigUint64(AT.vector, this.#arena.address(this.#vector), true);
    this.#fields.setUint32(AT.vectorLength, 1, true);
    this.#fields.setBigUint64(AT.control, this.#arena.address(this.#control), true);
  }

  /** Reads a datagram into {@link data}: its length, or the negative errno. */
  receive(fd: number): number {
    this.#fields.setUint32(AT.nameLength, NAME_BYTES, true);
    this.#fields.setUint32(AT.controlLength, CONTROL_BYTES, true);
    this.#vectorFields.setUint32(8, DATA_BYTES, true);
    return libc.receiveMessage(fd, this.#header, libc.MSG_DONTWAIT);
  }

  /** The sender of the datagram that was read last, in memory that the next one overwrites. */
  get sender(): Uint8Array {
    return this.#name.subarray(0, this.#fields.getUint32(AT.nameLength, true));
  }

  /** As {@link sender}, for our address. */
  get local(): Uint8Array {
    return this.#control.subarray(0, this.#fields.getUint32(AT.controlLength, true));
  }

  /** A text that two datagrams share if their senders and our addresses are the same. */
  senderKey(): string {
    // sockaddr_in is padded with eight bytes that mean nothing. Our address is what follows the header of the message.
    const named = this.#nameText.toString("latin1", 0, this.#name[0] === libc.AF_INET ? 8 : NAME_BYTES);
    const control = this.#fields.getUint32(AT.controlLength, true);
    return control === 0 ? named : named + this.#controlText.toString("latin1", CONTROL_HEADER, control);
  }

  /** The sender and our address, in memory of their own. */
  peer(): DatagramPeer {
    const local = this.local.slice();
    // The answer takes whatever interface its route says, except where an address means nothing without (fe80::/10).
    // in_pktinfo begins with the interface; in6_pktinfo ends with it.
    if (local.length > 0 && this.#name[0] === libc.AF_INET) local.fill(0, CONTROL_HEADER, CONTROL_HEADER + 4);
    else if (local.length > 0 && !isLinkLocal(local.subarray(CONTROL_HEADER)))
      local.fill(0, CONTROL_HEADER + 16, CONTROL_HEADER + 20);
    return { address: this.sender.slice(), local };
  }

  /** Sends the first `length` bytes of {@link data} to where a datagram came from: what was taken, or the negative errno. */
  answer(fd: number, length: number, { address, local }: DatagramPeer): number {
    this.#name.set(address);
    this.#control.set(local);
    this.#fields.setUint32(AT.nameLength, address.length, true);
    this.#fields.setUint32(AT.controlLength, local.length, true);
    this.#vectorFields.setUint32(8, length, true);
    return libc.sendMessage(fd, this.#header, libc.MSG_DONTWAIT);
  }

  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** Our address in a peer's control message, as 4 or 16 bytes; undefined if the socket is bound to it. */
export function localAddress({ address, local }: DatagramPeer): Uint8Array | undefined {
  if (local.length === 0) return undefined;
  return address[0] === libc.AF_INET
    ? local.subarray(CONTROL_HEADER + 4, CONTROL_HEADER + 8)
    : local.subarray(CONTROL_HEADER, CONTROL_HEADER + 16);
}

function isLinkLocal(address: Uint8Array): boolean {
  return address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}
