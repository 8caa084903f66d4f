/** What the data plane needs of a listener, TCP's and UDP's alike: one for each VirtualPort that has backends. */
import type { Log } from "../../base/log.ts";
import type { Backend } from "../table.ts";

export interface PortListener {
  /** Resolves when the socket takes connections or datagrams; rejects with the system's error if it cannot be bound. */
  listen(): Promise<void>;
  /** Replaces the backends, of which there is at least one; false if they are the same. */
  replace(backends: readonly Backend[]): boolean;
  /** Stops listening at once: the kernel refuses what comes from now on. Established connections go on. */
  close(): void;
}

export interface ListenerParts {
  readonly log: Log;
  /** 0 to below 1. */
  readonly random: () => number;
  /** Everything that goes on after its listener is closed, to be cut when the data plane ends. */
  readonly connections: Set<Disposable>;
  readonly tcpConnectTimeoutMs: number;
  readonly udpIdleMs: number;
  readonly udpMaxFlows: number;
}
