/** Whole messages, read: what another server answered. */
import { Flag, HEADER_LENGTH } from "./constants.ts";
import { MalformedMessage } from "./malformed.ts";
import { lowerName, type NameKey, readName } from "./name.ts";
import { NAMES_IN_RDATA, type Rdata, type ResourceRecord } from "./record.ts";

export interface ReadRecord extends ResourceRecord {
  readonly class: number;
  /** Where it begins in the message, where its TTL is, and where it ends. */
  readonly start: number;
  readonly ttlAt: number;
  readonly end: number;
}

export interface Message {
  readonly id: number;
  readonly flags: number;
  /** The lower four bits; OPT has the others. */
  readonly rcode: number;
  /** In the case of the message. */
  readonly question: { readonly name: string; readonly type: number; readonly class: number } | undefined;
  /** Where the first record begins. */
  readonly questionEnd: number;
  readonly answers: readonly ReadRecord[];
  readonly authority: readonly ReadRecord[];
  readonly additional: readonly ReadRecord[];
}

/** Throws MalformedMessage if any of it cannot be read. What is after the last record is not looked at. */
export function readMessage(bytes: Buffer): Message {
  if (bytes.length < HEADER_LENGTH) throw new MalformedMessage("a message is shorter than its header");
  const questions = bytes.readUInt16BE(4);
  if (questions > 1) throw new MalformedMessage("more than one question");
  let at = HEADER_LENGTH;
  let question: Message["question"];
  if (questions === 1) {
    const { name, next } = readName(bytes, at);
    if (next + 4 > bytes.length) throw new MalformedMessage("the question is cut off");
    question = { name, type: bytes.readUInt16BE(next), class: bytes.readUInt16BE(next + 2) };
    at = next + 4;
  }
  const questionEnd = at;
  const section = (count: number): ReadRecord[] => {
    const records: ReadRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = readRecord(bytes, at);
      records.push(record);
      at = record.end;
    }
    return records;
  };
  const flags = bytes.readUInt16BE(2);
  return {
    id: bytes.readUInt16BE(0),
    flags,
    rcode: flags & Flag.RCODE,
    question,
    questionEnd,
    answers: section(bytes.readUInt16BE(6)),
    authority: section(bytes.readUInt16BE(8)),
    additional: section(bytes.readUInt16BE(10)),
  };
}

function readRecord(bytes: Buffer, start: number): ReadRecord {
  const { name, next } = readName(bytes, start);
  if (next + 10 > bytes.length) throw new MalformedMessage("a record is cut off");
  const type = bytes.readUInt16BE(next);
  const ttl = bytes.readUInt32BE(next + 4);
  const data = next + 10;
  const end = data + bytes.readUInt16BE(next + 8);
  if (end > bytes.length) throw new MalformedMessage("a record is cut off");
  return {
    owner: lowerName(name),
    type,
    class: bytes.readUInt16BE(next + 2),
    // With the highest bit set it is taken for zero (RFC 2181 section 8).
    ttl: ttl > 0x7fffffff ? 0 : ttl,
    rdata: readRdata(bytes, type, data, end),
    start,
    ttlAt: next + 4,
    end,
  };
}

/** With names decompressed, so that the record can be put into another message. */
function readRdata(bytes: Buffer, type: number, start: number, end: number): Rdata {
  const layout = NAMES_IN_RDATA.get(type);
  if (layout === undefined) return [bytes.subarray(start, end)];
  const parts: (Uint8Array | NameKey)[] = [];
  let at = start + layout.before;
  if (layout.before > 0) parts.push(bytes.subarray(start, at));
  for (let i = 0; i < layout.names; i++) {
    const { name, next } = readName(bytes, at);
    parts.push(lowerName(name));
    at = next;
  }
  if (at > end) throw new MalformedMessage("a record's data is longer than it says");
  if (at < end) parts.push(bytes.subarray(at, end));
  return parts;
}
