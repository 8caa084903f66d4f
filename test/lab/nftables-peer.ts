/**
 * A process inside a network namespace that serves and connects on behalf of a test: forked by nftables-lab.ts, told
 * what to do over IPC. Every request is answered by one message with the same id.
 */
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

export interface Peer {
  /** TCP and UDP on all addresses: tells its name and the client's address, and for TCP echoes from then on. */
  listen(options: { port: number; name: string }): Promise<void>;
  /** Opens a connection, reads the greeting, closes. */
  connect(options: ConnectOptions): Promise<Answer>;
  /** Many of those, a few at a time; how many answers each server gave, and how many failed in which way. */
  connectMany(options: ConnectOptions & { count: number }): Promise<Record<string, number>>;
  /** Opens a connection and keeps it; its number is for `exchange`. */
  open(options: ConnectOptions): Promise<Answer & { connection: number }>;
  /** Sends text over a kept connection and gives the echo. */
  exchange(options: { connection: number; text: string }): Promise<string>;
  /** One datagram from a connected socket, and its answer. */
  datagram(options: ConnectOptions & { localPort?: number }): Promise<Answer>;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  /** Milliseconds to wait for the answer. @default {3000} */
  readonly timeout?: number;
}

export interface Answer {
  /** The server's name, or an errno's name ("ECONNREFUSED"), or "timeout". */
  readonly from: string;
  /** The client's address as the server saw it. */
  readonly seen: string;
  readonly milliseconds: number;
}

const TIMEOUT = 3000;
const kept: Socket[] = [];

const peer: Peer = {
  async listen({ port, name }) {
    const greeting = (address = ""): string => `${name} ${address.replace(/^::ffff:/, "")}\n`;
    const server = createServer((socket) => {
      socket.write(greeting(socket.remoteAddress));
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject).listen({ port, host: "::", backlog: 4096 }, resolve);
    await promise;
    const udp = createSocket("udp6");
    udp.on("message", (_, from) => udp.send(greeting(from.address), from.port, from.address));
    const bound = Promise.withResolvers<void>();
    udp.bind(port, "::", bound.resolve);
    await bound.promise;
  },

  async connect(options) {
    const { socket, ...answer } = await greet(options);
    socket.destroy();
    return answer;
  },

  async connectMany({ count, ...options }) {
    const counts: Record<string, number> = {};
    let left = count;
    const one = async (): Promise<void> => {
      while (left-- > 0) {
        const { from } = await peer.connect(options);
        counts[from] = (counts[from] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, one));
    return counts;
  },

  async open(options) {
    const { socket, ...answer } = await greet(options);
    return { ...answer, connection: kept.push(socket) - 1 };
  },

  async exchange({ connection, text }) {
    const socket = kept[connection]!;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    socket.once("data", (data) => resolve(data.toString()));
    socket.once("error", reject);
    socket.write(text);
    return promise.finally(() => socket.off("error", reject));
  },

  async datagram({ host, port, localPort, localAddress, timeout }) {
    const started = performance.now();
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const { promise, resolve } = Promise.withResolvers<[string, string]>();
    const timer = setTimeout(() => resolve(["timeout", ""]), timeout ?? TIMEOUT);
    const failed = (error: Error | null): void => {
      if (error !== null) resolve([String((error as NodeJS.ErrnoException).code), ""]);
    };
    socket.once("message", (data) => resolve(data.toString().trim().split(" ") as [string, string]));
    socket.once("error", failed);
    socket.bind(localPort ?? 0, localAddress, () => {
      socket.connect(port, host, (error?: Error) => {
        if (error === undefined) socket.send("?", failed);
        else failed(error);
      });
    });
    const [from, seen] = await promise;
    clearTimeout(timer);
    socket.close();
    return { from, seen, milliseconds: performance.now() - started };
  },
};

async function greet(options: ConnectOptions): Promise<Answer & { socket: Socket }> {
  const started = performance.now();
  const { host, port, localAddress } = options;
  const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
  const { promise, resolve } = Promise.withResolvers<[string, string]>();
  const timer = setTimeout(() => resolve(["timeout", ""]), options.timeout ?? TIMEOUT);
  socket.once("data", (data) => resolve(data.toString().trim().split(" ") as [string, string]));
  socket.once("error", (error: NodeJS.ErrnoException) => resolve([String(error.code), ""]));
  socket.once("end", () => resolve(["closed", ""]));
  const [from, seen] = await promise;
  clearTimeout(timer);
  return { socket, from, seen, milliseconds: performance.now() - started };
}

interface Request {
  readonly id: number;
  readonly method: keyof Peer;
  readonly options: never;
}

process.on("message", (request: Request) => {
  void peer[request.method](request.options).then(
    (result) => process.send?.({ id: request.id, result }),
    (error: unknown) => process.send?.({ id: request.id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
