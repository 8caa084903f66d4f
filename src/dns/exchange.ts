/**
 * One message in, one message out, whatever carried it: answered at once where that is possible, later where another
 * server must be asked, with bounds on how much of that one client can have under way.
 */
import { type Log, silentLog } from "../base/log.ts";
import { MAX_MESSAGE, Rcode } from "../net/dns/constants.ts";
import type { Forwarder } from "./forwarder.ts";
import type { DnsMetrics } from "./metrics.ts";
import { BY_CLIENT, ELSEWHERE, type Responder, type Transport } from "./responder.ts";

export interface ExchangeParts {
  readonly responder: Responder;
  /** Absent: names outside are refused. */
  readonly forwarder?: Forwarder | undefined;
  readonly metrics?: DnsMetrics | undefined;
  readonly log?: Log;
}

export interface ExchangeLimits {
  /** Questions of one client that wait for another server. @default {200} */
  readonly waitingPerClient?: number;
  /** Of all clients. @default {10000} */
  readonly waiting?: number;
}

/** The answer will come later. */
export const LATER = -1;

export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #log: Log;
  readonly #perClient: number;
  readonly #all: number;
  readonly #waiting = new Map<string, number>();
  #total = 0;

  constructor(parts: ExchangeParts, limits: ExchangeLimits = {}) {
    this.#parts = parts;
    this.#log = parts.log ?? silentLog;
    this.#perClient = limits.waitingPerClient ?? 200;
    this.#all = limits.waiting ?? 10_000;
  }

  /**
   * Answers the first `length` bytes of `message` into `out`: returns the answer's length, 0 for none, or LATER, for
   * which `message` is copied. `later` gives the client's address, and what to do with an answer that comes later.
   */
  take(
    message: Buffer,
    length: number,
    out: Buffer,
    transport: Transport,
    mayRecurse: boolean,
    later: () => { readonly client: string; readonly reply: (answer: Buffer) => void },
  ): number {
    const { responder, forwarder, metrics } = this.#parts;
    let answered = responder.respond(message, length, out, transport, mayRecurse);
    if (answered === BY_CLIENT)
      answered = responder.respondTo(later().client, message, out, transport, mayRecurse);
    if (answered > 0) metrics?.answered(transport, responder.query.type, responder.rcode);
    else if (answered === 0) metrics?.dropped(transport);
    if (answered !== ELSEWHERE || forwarder === undefined) return Math.max(0, answered);
    const { client, reply } = later();
    const waiting = this.#waiting.get(client) ?? 0;
    const { type } = responder.query;
    if (waiting >= this.#perClient || this.#total >= this.#all) {
      metrics?.answered(transport, type, Rcode.SERVFAIL);
      return responder.refusal(responder.query, message, out, Rcode.SERVFAIL, mayRecurse);
    }
    this.#waiting.set(client, waiting + 1);
    this.#total++;
    const copy = Buffer.from(message.subarray(0, length));
    const work = async (): Promise<void> => {
      try {
        const answer = await forwarder.answer(responder, copy, transport);
        metrics?.answered(transport, type, answer[3]! & 0xf);
        reply(answer);
      } catch (err) {
        this.#log.error({ err }, "a question could not be answered by our fault");
      } finally {
        this.#done(client);
      }
    };
    void work();
    return LATER;
  }

  #done(client: string): void {
    this.#total--;
    const left = (this.#waiting.get(client) ?? 1) - 1;
    if (left === 0) this.#waiting.delete(client);
    else this.#waiting.set(client, left);
  }
}

/** For answers over TCP, one at a time. */
export function largestAnswer(): Buffer {
  return Buffer.alloc(MAX_MESSAGE);
}
