/** What the data plane needs of a listener, TCP's and UDP's alike: one for each VirtualPort that is served. */
import type { Log } from "../../base/log.ts";
import type { DatagramBuffer } from "../../sys/datagram.ts";
import type { Epoll } from "../../sys/epoll.ts";
import type { Chooser, ChooserParts } from "./chooser.ts";
import type { UdpRefusals } from "./udp-refusals.ts";

export interface PortListener {
  /** The listening socket. */
  readonly fd: number;
  chooser: Chooser;
  /** After a new `chooser`: moves what waits for, or is a UDP flow to, a backend that is not in it. */
  moveFromRemoved(): void;
  /** Stops listening at once: the kernel refuses what comes from now on. Established connections go on. */
  close(): void;
  /** As close, for a socket that another process goes on with: what has been accepted here is finished here. */
  handOver(): void;
  /** UDP: which client has which backend, and the milliseconds since its last datagram, at most. */
  flows(): (readonly [client: string, backend: string, age: number])[];
}

export interface ListenerParts extends ChooserParts {
  readonly log: Log;
  readonly epoll: Epoll;
  readonly datagrams: DatagramBuffer;
  readonly refusals: UdpRefusals;
  /** Everything that goes on after its listener is closed, to be cut when the data plane ends. */
  readonly connections: OpenConnections;
  /** Where sockets are made. @default {the calling thread's network namespace} */
  readonly netns: string | undefined;
  readonly tcpConnectTimeoutMs: number;
  readonly udpIdleMs: number;
  readonly udpMaxFlows: number;
}

/** Knows when the last one has ended. */
export class OpenConnections extends Set<Disposable> {
  #onEmpty: (() => void)[] = [];

  override delete(connection: Disposable): boolean {
    const was = super.delete(connection);
    if (this.size === 0) for (const call of this.#onEmpty.splice(0)) call();
    return was;
  }

  /** Calls `call` once, when there is none: at once if so. */
  whenEmpty(call: () => void): void {
    if (this.size === 0) call();
    else this.#onEmpty.push(call);
  }
}
