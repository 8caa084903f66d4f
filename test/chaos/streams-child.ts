/**
 * What is to survive everything, from the namespace it was started in: established TCP connections, on which every byte that
 * comes back is compared with the one that was sent, and UDP flows, each from a source port of its own.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Target } from "./ports.ts";
import { serve, sharedClock } from "./remote.ts";

/** A prime length, so that nothing that repeats in powers of two can be mistaken for it. */
const PATTERN_LENGTH = 65_521;
const LONGEST = 65_536;
const PATTERN = pattern();

/** Bytes without order, the same in every run; long enough that any LONGEST of them are in one piece. */
function pattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_LENGTH + LONGEST);
  for (let i = 0, state = 0x2545f491; i < PATTERN_LENGTH; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  for (let i = PATTERN_LENGTH; i < bytes.length; i++) bytes[i] = bytes[i - PATTERN_LENGTH]!;
  return bytes;
}

class Stream {
  sent = 0;
  received = 0;
  error: string | undefined;
  hasEnded = false;
  /** When what was sent last was sent, while its echo is awaited. */
  #awaited: number | undefined;
  slowest = 0;
  readonly #offset: number;
  readonly #socket: Socket;

  constructor(target: Target, id: number) {
    this.#offset = id * 977;
    this.#socket = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#socket.on("data", (bytes: Buffer) => this.#compare(bytes));
    this.#socket.on("error", (error: NodeJS.ErrnoException) => (this.error ??= error.code ?? error.message));
    this.#socket.on("end", () => (this.hasEnded = true));
  }

