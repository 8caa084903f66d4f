/**
 * Asks other servers: over UDP from a port and with an id that nobody can guess, over TCP when the answer was cut off,
 * and the next server when one fails.
 *
 * An answer counts only if it comes from whom it was asked of (a connected socket), has the id and repeats the question,
 * letter for letter: the case of the letters is random (draft-vixie-dnsext-dns0x20).
 */
import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { backoffDelay } from "../base/backoff.ts";
import { CLASS_IN, Flag, Rcode, SAFE_UDP_PAYLOAD } from "../net/dns/constants.ts";
import { MalformedMessage } from "../net/dns/malformed.ts";
import { type Message, readMessage } from "../net/dns/message.ts";
import { lowerName, type NameKey } from "../net/dns/name.ts";
import { questionMessage } from "../net/dns/query.ts";
import type { ServerAddress, Upstreams } from "./resolv-conf.ts";

export interface OutsideQuestion {
  readonly name: NameKey;
  readonly type: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

export interface UpstreamAnswer {
  readonly bytes: Buffer;
  readonly message: Message;
}

/** No server gave an answer. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
}

export interface UpstreamOptions {
  readonly servers: Upstreams;
  /** Milliseconds for one attempt. @default {1000} */
  readonly timeout?: number;
  /** Milliseconds for all attempts: clients ask again after five seconds. @default {4500} */
  readonly deadline?: number;
  /** Called after each attempt: seconds, and the rcode or what failed. */
  readonly onAttempt?: (server: ServerAddress, seconds: number, outcome: number | "error") => void;
}

export interface Upstream {
  /** Throws UpstreamError. An answer SERVFAIL or REFUSED is returned if no server has a better one. */
  ask(question: OutsideQuestion): Promise<UpstreamAnswer>;
}

/** How long a server that failed is left alone, milliseconds. */
const REST = { initial: 250, limit: 30_000, jitter: 0.2 };
/** After so many datagrams that are no answer, somebody is guessing: the question goes over TCP. */
const MAX_STRANGERS = 8;

/** How often each server is asked at most. */
const ROUNDS = 3;

interface Health {
  failures: number;
  /** performance.now() until which others are asked first. */
  restsUntil: number;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { servers, timeout = 1000, deadline = 4500, onAttempt } = options;
  const healths = new Map<string, Health>();

  function healthOf({ address, port }: ServerAddress): Health {
    const key = `${address} ${port}`;
    let health = healths.get(key);
    // They come from a file with three of them at a time.
    if (healths.size > 1000) healths.clear();
    if (health === undefined) healths.set(key, (health = { failures: 0, restsUntil: 0 }));
    return health;
  }

  async function attempt(
    server: ServerAddress,
    question: OutsideQuestion,
    limit: number,
  ): Promise<UpstreamAnswer> {
    const health = healthOf(server);
    const began = performance.now();
    try {
      const answer = await exchange(server, question, limit);
      onAttempt?.(server, (performance.now() - began) / 1000, answer.message.rcode);
      health.failures = 0;
      health.restsUntil = 0;
      return answer;
    } catch (error) {
      onAttempt?.(server, (performance.now() - began) / 1000, "error");
      health.restsUntil = performance.now() + backoffDelay(++health.failures, REST);
      throw error;
    }
  }

  return {
    async ask(question) {
      const all = await servers();
      if (all.length === 0) throw new UpstreamError("there is no resolver to ask");
      const end = performance.now() + deadline;
      let last: unknown;
      let poor: UpstreamAnswer | undefined;
      for (let round = 0; ; round++) {
        // A server that is being restarted refuses at once.
        if (round > 0) await delay(50 * round);
        const now = performance.now();
        const rested = all.filter((server) => healthOf(server).restsUntil <= now);
        for (const server of rested.length > 0 ? rested : all) {
          const left = end - performance.now();
          if (left <= 0) break;
          try {
            const answer = await attempt(server, question, Math.min(timeout * (round + 1), left));
            const { rcode } = answer.message;
            if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) return answer;
            poor = answer;
          } catch (error) {
            last = error;
          }
        }
        if (poor !== undefined) return poor;
        if (performance.now() >= end || round + 1 === ROUNDS)
          throw new UpstreamError(
            `no resolver answered: ${last instanceof Error ? last.message : "time is over"}`,
          );
      }
    },
  };
}

