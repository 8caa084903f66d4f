/** Writes messages, with names compressed (RFC 1035 section 4.1.4). */
import { CLASS_IN, HEADER_LENGTH, MAX_MESSAGE } from "./constants.ts";
import { type NameKey, ROOT } from "./name.ts";
import { COMPRESSIBLE, type ResourceRecord } from "./record.ts";

/** A pointer has 14 bits. */
const MAX_POINTER = 0x3fff;

export type Section = "answer" | "authority" | "additional";
const COUNT_AT = { question: 4, answer: 6, authority: 8, additional: 10 } as const;

/**
 * One message at a time, in a buffer of its own that holds the largest there can be. Sections must be written in the
 * order of the message.
 */
export class MessageWriter {
  readonly #bytes = Buffer.alloc(MAX_MESSAGE);
  readonly #names = new Map<NameKey, number>();
  #length = HEADER_LENGTH;

  get length(): number {
    return this.#length;
  }

  /** Starts a message. `flags` is the second half of the header's first four bytes, with the rcode. */
  begin(id: number, flags: number): this {
    this.#bytes.fill(0, 0, HEADER_LENGTH);
    this.#bytes.writeUInt16BE(id, 0);
    this.#bytes.writeUInt16BE(flags, 2);
    this.#names.clear();
    this.#length = HEADER_LENGTH;
    return this;
  }

  setFlags(flags: number): void {
    this.#bytes.writeUInt16BE(flags, 2);
  }

  question(name: NameKey, type: number): void {
    this.#name(name, true);
    this.#length = this.#bytes.writeUInt16BE(type, this.#length);
    this.#length = this.#bytes.writeUInt16BE(CLASS_IN, this.#length);
    this.#count("question");
  }

  /** False if the message would become larger than a message can be: the record is left out. */
  record(section: Section, record: ResourceRecord): boolean {
    const start = this.#length;
    if (this.#tryRecord(record)) {
      this.#count(section);
      return true;
    }
    this.#length = start;
    for (const [name, at] of this.#names) if (at >= start) this.#names.delete(name);
    return false;
  }

  #tryRecord({ owner, type, ttl, rdata }: ResourceRecord): boolean {
    // A name is 255 bytes at most, and no data here has more than two.
    const bound = rdata.reduce((sum, part) => sum + part.length, owner.length + 10);
    if (this.#length + bound > MAX_MESSAGE) return false;
    const compress = COMPRESSIBLE.has(type);
    this.#name(owner, true);
    const bytes = this.#bytes;
    let at = bytes.writeUInt16BE(type, this.#length);
    at = bytes.writeUInt16BE(CLASS_IN, at);
    at = bytes.writeUInt32BE(ttl, at);
    this.#length = at + 2;
    for (const part of rdata)
      if (typeof part === "string") this.#name(part, compress);
      else {
        bytes.set(part, this.#length);
        this.#length += part.length;
      }
    bytes.writeUInt16BE(this.#length - at - 2, at);
    return true;
  }

  /** The message so far, as a copy. */
  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #count(section: keyof typeof COUNT_AT): void {
    const at = COUNT_AT[section];
    this.#bytes.writeUInt16BE(this.#bytes.readUInt16BE(at) + 1, at);
  }

  #name(name: NameKey, compress: boolean): void {
    let at = 0;
    for (let rest = name; rest !== ROOT; rest = name.slice(at)) {
      const known = this.#names.get(rest);
      if (known !== undefined && compress) {
        this.#length = this.#bytes.writeUInt16BE(0xc000 | known, this.#length);
        return;
      }
      if (known === undefined && this.#length <= MAX_POINTER) this.#names.set(rest, this.#length);
      const end = at + 1 + rest.charCodeAt(0);
      this.#bytes.write(name.slice(at, end), this.#length, "latin1");
      this.#length += end - at;
      at = end;
    }
    this.#bytes[this.#length++] = 0;
  }
}
