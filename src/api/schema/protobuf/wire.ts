/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding): tags, varints, length-delimited values.
 * A reader never reads past its end and never recurses by itself; what is malformed throws WireError.
 */

/** The bytes are no protobuf message. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** How a value is written: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. 3 and 4 (groups) are obsolete. */
export type WireType = 0 | 1 | 2 | 5;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Of the field whose tag was read last. */
  number = 0;
  wireType: WireType = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the next tag into `number` and `wireType`; false at the end. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.#varint();
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (number < 1 || number > 0x1fffffff) throw new WireError(`field number ${number} is out of range`);
    if (wireType !== 0 && wireType !== 1 && wireType !== 2 && wireType !== 5)
      throw new WireError(`wire type ${wireType} of field ${number} is not supported`);
    this.number = number;
    this.wireType = wireType;
    return true;
  }

  /** 64 bits, unsigned. A negative int32 is written as 64 bits with the sign extended. */
  varint(): bigint {
    this.#expect(0);
    return this.#varint();
  }

  /** Eight bytes, little endian. */
  fixed64(): DataView {
    this.#expect(1);
    return this.#fixed(8);
  }

  /** The bytes of a length-delimited value: a view, not a copy. */
  bytes(): Uint8Array {
    this.#expect(2);
    const length = this.#varint();
    if (length > BigInt(this.#bytes.length - this.#at))
      throw new WireError(
        `field ${this.number} is ${length} bytes long, ${this.#bytes.length - this.#at} are left`,
      );
    const start = this.#at;
    this.#at += Number(length);
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    const bytes = this.bytes();
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw new WireError(`field ${this.number} is not valid UTF-8`, { cause: error });
    }
  }

  /** Passes over the value of a field that nobody knows. */
  skip(): void {
    if (this.wireType === 0) this.#varint();
    else if (this.wireType === 2) this.bytes();
    else this.#fixed(this.wireType === 1 ? 8 : 4);
  }

  #expect(wireType: WireType): void {
    if (this.wireType !== wireType)
      throw new WireError(`field ${this.number} has wire type ${this.wireType}, not ${wireType}`);
  }

  #fixed(length: 4 | 8): DataView {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new WireError(`field ${this.number} is cut off`);
    this.#at += length;
    return new DataView(this.#view.buffer, this.#view.byteOffset + start, length);
  }

  #varint(): bigint {
    // The low 28 bits need no BigInt, and most values have no more.
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError("a varint is longer than 10 bytes");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new WireError("the message is cut off in a varint");
    return byte;
  }
}

/** Builds a message; the messages in it are written in place. */
export class WireWriter {
  #bytes = Buffer.allocUnsafeSlow(512);
  #length = 0;

  /** Forgets everything, and keeps the memory for the next message. */
  clear(): void {
    this.#length = 0;
  }

  /** Unsigned 64 bits; negative values as their two's complement. */
  varint(number: number, value: bigint | number): void {
    this.#tag(number, 0);
    if (typeof value === "number" && value >= 0) this.#unsigned(value);
    else this.#large(BigInt.asUintN(64, BigInt(value)));
  }

  double(number: number, value: number): void {
    this.#tag(number, 1);
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  bytes(number: number, value: Uint8Array): void {
    this.#tag(number, 2);
    this.#unsigned(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(number: number, value: string): void {
    const begun = this.begin(number);
    // A UTF-16 code unit is at most three bytes.
    this.#reserve(value.length * 3);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        at = this.#length + bytes.write(value, this.#length);
        break;
      }
      bytes[at++] = unit;
    }
    this.#length = at;
    this.end(begun);
  }

  /** Begins a message in field `number`; `end` wants what this returns. */
  begin(number: number): number {
    this.#tag(number, 2);
    // Most are shorter than 128 bytes, whose length is one byte.
    this.#reserve(1);
    return ++this.#length;
  }

  end(begun: number): void {
    const length = this.#length - begun;
    if (length > 0x7f) {
      const more = varintLength(length) - 1;
      this.#reserve(more);
      this.#bytes.copyWithin(begun + more, begun, this.#length);
      this.#length += more;
    }
    // There is room by now, and the memory must not move: what stands behind would not move with it.
    this.#putUnsigned(begun - 1, length);
  }

  /** What was written so far: a copy. */
  finish(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
  }

  #tag(number: number, wireType: WireType): void {
    this.#unsigned(number * 8 + wireType);
  }

  /** Up to 2^53. */
  #unsigned(value: number): void {
    this.#reserve(10);
    this.#length = this.#putUnsigned(this.#length, value);
  }

  /** The place after it. */
  #putUnsigned(at: number, value: number): number {
    while (value > 0x7f) {
      this.#bytes[at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    this.#bytes[at++] = value;
    return at;
  }

  #large(value: bigint): void {
    this.#reserve(10);
    while (value > 0x7fn) {
      this.#bytes[this.#length++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.#bytes[this.#length++] = Number(value);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) length++;
  return length;
}
