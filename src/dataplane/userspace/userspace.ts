/**
 * The data plane of machines without root: a proxy of this process that listens on the virtual addresses themselves.
 *
 * Any address that can be bound works; every address of 127/8 can be on Linux, by anyone. Node ports are listened on at
 * every address of the machine. What is not served is refused by the kernel, because nobody listens there. It has the
 * limits of a proxy: the state ends with the process, and so do the connections through it, unless another process
 * takes over (handover.ts); backends see a connection from this machine in place of the client's address.
 */
import { backoffDelay } from "../../base/backoff.ts";
import { cidr, cidrContains, type Cidr, ip } from "../../base/ip.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { DatagramBuffer } from "../../sys/datagram.ts";
import { Epoll } from "../../sys/epoll.ts";
import { callInNetns } from "../../sys/netns.ts";
import { SystemError } from "../../sys/system-error.ts";
import { type DataPlane, DataPlaneError, type SyncReport } from "../dataplane.ts";
import {
  type ServiceTable,
  type TableDelta,
  type VirtualPort,
  type VirtualPortKey,
  virtualPortKey,
} from "../table.ts";
import { AffinityGroups } from "./affinity-groups.ts";
import { bindError } from "./bind-error.ts";
import { Chooser, isSameService } from "./chooser.ts";
import type { HandoverSource } from "./handover.ts";
import { HostAddresses } from "./host-addresses.ts";
import { openListeningSocket } from "./listening-socket.ts";
import { type ListenerParts, OpenConnections, type PortListener } from "./port-listener.ts";
import { Succession } from "./succession.ts";
import { TcpListener } from "./tcp-listener.ts";
import { UdpRefusals } from "./udp-refusals.ts";
import { UdpListener } from "./udp-listener.ts";

export interface UserspaceOptions {
  readonly log?: Log;
  /** The network namespace to serve: a name in /run/netns or a path. Needs CAP_SYS_ADMIN. @default {the own one} */
  readonly netns?: string;
  /** How long a backend may take to accept a connection before another is tried, in milliseconds. @default 3000 */
  readonly tcpConnectTimeoutMs?: number;
  /** After how long without a datagram a UDP client may get another backend, in milliseconds. @default 120_000 (conntrack's time for a stream) */
  readonly udpIdleMs?: number;
  /** The most UDP clients of one port at a time; the longest idle one makes room. @default 10_000 */
  readonly udpMaxFlows?: number;
  /**
   * A path where a process that follows this one gets its listening sockets, and this one those of the process before
   * it: at the first `sync`. @default {none: sockets end with the process}
   */
  readonly handover?: string;
  /** 0 to below 1. @default Math.random */
  readonly random?: () => number;
  /** Milliseconds that only grow. @default performance.now */
  readonly now?: () => number;
  /** Told once of each port that cannot be served, and again if the reason changes. @default {a warning in the log} */
  readonly onProblem?: (problem: PortProblem) => void;
}

/** A port that is not served although it has backends. */
export interface PortProblem {
  readonly port: VirtualPort;
  readonly message: string;
  /** What the user can do. */
  readonly remedy: string;
  /** What the system said: "EACCES"; undefined where it was not asked. */
  readonly code?: string;
  /** Of the Event that says so. @default {"PortNotServed"} */
  readonly reason?: string;
}

export interface UserspaceDataPlane extends DataPlane {
  /** The ports that could not be listened on. They are tried again by each `sync`, and again and again meanwhile. */
  problems(): readonly PortProblem[];
  /**
   * Resolves when another process has taken over. Changes do nothing from then on; established connections go on
   * until this is disposed.
   */
  readonly handedOver: Promise<void>;
  readonly isHandedOver: boolean;
  /** Resolves when no connection is left, or when `signal` aborts. */
  drained(signal: AbortSignal): Promise<void>;
}

/** Serves nothing until the first `sync`. */
export function createUserspaceDataPlane(options: UserspaceOptions = {}): UserspaceDataPlane {
  return new UserspaceProxy(options);
}

/** How long until a port that could not be bound is tried again: nothing tells a program that a port is free. */
const RETRY = { initial: 50, limit: 1000 } as const;

