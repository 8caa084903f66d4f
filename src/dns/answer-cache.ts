/**
 * What other servers answered, for as long as they say (RFC 2308 for what does not exist): bounded, the least recently
 * used goes first.
 */
import { Flag, Rcode, Type } from "../net/dns/constants.ts";
import type { ReadRecord } from "../net/dns/message.ts";
import type { Query } from "../net/dns/query.ts";
import { type Answer, copyAnswer } from "./answer.ts";
import type { OutsideCache } from "./responder.ts";
import type { OutsideQuestion, UpstreamAnswer } from "./upstream.ts";

export interface AnswerCacheOptions {
  /** Answers. @default {10000} */
  readonly entries?: number;
  /** Of all answers together. @default {16 MiB} */
  readonly bytes?: number;
  /** Seconds at most. @default {3600} */
  readonly maxTtl?: number;
  /** Seconds at most for what does not exist. @default {300} */
  readonly maxNegativeTtl?: number;
  /** Milliseconds that only grow. @default {performance.now} */
  readonly clock?: () => number;
}

export interface CachedAnswer extends Pick<Answer, "bytes" | "ends" | "needed" | "rotating"> {
  readonly rcode: number;
  /** Where TTLs are in the bytes, in their order. */
  readonly ttls: readonly number[];
  /** By the cache's clock. */
  readonly since: number;
  readonly until: number;
}

/** Seconds for which a failure is remembered (RFC 9520 section 3.2: one at least). */
const FAILURE_TTL = 1;

export class AnswerCache implements OutsideCache {
  hits = 0;
  misses = 0;
  readonly #entries = new Map<string, CachedAnswer>();
  readonly #options: Required<AnswerCacheOptions>;
  #bytes = 0;

  constructor(options: AnswerCacheOptions = {}) {
    this.#options = {
      entries: options.entries ?? 10_000,
      bytes: options.bytes ?? 16 * 1024 * 1024,
      maxTtl: options.maxTtl ?? 3600,
      maxNegativeTtl: options.maxNegativeTtl ?? 300,
      clock: options.clock ?? (() => performance.now()),
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  answer(query: Query, message: Buffer, out: Buffer, room: number): number {
    const checkingDisabled = (query.flags & Flag.CD) !== 0;
    const { key: name, type, dnssecOk } = query;
    const found = this.get({ name, type, dnssecOk, checkingDisabled });
    if (found === undefined) {
      this.misses++;
      return 0;
    }
    this.hits++;
    return this.write(found, query, message, out, room);
  }

  get(question: OutsideQuestion): CachedAnswer | undefined {
    const key = keyOf(question);
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    if (found.until <= this.#options.clock()) {
      this.#bytes -= found.bytes.length;
      return undefined;
    }
    this.#entries.set(key, found);
    return found;
  }

  /** The answer made ready to be served; it is kept if it may be. */
  put(question: OutsideQuestion, { bytes, message }: UpstreamAnswer): CachedAnswer {
    const { answers, authority, additional, rcode } = message;
    // Clients need no more than the answer; validators need what proves it (RFC 4035 section 3.1).
    const isWhole = question.dnssecOk || answers.length === 0 || rcode !== Rcode.NOERROR;
    const kept = isWhole ? [...answers, ...authority] : answers;
    const end = kept.at(-1)?.end ?? message.questionEnd;
    const extra = question.dnssecOk ? beforeOpt(additional) : [];
    const copy = Buffer.from(bytes.subarray(0, extra.at(-1)?.end ?? end));
    copy.writeUInt16BE(isWhole ? authority.length : 0, 8);
    copy.writeUInt16BE(extra.length, 10);
    const flags = Flag.QR | rcode | (message.flags & Flag.AD);
    copy.writeUInt16BE(flags, 2);
    const since = this.#options.clock();
    const answer: CachedAnswer = {
      bytes: copy,
      ends: answers.map((record) => record.end),
      needed: end,
      rotating: undefined,
      rcode,
      ttls: [...kept, ...extra].map(({ ttlAt }) => ttlAt),
      since,
      until: since + 1000 * this.#ttl(question.type, message),
    };
    if (answer.until > since) this.#keep(keyOf(question), answer);
    return answer;
  }

  /** As OutsideCache.answer, of an answer in the hand. */
  write(
    answer: CachedAnswer,
    query: Pick<Query, "questionEnd">,
    message: Buffer,
    out: Buffer,
    room: number,
  ): number {
    const length = copyAnswer(answer, message, query.questionEnd, out, room, 0);
    const age = this.age(answer);
    if (age === 0) return length;
    for (const at of answer.ttls) {
      if (at >= length) break;
      out.writeUInt32BE(Math.max(0, out.readUInt32BE(at) - age), at);
    }
    return length;
  }

  /** Whole seconds. */
  age({ since }: CachedAnswer): number {
    return Math.floor((this.#options.clock() - since) / 1000);
  }

  #keep(key: string, answer: CachedAnswer): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#bytes -= old.bytes.length;
    this.#entries.delete(key);
    this.#entries.set(key, answer);
    this.#bytes += answer.bytes.length;
    const { entries, bytes } = this.#options;
    for (const [oldest, { bytes: gone }] of this.#entries) {
      if (this.#entries.size <= entries && this.#bytes <= bytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= gone.length;
    }
  }

  /** Seconds. What the answer lacks lives as long as the zone's SOA says; without one it is not kept (RFC 2308, 5). */
  #ttl(type: number, { answers, authority, rcode, flags }: UpstreamAnswer["message"]): number {
    const { maxTtl, maxNegativeTtl } = this.#options;
    if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return FAILURE_TTL;
    if ((flags & Flag.TC) !== 0) return 0;
    const positive = Math.min(maxTtl, ...answers.map(({ ttl }) => ttl));
    const isNegative = rcode === Rcode.NXDOMAIN || !answers.some((record) => record.type === type);
    if (!isNegative) return positive;
    const soa = authority.find((record) => record.type === Type.SOA);
    const numbers = soa?.rdata[2];
    if (soa === undefined || numbers === undefined || typeof numbers === "string" || numbers.length < 20)
      return 0;
    const minimum = new DataView(numbers.buffer, numbers.byteOffset).getUint32(16);
    return Math.min(positive, maxNegativeTtl, soa.ttl, minimum);
  }
}

function keyOf({ name, type, dnssecOk, checkingDisabled }: OutsideQuestion): string {
  return String.fromCharCode(type, (dnssecOk ? 2 : 0) + (checkingDisabled ? 1 : 0)) + name;
}

/** OPT is of the hop, not of the answer; what is after it may point past it. */
function beforeOpt(additional: readonly ReadRecord[]): readonly ReadRecord[] {
  const at = additional.findIndex(({ type }) => type === Type.OPT);
  return at < 0 ? additional : additional.slice(0, at);
}
