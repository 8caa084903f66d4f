/**
 * Reads netlink attributes, one after the other, without copying or allocating for each.
 *
 *     const attributes = new AttributeReader(message.payload, 16);   // after struct ifinfomsg
 *     while (attributes.next()) {
 *       if (attributes.type === IFLA_IFNAME) name = attributes.string();
 *       else if (attributes.type === IFLA_LINKINFO) readLinkInfo(attributes.nested());
 *     }
 *
 * A value shorter than what is asked of it is a NetlinkFormatError: the kernel sent something else than expected.
 */
import { align4, hostU16, hostU32, NetlinkFormatError } from "../../sys/netlink-message.ts";
import { ATTRIBUTE_HEADER_LENGTH } from "./writer.ts";

/** The 14 bits of nla_type that are the type; the upper two are NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

const decoder = new TextDecoder();

/** Where an attribute stands; `type` and the values are of the attribute that {@link next} moved to last. */
export class AttributeReader {
  /** nla_type without its flags; -1 before the first {@link next}. */
  type = -1;
  /** Where the value starts and ends in {@link buffer}. */
  start: number;
  end: number;
  readonly buffer: Uint8Array;
  #next: number;
  readonly #limit: number;

  /** Reads the attributes in `buffer` from `from` up to `limit`. */
  constructor(buffer: Uint8Array, from = 0, limit: number = buffer.length) {
    if (from > limit) throw new NetlinkFormatError(`a header of ${from} bytes in ${limit} bytes`, limit);
    this.buffer = buffer;
    this.start = from;
    this.end = from;
    this.#next = from;
    this.#limit = limit;
  }

  /** Moves to the next attribute; false at the end. Throws NetlinkFormatError if a length does not fit. */
  next(): boolean {
    const at = this.#next;
    const left = this.#limit - at;
    if (left <= 0) return false;
    if (left < ATTRIBUTE_HEADER_LENGTH)
      throw new NetlinkFormatError(`an attribute's header needs 4 bytes, ${left} are left`, at);
    const length = hostU16(this.buffer, at);
    if (length < ATTRIBUTE_HEADER_LENGTH || length > left)
      throw new NetlinkFormatError(`an attribute says it is ${length} bytes long, ${left} are left`, at);
    this.type = hostU16(this.buffer, at + 2) & TYPE_MASK;
    this.start = at + ATTRIBUTE_HEADER_LENGTH;
    this.end = at + length;
    this.#next = at + align4(length);
    return true;
  }

  /** Length of the value in bytes. */
  get length(): number {
    return this.end - this.start;
  }

  u8(): number {
    return this.buffer[this.#need(1)]!;
  }

  u16(): number {
    return hostU16(this.buffer, this.#need(2));
  }

  u16be(): number {
    const at = this.#need(2);
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!;
  }

  u32(): number {
    return hostU32(this.buffer, this.#need(4));
  }

  u32be(): number {
    return this.#u32be(this.#need(4));
  }

  u64(): bigint {
    const at = this.#need(8);
    return (BigInt(hostU32(this.buffer, at + 4)) << 32n) | BigInt(hostU32(this.buffer, at));
  }

  u64be(): bigint {
    const at = this.#need(8);
    return (BigInt(this.#u32be(at)) << 32n) | BigInt(this.#u32be(at + 4));
  }

  /** A copy of the value, which outlives the buffer. */
  bytes(): Uint8Array {
    return this.buffer.slice(this.start, this.end);
  }

  /** The value as UTF-8 text up to its NUL, if it has one. */
  string(): string {
    let text = "";
    for (let at = this.start; at < this.end; at++) {
      const code = this.buffer[at]!;
      if (code === 0) return text;
      if (code > 0x7f) return this.#utf8();
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** The attributes inside this one. */
  nested(): AttributeReader {
    return new AttributeReader(this.buffer, this.start, this.end);
  }

  #utf8(): string {
    const nul = this.buffer.indexOf(0, this.start);
    return decoder.decode(this.buffer.subarray(this.start, nul < 0 || nul > this.end ? this.end : nul));
  }

  #u32be(at: number): number {
    const bytes = this.buffer;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  #need(length: number): number {
    if (this.end - this.start < length)
      throw new NetlinkFormatError(
        `attribute ${this.type} holds ${this.end - this.start} bytes where ${length} were expected`,
        this.start,
      );
    return this.start;
  }
}