/** A port of the table, and what serves it: nothing if all are refused or it could not be bound. */
interface Served {
  readonly chooser: Chooser;
  listener: PortListener | undefined;
  problem: PortProblem | undefined;
  /** How often binding it has failed. */
  failures: number;
  retry: NodeJS.Timeout | undefined;
}

class UserspaceProxy implements UserspaceDataPlane {
  readonly name = "userspace";
  readonly #parts: ListenerParts;
  readonly #connections = new OpenConnections();
  readonly #served = new Map<VirtualPortKey, Served>();
  readonly #affinities = new AffinityGroups();
  readonly #onProblem: (problem: PortProblem) => void;
  readonly #resources = new DisposableStack();
  readonly #succession: Succession;
  readonly #handedOver = Promise.withResolvers<void>();
  readonly handedOver: Promise<void> = this.#handedOver.promise;
  isHandedOver = false;
  #podRanges: readonly Cidr[] = [];
  /** Changes are made one after another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: UserspaceOptions) {
    const { log = silentLog, now = () => performance.now(), random = Math.random } = options;
    this.#succession = this.#resources.use(new Succession(options.handover, log));
    const hostAddresses = new HostAddresses(now, options.netns);
    this.#parts = {
      log,
      random,
      now,
      netns: options.netns,
      tcpConnectTimeoutMs: options.tcpConnectTimeoutMs ?? 3000,
      udpIdleMs: options.udpIdleMs ?? 120_000,
      udpMaxFlows: options.udpMaxFlows ?? 10_000,
      epoll: this.#resources.use(new Epoll()),
      refusals: this.#resources.use(new UdpRefusals(options.netns, log)),
      datagrams: this.#resources.use(new DatagramBuffer()),
      connections: this.#connections,
      isInside: (address) => {
        if (hostAddresses.has(address)) return true;
        const source = ip(address);
        return this.#podRanges.some((range) => cidrContains(range, source));
      },
    };
    this.#onProblem =
      options.onProblem ??
      (({ port: { service, portName }, message, remedy }) =>
        log.warn({ service, portName, remedy }, message));
  }

  problems(): readonly PortProblem[] {
    return [...this.#served.values()].flatMap(({ problem }) => problem ?? []);
  }

  async sync(table: ServiceTable): Promise<SyncReport> {
    return this.#inTurn(async () => {
      this.#podRanges = (table.podRanges ?? []).map(cidr);
      await this.#succession.begin();
      const gone = [...this.#served.keys()].filter((key) => !table.ports.has(key));
      const report = this.#change([...table.ports.values()], gone);
      await this.#succession.complete(this.#estate());
      return report;
    });
  }

  async apply(delta: TableDelta): Promise<void> {
    await this.#inTurn(() => this.#change(delta.set, delta.remove));
  }

  async cleanup(): Promise<void> {
    await this.#inTurn(() => this.#change([], [...this.#served.keys()]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    if (this.#resources.disposed) return;
    this.#change([], [...this.#served.keys()]);
    for (const connection of this.#connections) connection[Symbol.dispose]();
    this.#resources.dispose();
  }

  async drained(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAbort = (): void => resolve();
    if (signal.aborted) return;
    signal.addEventListener("abort", onAbort, { once: true });
    this.#connections.whenEmpty(resolve);
    await promise;
    signal.removeEventListener("abort", onAbort);
  }

  // oxlint-disable-next-line typescript/promise-function-async -- passes a promise on
  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #estate(): HandoverSource {
    const listeners = (): (readonly [VirtualPortKey, PortListener])[] =>
      [...this.#served].flatMap(([key, { listener }]) => (listener === undefined ? [] : [[key, listener]]));
    return {
      sockets: () => listeners().map(([key, { fd }]) => [key, fd]),
      memory: () => [
        ...this.#affinities.memory(this.#parts.now()),
        ...listeners().map(([key, listener]) => ({
          key,
          kind: "flows" as const,
          clients: listener.flows(),
        })),
      ],
      handOver: () => {
        for (const [, listener] of listeners()) listener.handOver();
        for (const { retry } of this.#served.values()) clearTimeout(retry);
        this.#served.clear();
        this.isHandedOver = true;
        this.#handedOver.resolve();
      },
    };
  }

  /** In one go: no connection is accepted meanwhile. Removes first: an address and port may change its key's owner. */
  #change(set: readonly VirtualPort[], remove: readonly VirtualPortKey[]): SyncReport {
    if (this.#resources.disposed) throw new DataPlaneError("the userspace data plane has been closed");
    let kept = 0;
    let written = 0;
    if (this.isHandedOver) return { kept, written };
    for (const key of remove) if (this.#remove(key)) written++;
    const ports = set.map((port) => this.#place(port));
    this.#affinities.regroup();
    for (const { key, before } of ports) {
      const result = this.#serve(key, before);
      if (result === "kept") kept++;
      else if (result === "written") written++;
    }
    return { kept, written };
  }

  #remove(key: VirtualPortKey): boolean {
    const served = this.#served.get(key);
    if (served === undefined) return false;
    clearTimeout(served.retry);
    this.#served.delete(key);
    this.#affinities.remove(key, served.chooser);
    served.listener?.close();
    return served.listener !== undefined;
  }

  /** Puts the port's rules in place of those that were there, which are given back. */
  #place(port: VirtualPort): { readonly key: VirtualPortKey; readonly before: Served | undefined } {
    const key = virtualPortKey(port);
    const before = this.#served.get(key);
    clearTimeout(before?.retry);
    if (before !== undefined && isSameService(before.chooser.port, port)) return { key, before };
    const chooser = new Chooser(port, this.#parts);
    this.#affinities.set(key, chooser, before?.chooser);
    this.#affinities.restore(chooser, this.#succession.memoryOf(key), this.#parts.now());
    const { listener, problem } = before ?? {};
    this.#served.set(key, { chooser, listener, problem, failures: 0, retry: undefined });
    return { key, before };
  }

  #serve(key: VirtualPortKey, before: Served | undefined): "kept" | "written" | "none" {
    const served = this.#served.get(key)!;
    const { chooser, listener } = served;
    if (chooser.refusesAll) {
      served.listener = served.problem = undefined;
      listener?.close();
      return listener === undefined ? "none" : "written";
    }
    if (listener === undefined) return this.#listen(key, served);
    if (before === served) return "kept";
    listener.chooser = chooser;
    listener.moveFromRemoved();
    return "written";
  }

