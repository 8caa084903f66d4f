/** Names outside of the cluster: each question that is under way is asked once, whoever wants the answer. */
import { Flag, MAX_MESSAGE, OPT_LENGTH, Rcode, Type } from "../net/dns/constants.ts";
import { readMessage } from "../net/dns/message.ts";
import { MessageWriter } from "../net/dns/message-writer.ts";
import { Query } from "../net/dns/query.ts";
import { copyAnswer } from "./answer.ts";
import type { AnswerCache, CachedAnswer } from "./answer-cache.ts";
import type { Responder, Transport } from "./responder.ts";
import { type OutsideQuestion, type Upstream, UpstreamError } from "./upstream.ts";

export interface ForwarderOptions {
  readonly upstream: Upstream;
  readonly cache: AnswerCache;
  /** Questions under way at once. @default {1000} */
  readonly maxQuestions?: number;
}

export class Forwarder {
  readonly cache: AnswerCache;
  readonly #upstream: Upstream;
  readonly #maxQuestions: number;
  readonly #running = new Map<string, Promise<CachedAnswer>>();
  readonly #writer = new MessageWriter();

  constructor({ upstream, cache, maxQuestions = 1000 }: ForwarderOptions) {
    this.#upstream = upstream;
    this.cache = cache;
    this.#maxQuestions = maxQuestions;
  }

  /**
   * The answer to `message`, for which the responder said ELSEWHERE just now; call it in the same turn. SERVFAIL if
   * nobody knows. Never rejects for what other servers do.
   */
  async answer(responder: Responder, message: Buffer, transport: Transport): Promise<Buffer> {
    const { outside, chain } = responder;
    const query = new Query();
    query.parse(message, message.length);
    const question = {
      name: outside,
      type: query.type,
      dnssecOk: query.dnssecOk,
      checkingDisabled: (query.flags & Flag.CD) !== 0,
    };
    const limit = responder.limit(query, transport);
    const room = limit - (query.hasEdns ? OPT_LENGTH : 0);
    const out = Buffer.allocUnsafe(Math.min(MAX_MESSAGE, Math.max(limit, 1024)));
    const end = (length: number, flags: number): Buffer =>
      out.subarray(0, responder.finish(query, message, out, length, flags, true));
    try {
      const found = await this.#resolve(question);
      if (chain.length === 0) {
        const length = this.cache.write(found, query, message, out, room);
        return end(length, out.readUInt16BE(2));
      }
      const whole = this.#behind(chain, query, found);
      const length = copyAnswer(whole, message, query.questionEnd, out, room, 0);
      return end(length, out.readUInt16BE(2));
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      return out.subarray(0, responder.refusal(query, message, out, Rcode.SERVFAIL, true));
    }
  }

  async #resolve(question: OutsideQuestion): Promise<CachedAnswer> {
    const known = this.cache.get(question);
    if (known !== undefined) return known;
    const { name, type, dnssecOk, checkingDisabled } = question;
    const key = `${type} ${dnssecOk} ${checkingDisabled} ${name}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if (this.#running.size >= this.#maxQuestions)
      throw new UpstreamError(`${this.#maxQuestions} questions are under way already`);
    const work = (async () => {
      try {
        return this.cache.put(question, await this.#upstream.ask(question));
      } finally {
        this.#running.delete(key);
      }
    })();
    this.#running.set(key, work);
    return work;
  }

  /** Our own CNAMEs, and behind them what another server said of where they lead. */
  #behind(chain: Responder["chain"], query: Query, found: CachedAnswer): Parameters<typeof copyAnswer>[0] {
    const { answers, authority, rcode } = readMessage(found.bytes);
    const age = this.cache.age(found);
    const writer = this.#writer.begin(0, Flag.QR | Flag.AA | rcode);
    writer.question(query.key, query.type);
    const ends: number[] = [];
    for (const record of chain) if (writer.record("answer", record)) ends.push(writer.length);
    for (const record of answers)
      if (writer.record("answer", { ...record, ttl: Math.max(0, record.ttl - age) }))
        ends.push(writer.length);
    const soa = authority.find(({ type }) => type === Type.SOA);
    if (soa !== undefined) writer.record("authority", { ...soa, ttl: Math.max(0, soa.ttl - age) });
    return { bytes: writer.take(), ends, needed: writer.length, rotating: undefined };
  }
}
