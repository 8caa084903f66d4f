/**
 * From a question's bytes to an answer's bytes, at once, for all that is in our zones; what is not is handed back.
 *
 * The same for UDP and TCP, without sockets, clocks or promises. Names outside are answered from the cache here too.
 */
import { Flag, MAX_MESSAGE, OPT_LENGTH, Rcode, SAFE_UDP_PAYLOAD, Type } from "../net/dns/constants.ts";
import type { NameKey } from "../net/dns/name.ts";
import { Query, SILENCE, writeOpt } from "../net/dns/query.ts";
import { type Answer, AnswerCompiler, anyRecord, copyAnswer, NegativeRecord } from "./answer.ts";
import type { ClusterZone } from "./cluster-zone.ts";
import { type BareNames, isBare } from "./bare-names.ts";
import { type Apex, isMetaType, type Zone } from "./zone.ts";
import { MessageWriter } from "../net/dns/message-writer.ts";

export type Transport = "udp" | "tcp";

/** The answer has to come from somewhere else: `Responder.query` says of what, `outside` of which name. */
export const ELSEWHERE = -1;
/** The answer depends on who asks: `Responder.respondTo` gives it. */
export const BY_CLIENT = -2;

/** What is known of names outside. */
export interface OutsideCache {
  /**
   * Writes the answer to `query`, which is in `message`, to `out` after its header's id and flags, leaving out what does
   * not fit into `room` bytes. Returns its length, or 0 if it is not known.
   */
  answer(query: Query, message: Buffer, out: Buffer, room: number): number;
}

export interface ResponderOptions {
  /** The largest answer over UDP, whatever clients take. @default {1232} */
  readonly udpPayload?: number;
  /** The SOA's serial at the start; later than at the last start. */
  readonly firstSerial: number;
  /** What names of one label mean to whom. Absent: they are outside. */
  readonly bareNames?: BareNames;
}

export class Responder {
  /** The question that was read last. */
  readonly query: Query = new Query();
  /** After ELSEWHERE: the name that is outside, and the CNAMEs that lead there. */
  outside: NameKey = "";
  chain: Answer["chain"] = [];
  /** Of the last answer. */
  rcode = 0;
  readonly #names: ClusterZone;
  readonly #zone: Zone;
  readonly #compiler: AnswerCompiler;
  readonly #negatives = new Map<Apex, NegativeRecord>();
  readonly #udpPayload: number;
  readonly #cache: OutsideCache | undefined;
  readonly #bareNames: BareNames | undefined;

  /** Without a cache, names outside are refused. */
  constructor(names: ClusterZone, options: ResponderOptions, cache?: OutsideCache) {
    const { domain, nameServer, ttl, zone } = names;
    this.#names = names;
    this.#zone = zone;
    this.#udpPayload = options.udpPayload ?? SAFE_UDP_PAYLOAD;
    this.#cache = cache;
    this.#bareNames = options.bareNames;
    const { firstSerial } = options;
    this.#compiler = new AnswerCompiler({ zone, domain, nameServer, ttl, firstSerial });
  }

  /**
   * Answers the first `length` bytes of `message` into `out`, which holds the largest answer of the transport. Returns
   * the answer's length; 0 if none may be sent; ELSEWHERE; or BY_CLIENT. `mayRecurse`: names outside are looked up for the client.
   */
  respond(message: Buffer, length: number, out: Buffer, transport: Transport, mayRecurse: boolean): number {
    const { query } = this;
    const verdict = query.parse(message, length);
    if (verdict === SILENCE) return 0;
    if (verdict !== Rcode.NOERROR) return this.#refuse(message, out, verdict, mayRecurse);
    const { type } = query;
    if (isMetaType(type))
      return this.#refuse(message, out, type >= Type.IXFR ? Rcode.REFUSED : Rcode.NOTIMP, mayRecurse);
    const limit = this.limit(query, transport);
    const node = this.#zone.node(query.key);
    if (node !== undefined) {
      const answer = this.#compiler.answer(query.key, node, type);
      if (answer !== undefined) return this.#give(answer, message, out, limit, mayRecurse);
      if (node.apex !== undefined) return this.#deny(message, out, node.apex, Rcode.NOERROR, mayRecurse);
    } else {
      const apex = this.#zone.apexOf(query.key);
      if (apex !== undefined) return this.#deny(message, out, apex, Rcode.NXDOMAIN, mayRecurse);
    }
    if (this.#bareNames !== undefined && isBare(query.key)) return BY_CLIENT;
    return this.#outside(message, out, limit, mayRecurse);
  }

  /**
   * Answers `message`, for which `respond` said BY_CLIENT just now, to the client with this address: its length, or
   * ELSEWHERE. A name that means something to the client is never looked for outside: types that it has not are absent.
   */
  respondTo(client: string, message: Buffer, out: Buffer, transport: Transport, mayRecurse: boolean): number {
    const { query } = this;
    const limit = this.limit(query, transport);
    const records = this.#bareNames?.find(client, query.key);
    if (records === undefined) return this.#outside(message, out, limit, mayRecurse);
    const answer = this.#compiler.answerOnce(query.key, records, query.type);
    if (answer !== undefined) return this.#give(answer, message, out, limit, mayRecurse);
    writeHeader(message, out, query.questionEnd);
    return this.#finish(message, out, query.questionEnd, Flag.QR | Flag.AA, mayRecurse);
  }

  #give(answer: Answer, message: Buffer, out: Buffer, limit: number, mayRecurse: boolean): number {
    const { query } = this;
    if (
      answer.outside !== undefined &&
      mayRecurse &&
      (query.flags & Flag.RD) !== 0 &&
      this.#cache !== undefined
    ) {
      this.outside = answer.outside;
      this.chain = answer.chain;
      return ELSEWHERE;
    }
    const reserved = query.hasEdns ? OPT_LENGTH : 0;
    const end = copyAnswer(answer, message, query.questionEnd, out, limit, reserved);
    return this.#finish(message, out, end, out.readUInt16BE(2), mayRecurse);
  }

