/**
 * Answers as bytes, made once for a name and type, so that serving one is a copy with the client's id, flags and letters
 * put in.
 */
import { CLASS_IN, Flag, MAX_MESSAGE, Rcode, Type } from "../net/dns/constants.ts";
import { MessageWriter } from "../net/dns/message-writer.ts";
import type { NameKey } from "../net/dns/name.ts";
import { type ResourceRecord, soaData, stringsData } from "../net/dns/record.ts";
import type { Apex, Zone, ZoneNode } from "./zone.ts";

/** A chain of CNAMEs longer than this is followed no further. */
const MAX_CHAIN = 8;
/** Of a negative answer's SOA: nobody copies this zone, so that these say nothing. */
const SOA_TIMERS = { refresh: 7200, retry: 1800, expire: 86_400 };
/** What an answer to ANY says instead of everything (RFC 8482 section 4.2); seconds. */
const ANY_TTL = 3600;

export interface Answer {
  /** A whole message without OPT, its id zero. */
  readonly bytes: Buffer;
  /** Where each record of the answer section ends. */
  readonly ends: readonly number[];
  /** Where the answer and authority sections end: what follows can be left out. */
  readonly needed: number;
  /** Records of one size, at the end of the answer section, whose order means nothing. */
  readonly rotating: { readonly start: number; readonly size: number; readonly count: number } | undefined;
  /** It holds records of other names too, and is only good for this version of the zone. */
  readonly version: number | undefined;
  /** The chain of CNAMEs leaves our zones here. */
  readonly outside: NameKey | undefined;
  /** The CNAMEs. */
  readonly chain: readonly ResourceRecord[];
}

/** What there is of one name. */
export interface NameRecords {
  /** Of any type. */
  readonly hasRecords: boolean;
  /** The zone that the name is in; undefined: none of ours. */
  readonly apex: Apex | undefined;
  ofType(type: number): readonly ResourceRecord[];
}

export interface AnswerParts {
  readonly zone: Zone;
  readonly domain: NameKey;
  readonly nameServer: NameKey;
  readonly ttl: number;
  /** The SOA's serial when the zone's version was zero. */
  readonly firstSerial: number;
}