  /** "none" if it could not be; then it is tried again later, where that can help. */
  #listen(key: VirtualPortKey, served: Served): "kept" | "written" | "none" {
    const { chooser } = served;
    const { port } = chooser;
    if (port.protocol === "SCTP") {
      const message = `${port.service} wants SCTP, which the userspace data plane does not have`;
      this.#tell(served, { port, message, remedy: "run fairlead as root, for the nftables data plane" });
      return "none";
    }
    const inherited = this.#succession.takeSocket(key);
    try {
      const fd = inherited ?? this.#open(port);
      served.listener =
        port.protocol === "TCP"
          ? new TcpListener(fd, chooser, this.#parts)
          : new UdpListener(fd, chooser, this.#parts, this.#succession.memoryOf(key));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#tell(served, { port, code: error.code, ...bindError(error, port) });
      const delay = backoffDelay(++served.failures, { ...RETRY, random: this.#parts.random });
      served.retry = setTimeout(() => this.#listen(key, served), delay).unref();
      return "none";
    }
    const names = { service: port.service, portName: port.portName };
    if (served.problem !== undefined) this.#parts.log.info(names, `listening on ${key} now`);
    served.problem = undefined;
    served.failures = 0;
    return inherited === undefined ? "written" : "kept";
  }

  #open(port: VirtualPort): number {
    return callInNetns(this.#parts.netns, () => openListeningSocket(port, () => this.#siblings(port)));
  }

  #tell(served: Served, problem: PortProblem): void {
    const isNews = served.problem?.message !== problem.message;
    served.problem = problem;
    if (isNews) this.#onProblem(problem);
  }

  /** Our sockets that might be in the way of `port`: of its protocol, family and number. */
  #siblings({ protocol, port, address }: VirtualPort): number[] {
    const isV6 = address.includes(":");
    const found: number[] = [];
    for (const { chooser, listener } of this.#served.values())
      if (
        listener !== undefined &&
        chooser.port.port === port &&
        chooser.port.protocol === protocol &&
        chooser.port.address.includes(":") === isV6
      )
        found.push(listener.fd);
    return found;
  }
}
