/**
 * A question as it comes from a client, read in place: nothing is allocated but the key of the name.
 */
import {
  CLASS_IN,
  DNSSEC_OK,
  Flag,
  HEADER_LENGTH,
  MIN_UDP_PAYLOAD,
  OPT_LENGTH,
  Rcode,
  Type,
} from "./constants.ts";
import { LOWER, MAX_NAME, type NameKey, ROOT } from "./name.ts";

/** What to do with a message, before its name is looked at. */
export type Verdict = number;
/** Nothing may be sent: it is no question, and an answer to it could go round for ever. */
export const SILENCE: Verdict = -1;

const POINTER = 0xc0;

/** One question; `parse` makes it another one. Fields mean something only as far as parsing came. */
export class Query {
  flags = 0;
  /** Lower case; the bytes of the message keep the client's case. */
  key: NameKey = ROOT;
  type = 0;
  /** Where the question ends in the message; 0 if it has none that can be repeated. */
  questionEnd = 0;
  hasEdns = false;
  /** What the client takes over UDP, at least 512 bytes. */
  udpPayload: number = MIN_UDP_PAYLOAD;
  dnssecOk = false;
  readonly #lower = Buffer.alloc(MAX_NAME);

  /**
   * Reads the first `length` bytes of `bytes`. The result is SILENCE, or the Rcode that the message earns: NOERROR if
   * it is a question that can be looked up.
   *
   * FORMERR for another number of questions than one (RFC 9619), for what cannot be read, and for a second OPT
   * record (RFC 6891 section 6.1.1); NOTIMP for other opcodes (RFC 8906); BADVERS for EDNS versions that do not
   * exist yet; REFUSED for other classes. EDNS options are not looked at: we know none (RFC 6891 section 6.1.2).
   */
  parse(bytes: Uint8Array, length: number): Verdict {
    this.questionEnd = 0;
    this.hasEdns = false;
    this.udpPayload = MIN_UDP_PAYLOAD;
    this.dnssecOk = false;
    if (length < HEADER_LENGTH) return SILENCE;
    this.flags = (bytes[2]! << 8) | bytes[3]!;
    if ((this.flags & Flag.QR) !== 0) return SILENCE;
    if ((this.flags & Flag.OPCODE) !== 0) return Rcode.NOTIMP;
    if (count(bytes, 4) !== 1) return Rcode.FORMERR;
    const nameEnd = this.#readName(bytes, length);
    if (nameEnd === 0 || nameEnd + 4 > length) return Rcode.FORMERR;
    this.type = count(bytes, nameEnd);
    const end = nameEnd + 4;
    const records = count(bytes, 6) + count(bytes, 8) + count(bytes, 10);
    let verdict: Verdict = Rcode.NOERROR;
    if (records > 0) verdict = this.#readRecords(bytes, end, length, records);
    if (verdict === Rcode.FORMERR) return verdict;
    this.questionEnd = end;
    if (verdict !== Rcode.NOERROR) return verdict;
    if (this.type === Type.OPT) return Rcode.FORMERR;
    return count(bytes, nameEnd + 2) === CLASS_IN ? Rcode.NOERROR : Rcode.REFUSED;
  }

  /** The name has no pointers: there is nothing before it to point to. 0 if it is none. */
  #readName(bytes: Uint8Array, length: number): number {
    const lower = this.#lower;
    let at = HEADER_LENGTH;
    for (let left = 0; ; at++) {
      if (at >= length || at - HEADER_LENGTH >= MAX_NAME) return 0;
      const byte = bytes[at]!;
      lower[at - HEADER_LENGTH] = LOWER[byte]!;
      if (left > 0) left--;
      else if (byte === 0) break;
      else if (byte > 63) return 0;
      else left = byte;
    }
    this.key = lower.toString("latin1", 0, at + 1 - HEADER_LENGTH);
    return at + 1;
  }

  /** Each record takes at least 11 bytes, so that the counts cannot make this long. */
  #readRecords(bytes: Uint8Array, start: number, length: number, records: number): Verdict {
    let at = start;
    let verdict: Verdict = Rcode.NOERROR;
    for (let i = 0; i < records; i++) {
      const ownerEnd = skipName(bytes, at, length);
      if (ownerEnd === 0 || ownerEnd + 10 > length) return Rcode.FORMERR;
      const isOpt = count(bytes, ownerEnd) === Type.OPT;
      if (isOpt) {
        if (this.hasEdns || ownerEnd !== at + 1) return Rcode.FORMERR;
        this.hasEdns = true;
        this.udpPayload = Math.max(MIN_UDP_PAYLOAD, count(bytes, ownerEnd + 2));
        this.dnssecOk = (count(bytes, ownerEnd + 6) & DNSSEC_OK) !== 0;
        if (bytes[ownerEnd + 5] !== 0) verdict = Rcode.BADVERS;
      }
      const data = ownerEnd + 10;
      at = data + count(bytes, ownerEnd + 8);
      if (at > length) return Rcode.FORMERR;
      if (isOpt && verdict === Rcode.NOERROR && !areOptions(bytes, data, at)) return Rcode.FORMERR;
    }
    return verdict;
  }
}

/** An unsigned number of two bytes. */
function count(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Where the name at `at` ends, or 0 if it does not; what a pointer points to is not looked at. */
function skipName(bytes: Uint8Array, at: number, length: number): number {
  for (let next = at; next < length;) {
    const byte = bytes[next]!;
    if (byte === 0) return next + 1;
    if (byte >= POINTER) return next + 2;
    if (byte > 63) return 0;
    next += 1 + byte;
  }
  return 0;
}

/** Whether the bytes are a sequence of code, length and data (RFC 6891 section 6.1.2). */
function areOptions(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at + 4 <= end) at += 4 + count(bytes, at + 2);
  return at === end;
}

/** Writes an OPT record without options at `at`. The upper bits of `rcode` are in it. Returns its end. */
export function writeOpt(
  out: Uint8Array,
  at: number,
  payload: number,
  rcode: number,
  dnssecOk: boolean,
): number {
  out.fill(0, at, at + OPT_LENGTH);
  out[at + 2] = Type.OPT;
  out[at + 3] = payload >>> 8;
  out[at + 4] = payload;
  out[at + 5] = rcode >>> 4;
  if (dnssecOk) out[at + 7] = DNSSEC_OK >>> 8;
  return at + OPT_LENGTH;
}

export interface QuestionOptions {
  readonly id: number;
  /** In any case. */
  readonly name: string;
  readonly type: number;
  /** RD, CD. */
  readonly flags: number;
  /** Of EDNS; absent: no OPT record. */
  readonly udpPayload?: number;
  readonly dnssecOk?: boolean;
}

/** A question as we ask it. */
export function questionMessage(options: QuestionOptions): Buffer {
  const { id, name, type, flags, udpPayload, dnssecOk = false } = options;
  const nameEnd = HEADER_LENGTH + name.length;
  const bytes = Buffer.alloc(nameEnd + 4 + (udpPayload === undefined ? 0 : OPT_LENGTH));
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.write(name, HEADER_LENGTH, "latin1");
  bytes.writeUInt16BE(type, nameEnd);
  bytes.writeUInt16BE(CLASS_IN, nameEnd + 2);
  if (udpPayload === undefined) return bytes;
  bytes.writeUInt16BE(1, 10);
  writeOpt(bytes, nameEnd + 4, udpPayload, 0, dnssecOk);
  return bytes;
}
