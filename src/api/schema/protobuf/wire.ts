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

const utf8 = new TextDecoder("utf-8", { fatal: true });

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

const encoder = new TextEncoder();

/** Builds a message. Nested messages are built whole, then written as bytes. */
export class WireWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Unsigned 64 bits; negative values as their two's complement. */
  varint(number: number, value: bigint | number): void {
    this.#tag(number, 0);
    this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  double(number: number, value: number): void {
    this.#tag(number, 1);
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  bytes(number: number, value: Uint8Array): void {
    this.#tag(number, 2);
    this.#varint(BigInt(value.length));
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(number: number, value: string): void {
    this.bytes(number, encoder.encode(value));
  }

  /** What was written so far: a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #tag(number: number, wireType: WireType): void {
    this.#varint((BigInt(number) << 3n) | BigInt(wireType));
  }

  #varint(value: bigint): void {
    this.#reserve(10);
    while (value > 0x7fn) {
      this.#bytes[this.#length++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.#bytes[this.#length++] = Number(value);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
