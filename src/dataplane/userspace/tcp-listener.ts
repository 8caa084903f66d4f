/**
 * TCP: accepts connections to a virtual address and joins each to one to a backend.
 *
 * The joined pair behaves as one connection: an end (FIN) on one side is an end on the other and leaves the way back
 * open, a reset is a reset, and a reader that is slow slows the writer down.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Backend, VirtualPort } from "../table.ts";
import type { ListenerParts, PortListener } from "./port-listener.ts";
import { backendName, Rotation } from "./rotation.ts";

/** How many backends a connection tries before it is reset. */
const MAX_ATTEMPTS = 3;

const SOCKET = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

export class TcpListener implements PortListener {
  readonly #port: VirtualPort;
  readonly #parts: ListenerParts;
  readonly #rotation: Rotation;
  readonly #server: Server;
  /** Accepted connections that no backend has answered yet. */
  readonly #connecting = new Set<Connection>();

  constructor(port: VirtualPort, parts: ListenerParts) {
    this.#port = port;
    this.#parts = parts;
    this.#rotation = new Rotation(parts.random);
    this.#rotation.replace(port.backends);
    // Paused until there is a backend to read for.
    this.#server = createServer({ ...SOCKET, pauseOnConnect: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ host: this.#port.address, port: this.#port.port, backlog: 4096 }, resolve);
    try {
      await promise;
    } finally {
      this.#server.off("error", reject);
    }
    this.#server.on("error", (err) =>
      this.#parts.log.error({ err, ...this.#names() }, "accepting connections failed"),
    );
  }

  replace(backends: readonly Backend[]): boolean {
    if (!this.#rotation.replace(backends)) return false;
    for (const connection of this.#connecting)
      if (!this.#rotation.has(connection.backend)) connection.tryNext("the backend was removed");
    return true;
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connecting) connection[Symbol.dispose]();
  }

  #accept(client: Socket): void {
    const { connections, log, tcpConnectTimeoutMs } = this.#parts;
    const connection = new Connection(client, {
      timeoutMs: tcpConnectTimeoutMs,
      attempts: Math.min(MAX_ATTEMPTS, this.#rotation.size),
      take: () => this.#rotation.take(),
      failed: (backend, reason) =>
        log.debug(
          { backend: backendName(backend), reason, ...this.#names() },
          "a backend could not be reached",
        ),
      connected: () => this.#connecting.delete(connection),
      closed: () => {
        this.#connecting.delete(connection);
        connections.delete(connection);
      },
    });
    connections.add(connection);
    this.#connecting.add(connection);
    connection.tryNext("");
  }

  #names(): object {
    const { service, portName, address, port } = this.#port;
    return { service, portName, address, port };
  }
}

interface ConnectionParts {
  readonly timeoutMs: number;
  readonly attempts: number;
  take(): Backend | undefined;
  failed(backend: Backend, reason: string): void;
  connected(): void;
  closed(): void;
}

/** A client's connection and the one to its backend. Disposing resets both. */
class Connection implements Disposable {
  readonly #client: Socket;
  readonly #parts: ConnectionParts;
  #backend: Backend = { address: "", port: 0 };
  #upstream: Socket | undefined;
  #isJoined = false;
  #attemptsLeft: number;

  constructor(client: Socket, parts: ConnectionParts) {
    this.#client = client;
    this.#parts = parts;
    this.#attemptsLeft = parts.attempts;
    client.on("error", () => this[Symbol.dispose]());
    client.on("close", () => {
      if (!this.#isJoined) this.#giveUp();
      this.#closed();
    });
  }

  /** The backend that is connected, or being tried. */
  get backend(): Backend {
    return this.#backend;
  }

  /** Gives the backend up that is being tried, for `reason`, and tries another; resets the client if there is none. */
  tryNext(reason: string): void {
    if (this.#upstream !== undefined) {
      this.#parts.failed(this.#backend, reason);
      this.#upstream
        .removeAllListeners()
        .on("error", () => {})
        .destroy();
    }
    const backend = this.#attemptsLeft-- > 0 ? this.#parts.take() : undefined;
    if (backend === undefined) {
      this[Symbol.dispose]();
      return;
    }
    this.#backend = backend;
    const upstream = connect({ ...SOCKET, host: backend.address, port: backend.port });
    this.#upstream = upstream;
    upstream.setTimeout(this.#parts.timeoutMs, () => this.tryNext("it did not answer in time"));
    upstream.once("error", (error) => this.tryNext(error.message));
    upstream.once("connect", () => this.#join(upstream));
  }

  [Symbol.dispose](): void {
    this.#client.resetAndDestroy();
    if (this.#isJoined) this.#upstream?.resetAndDestroy();
    else this.#giveUp();
  }

  /** Forgets the backend that is being tried. A reset would wait until it answers. */
  #giveUp(): void {
    this.#upstream
      ?.removeAllListeners()
      .on("error", () => {})
      .destroy();
    this.#upstream = undefined;
  }

  #join(upstream: Socket): void {
    this.#isJoined = true;
    this.#parts.connected();
    upstream.setTimeout(0).removeAllListeners("timeout").removeAllListeners("error");
    upstream.on("error", () => this[Symbol.dispose]());
    upstream.on("close", () => this.#closed());
    this.#client.pipe(upstream);
    upstream.pipe(this.#client);
  }

  #closed(): void {
    if (this.#client.closed && this.#upstream?.closed !== false) this.#parts.closed();
  }
}
