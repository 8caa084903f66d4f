/**
 * Writes netlink messages: headers, attributes, nested attributes, in one growing buffer that is used again and again.
 *
 * Made for batches of a hundred thousand attributes: nothing is allocated for an attribute. Numbers are in host
 * order (little endian) unless the method says `be` (network order, which nf_tables and conntrack want).
 *
 *     const writer = new NetlinkWriter();
 *     writer.startMessage(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
 *     writer.zeros(16);                      // struct ifinfomsg
 *     writer.string(IFLA_IFNAME, "eth0");
 *     writer.startNested(IFLA_LINKINFO);
 *     writer.string(IFLA_INFO_KIND, "bridge");
 *     writer.endNested();
 *     writer.endMessage();
 *     socket.transact(writer.finish());
 */
import { align4, HEADER_LENGTH, putHostU32 } from "../../sys/netlink-message.ts";

/** NLA_F_NESTED: the attribute holds attributes. */
export const NLA_F_NESTED = 0x8000;
/** Length of struct nlattr: length u16, type u16. */
export const ATTRIBUTE_HEADER_LENGTH = 4;
/** nla_len is a u16, so the header, the value and everything nested in it fit in this. */
export const MAX_ATTRIBUTE_LENGTH = 0xffff;

const encoder = new TextEncoder();

export class NetlinkWriter {
  #bytes: Uint8Array;
  #at = 0;
  #messageStart = -1;
  /** Where the attributes that are open start, outermost first. */
  readonly #open: number[] = [];

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** How many bytes are written so far. */
  get length(): number {
    return this.#at;
  }

  /** How long the innermost open nested attribute is, its header included; to split lists before they are too long. */
  get nestedLength(): number {
    const start = this.#open.at(-1);
    return start === undefined ? 0 : this.#at - start;
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#at = 0;
    this.#messageStart = -1;
    this.#open.length = 0;
    return this;
  }

  /**
   * All messages written: a view that is valid until the next write or reset.
   * Throws if a message or attribute is still open.
   */
  finish(): Uint8Array {
    if (this.#messageStart >= 0) throw new Error("a netlink message is still open: call endMessage() first");
    return this.#bytes.subarray(0, this.#at);
  }

  /** Starts a message. The sequence and port are left 0: the socket sets them when it sends. */
  startMessage(type: number, flags: number): this {
    if (this.#messageStart >= 0)
      throw new Error("a netlink message is open already: call endMessage() first");
    this.zeros(align4(this.#at) - this.#at);
    this.#messageStart = this.#at;
    const at = this.#take(HEADER_LENGTH);
    const bytes = this.#bytes;
    bytes[at + 4] = type;
    bytes[at + 5] = type >>> 8;
    bytes[at + 6] = flags;
    bytes[at + 7] = flags >>> 8;
    bytes.fill(0, at + 8, at + HEADER_LENGTH);
    return this;
  }

  endMessage(): this {
    if (this.#messageStart < 0) throw new Error("no netlink message is open");
    if (this.#open.length > 0) throw new Error(`${this.#open.length} nested attributes are still open`);
    putHostU32(this.#bytes, this.#messageStart, this.#at - this.#messageStart);
    this.#messageStart = -1;
    return this;
  }

  startNested(type: number): this {
    this.#open.push(this.#attribute(type | NLA_F_NESTED, 0) - ATTRIBUTE_HEADER_LENGTH);
    return this;
  }

  /** Throws RangeError if what is nested does not fit in one attribute. */
  endNested(): this {
    const start = this.#open.pop();
    if (start === undefined) throw new Error("no nested attribute is open");
    this.#setAttributeLength(start, this.#at - start);
    return this;
  }

  /** An attribute without a value: that it is there is what it says. */
  flag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.#attribute(type, 1);
    this.#bytes[at] = value;
    return this;
  }

  u16(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
    return this;
  }

  u16be(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    putHostU32(this.#bytes, at, value);
    return this;
  }

  u32be(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#putU32be(at, value);
    return this;
  }

  u64(type: number, value: bigint): this {
    const at = this.#attribute(type, 8);
    putHostU32(this.#bytes, at, Number(value & 0xffffffffn));
    putHostU32(this.#bytes, at + 4, Number((value >> 32n) & 0xffffffffn));
    return this;
  }

  u64be(type: number, value: bigint): this {
    const at = this.#attribute(type, 8);
    this.#putU32be(at, Number((value >> 32n) & 0xffffffffn));
    this.#putU32be(at + 4, Number(value & 0xffffffffn));
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#attribute(type, value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** UTF-8 with the terminating NUL that the kernel's NLA_STRING and NLA_NUL_STRING take. */
  string(type: number, value: string): this {
    const length = value.length;
    const at = this.#attribute(type, length + 1);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code === 0) throw new RangeError(`a netlink string cannot hold NUL: ${JSON.stringify(value)}`);
      if (code > 0x7f) return this.#notAscii(type, at, value);
      bytes[at + i] = code;
    }
    bytes[at + length] = 0;
    return this;
  }

  /** `value` as it is, outside of attributes and not aligned: for the fixed header after nlmsghdr. */
  raw(value: Uint8Array): this {
    this.#bytes.set(value, this.#take(value.length));
    return this;
  }

  rawU8(value: number): this {
    const at = this.#take(1);
    this.#bytes[at] = value;
    return this;
  }

  rawU16(value: number): this {
    const at = this.#take(2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
    return this;
  }

  rawU16be(value: number): this {
    const at = this.#take(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  rawU32(value: number): this {
    const at = this.#take(4);
    putHostU32(this.#bytes, at, value);
    return this;
  }

  /** `count` zero bytes, outside of attributes. */
  zeros(count: number): this {
    const at = this.#take(count);
    this.#bytes.fill(0, at, at + count);
    return this;
  }

  /** Takes back the ASCII attempt of {@link string} whose value starts at `at`, and writes UTF-8. */
  #notAscii(type: number, at: number, value: string): this {
    this.#at = at - ATTRIBUTE_HEADER_LENGTH;
    return this.bytes(type, encoder.encode(`${value}\0`));
  }

  /** Writes an attribute's header, makes room for `length` bytes and their padding; gives where the value goes. */
  #attribute(type: number, length: number): number {
    const at = this.#take(ATTRIBUTE_HEADER_LENGTH + align4(length));
    this.#setAttributeLength(at, ATTRIBUTE_HEADER_LENGTH + length);
    const bytes = this.#bytes;
    bytes[at + 2] = type;
    bytes[at + 3] = type >>> 8;
    for (let pad = at + ATTRIBUTE_HEADER_LENGTH + length; pad < this.#at; pad++) bytes[pad] = 0;
    return at + ATTRIBUTE_HEADER_LENGTH;
  }

  #setAttributeLength(at: number, length: number): void {
    if (length > MAX_ATTRIBUTE_LENGTH)
      throw new RangeError(
        `a netlink attribute holds at most 65531 bytes, not ${length - 4}: split the list`,
      );
    this.#bytes[at] = length;
    this.#bytes[at + 1] = length >>> 8;
  }

  #putU32be(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #take(count: number): number {
    const at = this.#at;
    const end = at + count;
    if (end > this.#bytes.length) this.#grow(end);
    this.#at = end;
    return at;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
