/**
 * The data plane of machines without root: a proxy of this process that listens on the virtual addresses themselves.
 *
 * Any address that can be bound works; every address of 127/8 can be on Linux, by anyone. What is not served is
 * refused by the kernel, because nobody listens there. It has the limits of a proxy: the state ends with the process,
 * and so do the connections through it (a kernel data plane goes on without us); backends see a connection from this
 * machine in place of the client's address.
 *
 * Backends are taken in turn, from a random start. A removed backend gets no new connection, and keeps those it has.
 */
import { type Log, silentLog } from "../../base/log.ts";
import { type DataPlane, DataPlaneError, type SyncReport } from "../dataplane.ts";
import {
  type ServiceTable,
  type TableDelta,
  type VirtualPort,
  type VirtualPortKey,
  virtualPortKey,
} from "../table.ts";
import { bindError } from "./bind-error.ts";
import type { ListenerParts, PortListener } from "./port-listener.ts";
import { TcpListener } from "./tcp-listener.ts";
import { UdpListener } from "./udp-listener.ts";

export interface UserspaceOptions {
  readonly log?: Log;
  /** How long a backend may take to accept a connection before another is tried, in milliseconds. @default 3000 */
  readonly tcpConnectTimeoutMs?: number;
  /** After how long without a datagram a UDP client may get another backend, in milliseconds. @default 120_000 (conntrack's time for a stream) */
  readonly udpIdleMs?: number;
  /** The most UDP clients of one port at a time; the longest idle one makes room. @default 10_000 */
  readonly udpMaxFlows?: number;
  /** 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** A port that is not served although it has backends. */
export interface PortProblem {
  readonly port: VirtualPort;
  readonly message: string;
  /** What the user can do. */
  readonly remedy: string;
}

export interface UserspaceDataPlane extends DataPlane {
  /** The ports that could not be listened on. They are tried again by each `sync`. */
  problems(): readonly PortProblem[];
}

/** Serves nothing until the first `sync`. */
export function createUserspaceDataPlane(options: UserspaceOptions = {}): UserspaceDataPlane {
  return new UserspaceProxy(options);
}

/** A port of the table, and what serves it: nothing if it has no backends or could not be bound. */
interface Served {
  readonly port: VirtualPort;
  readonly listener: PortListener | undefined;
  readonly problem: PortProblem | undefined;
}

class UserspaceProxy implements UserspaceDataPlane {
  readonly name = "userspace";
  readonly #parts: ListenerParts;
  readonly #connections = new Set<Disposable>();
  readonly #served = new Map<VirtualPortKey, Served>();
  /** Changes are made one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(options: UserspaceOptions) {
    const defaults = { tcpConnectTimeoutMs: 3000, udpIdleMs: 120_000, udpMaxFlows: 10_000 };
    this.#parts = {
      log: silentLog,
      random: Math.random,
      ...defaults,
      ...options,
      connections: this.#connections,
    };
  }

  problems(): readonly PortProblem[] {
    return [...this.#served.values()].flatMap(({ problem }) => problem ?? []);
  }

  async sync(table: ServiceTable): Promise<SyncReport> {
    return this.#inTurn(async () => {
      const gone = [...this.#served.keys()].filter((key) => !table.ports.has(key));
      return this.#change([...table.ports.values()], gone);
    });
  }

  async apply(delta: TableDelta): Promise<void> {
    await this.#inTurn(async () => this.#change(delta.set, delta.remove));
  }

  async cleanup(): Promise<void> {
    await this.#inTurn(async () => this.#change([], [...this.#served.keys()]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup();
    this.#disposed = true;
    for (const connection of this.#connections) connection[Symbol.dispose]();
  }

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Removes first: an address and port may change its key's owner. */
  async #change(set: readonly VirtualPort[], remove: readonly VirtualPortKey[]): Promise<SyncReport> {
    if (this.#disposed) throw new DataPlaneError("the userspace data plane has been closed");
    let kept = 0;
    let written = 0;
    for (const key of remove) {
      const { listener } = this.#served.get(key) ?? {};
      this.#served.delete(key);
      if (listener === undefined) continue;
      listener.close();
      written++;
    }
    const results = await Promise.all(set.map(async (port) => this.#serve(port)));
    for (const result of results) {
      if (result === "kept") kept++;
      else if (result === "written") written++;
    }
    return { kept, written };
  }

  async #serve(port: VirtualPort): Promise<"kept" | "written" | "none"> {
    const key = virtualPortKey(port);
    const { listener } = this.#served.get(key) ?? {};
    if (port.backends.length === 0) {
      this.#served.set(key, { port, listener: undefined, problem: undefined });
      listener?.close();
      return listener === undefined ? "none" : "written";
    }
    if (listener !== undefined) {
      this.#served.set(key, { port, listener, problem: undefined });
      return listener.replace(port.backends) ? "written" : "kept";
    }
    // Its place among the others is the table's, not the order in which sockets get ready.
    this.#served.set(key, { port, listener: undefined, problem: undefined });
    const opened = await this.#listen(port);
    this.#served.set(key, opened);
    if (opened.problem === undefined) return "written";
    const { message, remedy } = opened.problem;
    this.#parts.log.warn({ service: port.service, portName: port.portName, remedy }, message);
    return "none";
  }

  async #listen(port: VirtualPort): Promise<Served> {
    if (port.protocol === "SCTP") {
      const message = `${port.service} wants SCTP, which the userspace data plane does not have`;
      const remedy = "run fairlead as root, for the nftables data plane";
      return { port, listener: undefined, problem: { port, message, remedy } };
    }
    const listener =
      port.protocol === "TCP" ? new TcpListener(port, this.#parts) : new UdpListener(port, this.#parts);
    try {
      await listener.listen();
    } catch (error) {
      listener.close();
      return { port, listener: undefined, problem: { port, ...bindError(error, port) } };
    }
    return { port, listener, problem: undefined };
  }
}