async function exchange(
  server: ServerAddress,
  question: OutsideQuestion,
  timeout: number,
): Promise<UpstreamAnswer> {
  const { type, dnssecOk, checkingDisabled } = question;
  const id = randomInt(0x1_0000);
  const name = randomCase(question.name);
  const flags = Flag.RD | (checkingDisabled ? Flag.CD : 0);
  const message = questionMessage({ id, name, type, flags, udpPayload: SAFE_UDP_PAYLOAD, dnssecOk });
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(timeout)));
  const overUdp = await askUdp(server, message, signal, (bytes) => check(bytes, id, name, type));
  if (overUdp !== undefined && (overUdp.message.flags & Flag.TC) === 0) return overUdp;
  const bytes = await askTcp(server, message, signal);
  // A server may write the question as it likes; over TCP nobody else can have answered.
  const overTcp = check(bytes, id, name, type, false);
  if (overTcp === undefined) throw new MalformedMessage("the answer over TCP is to another question");
  return overTcp;
}

/** The answer, or undefined if the bytes are no answer to that question. */
function check(
  bytes: Buffer,
  id: number,
  name: string,
  type: number,
  exact = true,
): UpstreamAnswer | undefined {
  let message: Message;
  try {
    message = readMessage(bytes);
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
  const { question, flags } = message;
  if (message.id !== id || question === undefined || (flags & Flag.QR) === 0) return undefined;
  if ((flags & Flag.OPCODE) !== 0 || question.type !== type || question.class !== CLASS_IN) return undefined;
  const isSame = exact ? question.name === name : lowerName(question.name) === lowerName(name);
  return isSame ? { bytes, message } : undefined;
}

/** undefined: too much came that is no answer, or one with the letters changed, which only TCP can tell from a guess. */
function askUdp(
  { address, port }: ServerAddress,
  message: Buffer,
  signal: AbortSignal,
  read: (bytes: Buffer) => UpstreamAnswer | undefined,
): Promise<UpstreamAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
    let strangers = 0;
    let finished = false;
    const finish = (): void => {
      finished = true;
      signal.removeEventListener("abort", onAbort);
      socket.close();
    };
    const fail = (error: Error): void => {
      if (!finished) finish();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", fail);
    socket.on("message", (bytes) => {
      const answer = read(bytes);
      if (finished || (answer === undefined && !isRecased(bytes, message) && ++strangers < MAX_STRANGERS))
        return;
      finish();
      resolve(answer);
    });
    // Connected: the kernel lets nobody else's datagrams in, and tells of a port that nobody listens on. Without a route
    // there the callback gets an error, which its type does not have.
    socket.connect(port, address, (error?: Error) => {
      if (error !== undefined) fail(error);
      else if (!finished) socket.send(message);
    });
  });
}

/** Whether it is the answer but for the case of the question's letters. */
function isRecased(bytes: Buffer, message: Buffer): boolean {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== message.readUInt16BE(0)) return false;
  const lower = (of: Buffer): string => lowerName(of.toString("latin1", 12, message.length - 11));
  return lower(bytes) === lower(message);
}

function askTcp({ address, port }: ServerAddress, message: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, signal });
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on("error", reject);
    socket.on("close", () => reject(new UpstreamError("the connection ended before the answer")));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      const all = length >= 2 ? Buffer.concat(chunks) : Buffer.alloc(0);
      if (length < 2 || length < 2 + all.readUInt16BE(0)) return;
      resolve(all.subarray(2, 2 + all.readUInt16BE(0)));
      socket.destroy();
    });
    const framed = Buffer.alloc(2 + message.length);
    framed.writeUInt16BE(message.length, 0);
    message.copy(framed, 2);
    socket.write(framed);
  });
}

/** Each letter in one case or the other. */
function randomCase(name: NameKey): string {
  const random = randomBytes(name.length);
  return name.replace(/[a-z]/g, (letter, at: number) => (random[at]! & 1 ? letter.toUpperCase() : letter));
}