  async connected(): Promise<void> {
    await once(this.#socket, "connect");
  }

  /** What comes back of what was sent before need not be there yet: that is the stream. */
  send(length: number): void {
    if (this.error !== undefined) return;
    const from = (this.#offset + this.sent) % PATTERN_LENGTH;
    this.#socket.write(PATTERN.subarray(from, from + length));
    this.sent += length;
    this.#awaited ??= sharedClock();
  }

  #compare(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += LONGEST) {
      const piece = bytes.subarray(at, at + LONGEST);
      const from = (this.#offset + this.received) % PATTERN_LENGTH;
      if (!piece.equals(PATTERN.subarray(from, from + piece.length)))
        this.error ??= `other bytes than were sent, after ${this.received}`;
      this.received += piece.length;
    }
    if (this.received < this.sent || this.#awaited === undefined) return;
    this.slowest = Math.max(this.slowest, sharedClock() - this.#awaited);
    this.#awaited = undefined;
  }

  /** Ends our side, and resolves when the other side has ended too, or it has broken. */
  async finish(): Promise<void> {
    if (this.error !== undefined || this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.setTimeout(10_000, () => this.#socket.destroy(new Error("silent for 10 s at its end")));
    this.#socket.end();
    await closed;
  }
}

/** A datagram without an answer is sent again after this long, and has failed after FLOW_LIMIT. Milliseconds. */
const RESEND = 100;
const FLOW_LIMIT = 5000;

class Flow {
  answered = 0;
  resent = 0;
  moves = 0;
  errors: string[] = [];
  /** Milliseconds. */
  slowest = 0;
  #backend: string | undefined;
  #sequence = 0;
  #waiting: { readonly since: number; sentAt: number } | undefined;
  readonly #socket: UdpSocket;

  constructor(target: Target) {
    this.#socket = createSocket("udp4");
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.errors.push(error.code ?? error.message));
    this.#socket.on("message", (message) => this.#hear(message.toString()));
    this.#socket.connect(target.port, target.host);
  }

  async connected(): Promise<void> {
    await once(this.#socket, "connect");
  }

  send(): void {
    const now = sharedClock();
    if (this.#waiting === undefined) {
      this.#sequence++;
      this.#waiting = { since: now, sentAt: now };
    } else if (now - this.#waiting.since > FLOW_LIMIT) {
      this.errors.push(`no answer within ${FLOW_LIMIT} ms`);
      this.#waiting = undefined;
      return;
    } else if (now - this.#waiting.sentAt > RESEND) {
      this.resent++;
      this.#waiting.sentAt = now;
    } else return;
    this.#socket.send(String(this.#sequence), (error) => {
      if (error !== null) this.errors.push(error.message);
    });
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  #hear(text: string): void {
    const [sequence, backend] = text.split(" ");
    if (this.#waiting === undefined || Number(sequence) !== this.#sequence) return;
    this.answered++;
    this.slowest = Math.max(this.slowest, sharedClock() - this.#waiting.since);
    this.#waiting = undefined;
    if (this.#backend !== undefined && this.#backend !== backend) this.moves++;
    this.#backend = backend;
  }

  close(): void {
    this.#socket.close();
  }
}

export interface StreamsReport {
  readonly connections: number;
  readonly sent: number;
  readonly received: number;
  /** How many times each error; empty if all is well. */
  readonly errors: Readonly<Record<string, number>>;
  /** The longest from sending to its echo, in milliseconds. */
  readonly slowest: number;
}

export interface FlowsReport {
  readonly flows: number;
  readonly answered: number;
  readonly resent: number;
  readonly moves: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly slowest: number;
}

function count(texts: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}

const TICK = 10;
const streams: Stream[] = [];
const flows: Flow[] = [];
const timers = new Set<NodeJS.Timeout>();

/** Gives each of `all` its turn once in `interval` milliseconds, evenly. */
function inTurn<T>(all: readonly T[], interval: number, act: (one: T) => void): void {
  const began = sharedClock();
  let done = 0;
  const timer = setInterval(() => {
    // After a pause no more than one round is made up for.
    const due = Math.min(((sharedClock() - began) * all.length) / interval, done + all.length);
    for (; done < due; done++) act(all[done % all.length]!);
  }, TICK);
  timers.add(timer);
}

const methods = {
  async openStreams({
    count,
    interval,
    ...target
  }: Target & { count: number; interval: number }): Promise<void> {
    const opened = Array.from({ length: count }, (_, id) => new Stream(target, id));
    await Promise.all(opened.map((stream) => stream.connected()));
    streams.push(...opened);
    inTurn(streams, interval, (stream) => stream.send(1 + ((stream.sent * 31) % 2048)));
  },
  async openFlows({
    count,
    interval,
    ...target
  }: Target & { count: number; interval: number }): Promise<void> {
    const opened = Array.from({ length: count }, () => new Flow(target));
    await Promise.all(opened.map((flow) => flow.connected()));
    flows.push(...opened);
    inTurn(flows, interval, (flow) => flow.send());
    timers.add(
      setInterval(() => {
        for (const flow of flows) if (flow.isWaiting) flow.send();
      }, RESEND / 2),
    );
  },
  async finish(): Promise<{ readonly streams: StreamsReport; readonly flows: FlowsReport }> {
    for (const timer of timers) clearInterval(timer);
    await Promise.all(streams.map((stream) => stream.finish()));
    for (const flow of flows) flow.close();
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    return {
      streams: {
        connections: streams.length,
        sent: sum(streams.map(({ sent }) => sent)),
        received: sum(streams.map(({ received }) => received)),
        errors: count(
          streams.flatMap(({ error, sent, received, hasEnded }) => {
            if (error !== undefined) return error;
            return hasEnded && sent === received ? [] : `ended after ${received} of ${sent} bytes`;
          }),
        ),
        slowest: most(streams.map(({ slowest }) => slowest)),
      },
      flows: {
        flows: flows.length,
        answered: sum(flows.map(({ answered }) => answered)),
        resent: sum(flows.map(({ resent }) => resent)),
        moves: sum(flows.map(({ moves }) => moves)),
        errors: count(flows.flatMap(({ errors }) => errors)),
        slowest: most(flows.map(({ slowest }) => slowest)),
      },
    };
  },
};

export type StreamsMethods = typeof methods;
serve(methods);