  /** How long an answer may be. */
  limit(query: Query, transport: Transport): number {
    return transport === "tcp" ? MAX_MESSAGE : Math.min(query.udpPayload, this.#udpPayload);
  }

  /**
   * Puts the id, the flags of the question and OPT to an answer that ends at `end`. `flags` are QR, AA, TC and the rcode.
   * Returns the whole length.
   */
  finish(
    query: Query,
    message: Buffer,
    out: Buffer,
    end: number,
    flags: number,
    mayRecurse: boolean,
  ): number {
    out[0] = message[0]!;
    out[1] = message[1]!;
    const recursion = mayRecurse && this.#cache !== undefined ? Flag.RA : 0;
    out.writeUInt16BE((flags | (query.flags & (Flag.RD | Flag.CD)) | recursion) & 0xffff, 2);
    this.rcode = flags & Flag.RCODE;
    if (!query.hasEdns) return end;
    out.writeUInt16BE(out.readUInt16BE(10) + 1, 10);
    return writeOpt(out, end, this.#udpPayload, 0, query.dnssecOk);
  }

  #finish(message: Buffer, out: Buffer, end: number, flags: number, mayRecurse: boolean): number {
    return this.finish(this.query, message, out, end, flags, mayRecurse);
  }

  #outside(message: Buffer, out: Buffer, limit: number, mayRecurse: boolean): number {
    const { query } = this;
    if (!mayRecurse || this.#cache === undefined)
      return this.#refuse(message, out, Rcode.REFUSED, mayRecurse);
    if (query.type === Type.ANY) {
      const writer = new MessageWriter().begin(0, Flag.QR);
      writer.question(query.key, Type.ANY);
      writer.record("answer", anyRecord(query.key));
      const bytes = writer.take();
      bytes.copy(out);
      message.copy(out, 12, 12, query.questionEnd);
      return this.#finish(message, out, bytes.length, Flag.QR, mayRecurse);
    }
    const reserved = query.hasEdns ? OPT_LENGTH : 0;
    const length = this.#cache.answer(query, message, out, limit - reserved);
    if (length > 0) return this.#finish(message, out, length, out.readUInt16BE(2), mayRecurse);
    // Without RD only what is known may be told (RFC 1034 section 4.3.1).
    if ((query.flags & Flag.RD) === 0) return this.#refuse(message, out, Rcode.REFUSED, mayRecurse);
    this.outside = query.key;
    this.chain = [];
    return ELSEWHERE;
  }

  #deny(message: Buffer, out: Buffer, apex: Apex, rcode: number, mayRecurse: boolean): number {
    const { query } = this;
    let negative = this.#negatives.get(apex);
    if (negative === undefined) {
      negative = new NegativeRecord(this.#compiler.soa(apex));
      this.#negatives.set(apex, negative);
    }
    writeHeader(message, out, query.questionEnd);
    out[9] = 1;
    const end = negative.write(out, query.questionEnd, query.key.length, this.#compiler.serial);
    return this.#finish(message, out, end, Flag.QR | Flag.AA | rcode, mayRecurse);
  }

  /** An answer without records: the header, the question if there is one, and OPT if the client has EDNS. */
  #refuse(message: Buffer, out: Buffer, verdict: number, mayRecurse: boolean): number {
    const { query } = this;
    return this.refusal(query, message, out, verdict, mayRecurse);
  }

  /** As an answer of `respond`. */
  refusal(query: Query, message: Buffer, out: Buffer, verdict: number, mayRecurse: boolean): number {
    const end = query.questionEnd === 0 ? 12 : query.questionEnd;
    writeHeader(message, out, query.questionEnd);
    const flags = Flag.QR | (query.flags & Flag.OPCODE) | (verdict & Flag.RCODE);
    const length = this.finish(query, message, out, end, flags, mayRecurse);
    if (query.hasEdns && verdict > Flag.RCODE) writeOpt(out, end, this.#udpPayload, verdict, query.dnssecOk);
    this.rcode = verdict;
    return length;
  }

  /** For metrics. */
  get records(): number {
    return this.#names.zone.size;
  }
}

/** A header without records, and the question as it was asked. */
function writeHeader(message: Buffer, out: Buffer, questionEnd: number): void {
  out.fill(0, 4, 12);
  if (questionEnd === 0) return;
  out[5] = 1;
  message.copy(out, 12, 12, questionEnd);
}