export class AnswerCompiler {
  readonly #parts: AnswerParts;
  readonly #writer = new MessageWriter();
  readonly #mailbox: NameKey;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
    this.#mailbox = `\x0ahostmaster${parts.domain}`;
  }

  /** Of the zone as it is now (RFC 1982 arithmetic: it only has to be later than before). */
  get serial(): number {
    return (this.#parts.firstSerial + this.#parts.zone.version) >>> 0;
  }

  soa(apex: Apex): ResourceRecord {
    const { nameServer, ttl } = this.#parts;
    const numbers = { serial: this.serial, ...SOA_TIMERS, minimum: ttl };
    return { owner: apex.name, type: Type.SOA, ttl, rdata: soaData(nameServer, this.#mailbox, numbers) };
  }

  /**
   * What `node`, which is `name`, has for questions of `type`; undefined if it has nothing of that type. Kept at the
   * node until its records change.
   */
  answer(name: NameKey, node: ZoneNode, type: number): Answer | undefined {
    const known = node.answers.get(type);
    if (known !== undefined && (known.version === undefined || known.version === this.#parts.zone.version))
      return known;
    const made = this.#make(name, node, type);
    if (made !== undefined) node.answers.set(type, made);
    return made;
  }

  /** As `answer`, of records that are kept nowhere: nor is their answer. */
  answerOnce(name: NameKey, records: NameRecords, type: number): Answer | undefined {
    return this.#make(name, records, type);
  }

  #make(name: NameKey, node: NameRecords, type: number): Answer | undefined {
    const { zone } = this.#parts;
    const writer = this.#writer;
    const answers: ResourceRecord[] = [];
    const chain: ResourceRecord[] = [];
    const seen = new Set([name]);
    let at: NameRecords | undefined = node;
    let owner = name;
    let outside: NameKey | undefined;
    let rcode: number = Rcode.NOERROR;
    for (;;) {
      const found = this.#records(owner, at, type);
      answers.push(...found);
      const [alias] = found.length > 0 || type === Type.CNAME ? [] : at.ofType(Type.CNAME);
      if (alias === undefined) break;
      chain.push(alias);
      answers.push(alias);
      owner = alias.rdata[0] as NameKey;
      if (seen.has(owner) || chain.length > MAX_CHAIN) {
        // Nobody can follow it to an end.
        rcode = Rcode.SERVFAIL;
        break;
      }
      seen.add(owner);
      at = zone.node(owner);
      if (at === undefined) {
        // What a chain ends in is its rcode (RFC 6604 section 3).
        if (zone.apexOf(owner) === undefined) outside = owner;
        else rcode = Rcode.NXDOMAIN;
        break;
      }
    }
    if (answers.length === 0) return undefined;

    writer.begin(0, Flag.QR | Flag.AA | rcode);
    writer.question(name, type);
    const ends: number[] = [];
    const starts: number[] = [];
    for (const record of answers) {
      starts.push(writer.length);
      if (writer.record("answer", record)) ends.push(writer.length);
      else {
        writer.setFlags(Flag.QR | Flag.AA | Flag.TC | rcode);
        break;
      }
    }
    const last = answers.at(-1)!;
    const apex = zone.apexOf(owner);
    const isNegative = last.type === Type.CNAME && type !== Type.CNAME && outside === undefined;
    if (isNegative && rcode !== Rcode.SERVFAIL && apex !== undefined)
      writer.record("authority", this.soa(apex));
    const needed = writer.length;
    const additional = this.#additional(answers);
    for (const record of additional) writer.record("additional", record);
    const composite = chain.length > 0 || additional.length > 0 || type === Type.SOA;
    return {
      bytes: writer.take(),
      ends,
      needed,
      rotating: rotation(answers, starts, ends),
      version: composite ? zone.version : undefined,
      outside,
      chain,
    };
  }

  #records(name: NameKey, node: NameRecords, type: number): readonly ResourceRecord[] {
    if (type === Type.ANY) return node.hasRecords ? [anyRecord(name)] : [];
    if (type === Type.SOA && node.apex?.name === name) return [this.soa(node.apex)];
    return node.ofType(type);
  }

  /** Addresses of the servers that the answers name (RFC 2782; RFC 1034 section 4.3.2 for NS). */
  #additional(answers: readonly ResourceRecord[]): ResourceRecord[] {
    const targets = new Set<NameKey>();
    for (const { type, rdata } of answers)
      if (type === Type.SRV) targets.add(rdata[1] as NameKey);
      else if (type === Type.NS) targets.add(rdata[0] as NameKey);
    return [...targets].flatMap((target) => {
      const node = this.#parts.zone.node(target);
      return node === undefined ? [] : [...node.ofType(Type.A), ...node.ofType(Type.AAAA)];
    });
  }
}

/** RFC 8482 section 4.2. */
export function anyRecord(owner: NameKey): ResourceRecord {
  return { owner, type: Type.HINFO, ttl: ANY_TTL, rdata: stringsData("RFC8482", "") };
}

/** Only addresses: clients take the first of them, and are to be spread. */
function rotation(
  answers: readonly ResourceRecord[],
  starts: readonly number[],
  ends: readonly number[],
): Answer["rotating"] {
  const first = answers.findIndex(({ type }) => type === Type.A || type === Type.AAAA);
  const count = ends.length - first;
  if (first < 0 || count < 2) return undefined;
  const start = starts[first]!;
  const size = ends[first]! - start;
  return ends.at(-1) === start + size * count ? { start, size, count } : undefined;
}

/**
 * Writes `answer` to `out` for the question in `message`: at most `limit` bytes, of which `reserved` are left free for
 * OPT. What does not fit is left out: additional records silently, others with TC (RFC 2181 section 9).
 * Returns the length.
 */
export function copyAnswer(
  answer: Pick<Answer, "bytes" | "ends" | "needed" | "rotating">,
  message: Buffer,
  questionEnd: number,
  out: Buffer,
  limit: number,
  reserved: number,
): number {
  const { bytes, ends, needed, rotating } = answer;
  const room = Math.min(limit, MAX_MESSAGE, out.length) - reserved;
  let length = bytes.length;
  let kept = ends.length;
  if (length > room) {
    length = needed;
    if (length > room) {
      kept = 0;
      while (kept < ends.length && ends[kept]! <= room) kept++;
      length = kept === 0 ? questionEnd : ends[kept - 1]!;
    }
  }
  if (rotating === undefined) bytes.copy(out, 0, 0, length);
  else copyRotated(bytes, out, length, rotating, kept - (ends.length - rotating.count));
  if (length < bytes.length) {
    out.writeUInt16BE(kept, 6);
    if (length < needed) {
      out[2]! |= Flag.TC >>> 8;
      out.writeUInt16BE(0, 8);
    }
    out.writeUInt16BE(0, 10);
  }
  // The case of the letters is the client's (draft-vixie-dnsext-dns0x20): answers point to the question for their owner.
  message.copy(out, 12, 12, questionEnd);
  return length;
}

/** As a copy, with the first `kept` rotating records beginning anywhere. */
function copyRotated(
  bytes: Buffer,
  out: Buffer,
  length: number,
  { start, size, count }: NonNullable<Answer["rotating"]>,
  kept: number,
): void {
  bytes.copy(out, 0, 0, start);
  if (kept <= 0) return;
  const turn = Math.floor(Math.random() * count);
  const upper = Math.min(kept, count - turn);
  bytes.copy(out, start, start + turn * size, start + (turn + upper) * size);
  bytes.copy(out, start + upper * size, start, start + (kept - upper) * size);
  const end = start + count * size;
  if (length > end) bytes.copy(out, end, end, length);
}

/**
 * The SOA record of negative answers (RFC 2308 section 3), of which a name that does not exist has more than one needs:
 * written with pointers into the question.
 */
export class NegativeRecord {
  readonly #bytes: Buffer;
  /** Where in the bytes pointers to the apex go. */
  readonly #pointers: readonly number[];
  readonly #serialAt: number;
  readonly #apexLength: number;

  constructor({ owner: apex, ttl, rdata }: ResourceRecord) {
    this.#apexLength = apex.length;
    const head = Buffer.alloc(10);
    head.writeUInt16BE(Type.SOA, 0);
    head.writeUInt16BE(CLASS_IN, 2);
    head.writeUInt32BE(ttl, 4);
    const parts: Buffer[] = [Buffer.alloc(2), head];
    const pointers = [0];
    let at = 12;
    for (const part of rdata) {
      const inside = typeof part === "string" && part.endsWith(apex);
      const text = typeof part === "string" ? part : Buffer.from(part).toString("latin1");
      const bytes = Buffer.from(inside ? `${text.slice(0, -apex.length)}\0\0` : text, "latin1");
      at += bytes.length;
      if (inside) pointers.push(at - 2);
      parts.push(bytes);
    }
    head.writeUInt16BE(at - 12, 8);
    this.#bytes = Buffer.concat(parts);
    this.#pointers = pointers;
    // Five numbers are the end of it, the first of them the serial.
    this.#serialAt = at - 20;
  }

  /** Writes the record at `at`, after a question whose name is `nameLength` bytes long. Returns its end. */
  write(out: Buffer, at: number, nameLength: number, serial: number): number {
    this.#bytes.copy(out, at);
    const apex = 0xc000 | (12 + nameLength - this.#apexLength);
    for (const pointer of this.#pointers) out.writeUInt16BE(apex, at + pointer);
    out.writeUInt32BE(serial, at + this.#serialAt);
    return at + this.#bytes.length;
  }
}
