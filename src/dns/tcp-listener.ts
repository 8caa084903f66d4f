/**
 * DNS over TCP (RFC 7766): messages with their length before them, any number on a connection, answered in the order in
 * which answers are there.
 */
import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { type Exchange, largestAnswer, LATER } from "./exchange.ts";

export interface TcpLimits {
  /** Milliseconds without a whole question after which a connection is closed. @default {10000} */
  readonly idle?: number;
  /** Connections at once. @default {1000} */
  readonly connections?: number;
  /** Of one client. @default {100} */
  readonly connectionsPerClient?: number;
  /** Questions of one connection under way; more are not read. @default {100} */
  readonly pipeline?: number;
}

export interface TcpListenerOptions {
  /** Bound, not listening; owned by the listener from here on. */
  readonly fd: number;
  readonly exchange: Exchange;
  readonly mayRecurse: (address: string) => boolean;
  readonly limits?: TcpLimits;
}

/** Answers that a client has not taken; more are not made, bytes. */
const MAX_UNSENT = 256 * 1024;

export class TcpListener implements AsyncDisposable {
  readonly #exchange: Exchange;
  readonly #mayRecurse: TcpListenerOptions["mayRecurse"];
  readonly #limits: Required<TcpLimits>;
  readonly #out = largestAnswer();
  readonly #connections = new Set<Socket>();
  readonly #perClient = new Map<string, number>();
  readonly #server: Server;

  /** Call {@link listening} before it is used. */
  constructor({ fd, exchange, mayRecurse, limits = {} }: TcpListenerOptions) {
    this.#exchange = exchange;
    this.#mayRecurse = mayRecurse;
    this.#limits = {
      idle: limits.idle ?? 10_000,
      connections: limits.connections ?? 1000,
      connectionsPerClient: limits.connectionsPerClient ?? 100,
      pipeline: limits.pipeline ?? 100,
    };
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#server.listen({ fd });
  }

  /** Rejects if the address cannot be listened on. */
  async listening(): Promise<void> {
    if (!this.#server.listening) await once(this.#server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connected(socket: Socket): void {
    // Whoever goes away is nobody's error.
    socket.on("error", () => {});
    const client = socket.remoteAddress ?? "";
    const open = this.#perClient.get(client) ?? 0;
    const { connections, connectionsPerClient } = this.#limits;
    if (this.#connections.size >= connections || open >= connectionsPerClient) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    this.#perClient.set(client, open + 1);
    const connection = new Connection(
      socket,
      client,
      this.#mayRecurse(client),
      this.#exchange,
      this.#limits,
      this.#out,
    );
    socket.on("close", () => {
      connection.closed();
      this.#connections.delete(socket);
      const left = (this.#perClient.get(client) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(client);
      else this.#perClient.set(client, left);
    });
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #client: string;
  readonly #mayRecurse: boolean;
  readonly #exchange: Exchange;
  readonly #limits: Required<TcpLimits>;
  readonly #out: Buffer;
  readonly #idle: NodeJS.Timeout;
  /** What has come of a message that is not whole. */
  #rest: Buffer = Buffer.alloc(0);
  #waiting = 0;
  /** The client has said that it asks no more. */
  #ended = false;

  constructor(
    socket: Socket,
    client: string,
    mayRecurse: boolean,
    exchange: Exchange,
    limits: Required<TcpLimits>,
    out: Buffer,
  ) {
    this.#socket = socket;
    this.#client = client;
    this.#mayRecurse = mayRecurse;
    this.#exchange = exchange;
    this.#limits = limits;
    this.#out = out;
    // Not the socket's own time-out, which each byte would put off.
    this.#idle = setTimeout(() => socket.destroy(), limits.idle);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("drain", () => this.#proceed());
    socket.on("end", () => {
      this.#ended = true;
      this.#proceed();
    });
    socket.allowHalfOpen = true;
  }

  closed(): void {
    clearTimeout(this.#idle);
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#proceed();
  }

  /** Answers what is whole, as far as the limits let it. */
  #proceed(): void {
    const answers: Buffer[] = [];
    let unsent = this.#socket.writableLength;
    let at = 0;
    const rest = this.#rest;
    while (!this.#isFull(unsent) && rest.length - at >= 2) {
      const length = rest.readUInt16BE(at);
      if (rest.length - at - 2 < length) break;
      this.#idle.refresh();
      const answer = this.#answer(rest.subarray(at + 2, at + 2 + length));
      at += 2 + length;
      if (answer === undefined) continue;
      answers.push(answer);
      unsent += answer.length;
    }
    this.#rest = rest.subarray(at);
    if (answers.length > 0) this.#socket.write(answers.length === 1 ? answers[0]! : Buffer.concat(answers));
    if (this.#isFull(this.#socket.writableLength)) this.#socket.pause();
    else this.#socket.resume();
    // A part of a question that is left will never be whole.
    if (this.#ended && this.#waiting === 0) this.#socket.end();
  }

  #isFull(unsent: number): boolean {
    return this.#waiting >= this.#limits.pipeline || unsent > MAX_UNSENT;
  }

  /** With its length before it; undefined if there is none, or none yet. */
  #answer(message: Buffer): Buffer | undefined {
    const later = (): { client: string; reply: (answer: Buffer) => void } => ({
      client: this.#client,
      reply: (answer) => {
        this.#waiting--;
        if (this.#socket.destroyed) return;
        this.#idle.refresh();
        this.#socket.write(framed(answer));
        this.#proceed();
      },
    });
    const length = this.#exchange.take(message, message.length, this.#out, "tcp", this.#mayRecurse, later);
    if (length === LATER) this.#waiting++;
    return length > 0 ? framed(this.#out.subarray(0, length)) : undefined;
  }
}

function framed(answer: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(2 + answer.length);
  bytes.writeUInt16BE(answer.length, 0);
  answer.copy(bytes, 2);
  return bytes;
}
