/**
 * When UDP flows are looked for. A look walks the whole hash of connections, which all namespaces of a machine share: 10 ms
 * with the usual 262,144 buckets, however few flows there are. So it is done only for ports that have lost an endpoint,
 * and of many changes in a row those that come soon after a look wait for the next one together.
 */
import type { VirtualPortKey } from "../table.ts";
import type { Plan } from "./plan.ts";
import type { Programmed } from "./programmed.ts";
import type { FlowPort } from "./udp-flows.ts";
import { isUdp, lostEnds, removedPort } from "./udp-flows.ts";

/** UDP ports to look for, as they are if they are not programmed any more when that is done. */
export type CutPorts = ReadonlyMap<VirtualPortKey, FlowPort>;

/** The UDP ports whose flows a plan may leave without their endpoint. */
export function portsToCut(programmed: Programmed, plan: Plan): CutPorts {
  const ports = new Map<VirtualPortKey, FlowPort>();
  for (const [key, port] of plan.ports) {
    const before = programmed.ports.get(key);
    const { version, key: bytes } = port ?? before ?? {};
    if (version === undefined || bytes === undefined) continue;
    const removed = removedPort(version, bytes);
    if (!isUdp(removed)) continue;
    const lost = before === undefined ? undefined : lostEnds(before, port ?? removed);
    if (lost === undefined || lost.size > 0) ports.set(key, { ...removed, lost });
  }
  return ports;
}

export class UdpCuts implements Disposable {
  readonly #interval: number;
  readonly #cut: (ports: CutPorts) => void;
  #due = new Map<VirtualPortKey, FlowPort>();
  #last = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** `cut` is called at most once in `interval` milliseconds. */
  constructor(interval: number, cut: (ports: CutPorts) => void) {
    this.#interval = interval;
    this.#cut = cut;
  }

  /** Cuts the flows of these now, or with those of other changes when the interval is over. */
  add(ports: CutPorts): void {
    for (const [key, port] of ports) {
      const due = this.#due.get(key);
      const isAny = due !== undefined && (due.lost === undefined || port.lost === undefined);
      const lost = isAny ? undefined : (due?.lost?.union(port.lost!) ?? port.lost);
      this.#due.set(key, { ...port, lost });
    }
    if (this.#due.size === 0 || this.#timer !== undefined) return;
    const wait = this.#last + this.#interval - performance.now();
    if (wait <= 0) this.flush();
    else this.#timer = setTimeout(() => this.flush(), wait);
  }

  /** Cuts now what is due. */
  flush(): void {
    const due = this.#due;
    this.clear();
    if (due.size === 0) return;
    this.#cut(due);
    this.#last = performance.now();
  }

  /** Nothing is due any more: all flows were looked at. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = new Map();
  }

  [Symbol.dispose](): void {
    this.flush();
  }
}
