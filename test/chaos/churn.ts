/**
 * Endpoints that come and go at a rate, written to the API: pods open, are ready, begin to end, are taken out of their slice,
 * and end when their grace period is over, as pods of Kubernetes do.
 */
import type { EndpointSlice } from "../../src/api/endpointslice/type.ts";
import { endpointSliceKind } from "../../src/api/endpointslice/kind.ts";
import type { ChaosLab } from "./chaos-lab.ts";
import { NODE_NAME } from "./chaos-lab.ts";
import { DGRAM_PORT, HTTP_PORT, STREAM_PORT } from "./ports.ts";
import { sharedClock } from "./remote.ts";

export interface ChurnOptions {
  /** Changes a second. */
  readonly rate: number;
  /** From the moment at which a pod begins to end to that at which it listens no more, in milliseconds. */
  readonly grace: number;
  /** What a pod waits for after its grace period, as one whose end is known to others does. @default nothing */
  readonly beforeEnd?: (address: string) => Promise<void>;
  /** @default 8 */
  readonly slices?: number;
  /** Ready endpoints, at least and at most. @default [16, 40] */
  readonly ready?: readonly [number, number];
}

export interface ChurnReport {
  /** Acknowledged by the API server. */
  readonly changes: number;
  readonly seconds: number;
  readonly podsEnded: number;
  /**
   * The longest from the acknowledgement of the change that took a pod's readiness to its last new connection, in
   * milliseconds.
   */
  readonly latestConnection: number;
}

interface Slice {
  readonly name: string;
  /** Address to whether it is ready; what is not is terminating. */
  readonly endpoints: Map<string, boolean>;
  isBusy: boolean;
}

type Change = "open" | "end" | "remove";

/** How many addresses the pods have in turn. */
export const ADDRESSES = 1000;

const TICK = 5;

export class Churn {
  readonly #lab: ChaosLab;
  readonly #options: Required<ChurnOptions>;
  readonly #slices: readonly Slice[];
  readonly #writes = new Set<Promise<void>>();
  readonly #ending = new Map<NodeJS.Timeout, Promise<void>>();
  /** Addresses that no pod has, the longest unused first: they are used again, as in a cluster. */
  readonly #free: string[] = Array.from(
    { length: ADDRESSES },
    (_, i) => `10.1.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`,
  );
  #timer: NodeJS.Timeout | undefined;
  #error: unknown;
  #changes = 0;
  #seconds = 0;
  #podsEnded = 0;
  #latestConnection = 0;
  #startedAt = 0;

  private constructor(lab: ChaosLab, options: ChurnOptions) {
    this.#lab = lab;
    this.#options = {
      slices: 8,
      ready: [16, 40],
      beforeEnd: () => Promise.resolve(),
      ...options,
    };
    this.#slices = Array.from({ length: this.#options.slices }, (_, i) => ({
      name: `web-${i + 1}`,
      endpoints: new Map(),
      isBusy: false,
    }));
  }

  /** With as many ready pods as there are at most. */
  static async prepare(lab: ChaosLab, options: ChurnOptions): Promise<Churn> {
    const churn = new Churn(lab, options);
    const addresses = churn.#free.splice(0, churn.#options.ready[1]);
    await lab.pods.call("open", { addresses });
    for (const [i, address] of addresses.entries())
      churn.#slices[i % churn.#slices.length]!.endpoints.set(address, true);
    for (const slice of churn.#slices) await lab.client.create(endpointSliceKind, sliceOf(slice));
    return churn;
  }

  /** Addresses that are to get new connections. */
  get ready(): Set<string> {
    return new Set(
      this.#slices.flatMap(({ endpoints }) => Array.from(endpoints).flatMap(([a, is]) => (is ? a : []))),
    );
  }

  start(): void {
    const began = sharedClock();
    this.#startedAt = began;
    let begun = 0;
    const tick = (): void => {
      this.#timer = setTimeout(tick, TICK);
      const due = ((sharedClock() - began) * this.#options.rate) / 1000;
      // A change whose slice is being written waits: slices are written one version after the other.
      while (begun < due && this.#begin()) begun++;
    };
    tick();
  }

  /** Resolves when all changes that were begun are acknowledged. Throws the first error that the API answered. */
  async pause(): Promise<void> {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#seconds += (sharedClock() - this.#startedAt) / 1000;
    await Promise.all(this.#writes);
    if (this.#error !== undefined) throw this.#error;
  }

  /** After the last pod's grace period. */
  async stop(): Promise<ChurnReport> {
    await this.pause();
    await Promise.all(this.#ending.values());
    return {
      changes: this.#changes,
      seconds: this.#seconds,
      podsEnded: this.#podsEnded,
      latestConnection: this.#latestConnection,
    };
  }

  #begin(): boolean {
    const [least, most] = this.#options.ready;
    const ready = this.ready.size;
    const free = this.#slices.filter(({ isBusy }) => !isBusy);
    const changes: Change[] = [];
    if (ready < most && this.#free.length > 0) changes.push("open");
    if (ready > least) changes.push("end");
    changes.push("remove");
    for (let change = take(changes); change !== undefined; change = take(changes)) {
      const fit = free.filter(({ endpoints }) => change === "open" || pick(endpoints, change) !== undefined);
      const slice = fit[Math.floor(Math.random() * fit.length)];
      if (slice === undefined) continue;
      slice.isBusy = true;
      const write = this.#change(slice, change)
        .catch((error: unknown) => (this.#error ??= error))
        .then(() => {
          slice.isBusy = false;
          this.#writes.delete(write);
        });
      this.#writes.add(write);
      return true;
    }
    return false;
  }

  async #change({ name, endpoints }: Slice, change: Change): Promise<void> {
    const { client, pods } = this.#lab;
    const address = change === "open" ? this.#free.shift()! : pick(endpoints, change)!;
    if (change === "open") {
      await pods.call("open", { addresses: [address] });
      endpoints.set(address, true);
    } else if (change === "end") {
      endpoints.set(address, false);
      await pods.call("drain", { address });
    } else endpoints.delete(address);
    await client.update(endpointSliceKind, sliceOf({ name, endpoints }));
    this.#changes++;
    if (change === "end") this.#endLater(address, sharedClock());
  }

  #endLater(address: string, acknowledged: number): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      const end = async (): Promise<void> => {
        await this.#options.beforeEnd(address);
        const { lastAccepted } = await this.#lab.pods.call("close", { address });
        this.#podsEnded++;
        this.#latestConnection = Math.max(this.#latestConnection, lastAccepted - acknowledged);
        this.#free.push(address);
      };
      end()
        .catch((error: unknown) => (this.#error ??= error))
        .then(() => {
          this.#ending.delete(timer);
          resolve();
        }, resolve);
    }, this.#options.grace);
    this.#ending.set(timer, promise);
  }
}

/** Takes one out, at random. */
function take<T>(list: T[]): T | undefined {
  return list.splice(Math.floor(Math.random() * list.length), 1)[0];
}

/** The endpoint that has been there longest of those that can be changed so. */
function pick(endpoints: ReadonlyMap<string, boolean>, change: "end" | "remove"): string | undefined {
  for (const [address, isReady] of endpoints) if (isReady === (change === "end")) return address;
  return undefined;
}

/** The endpoints as an EndpointSlice of the Service. */
export function sliceOf({ name, endpoints }: Pick<Slice, "name" | "endpoints">): EndpointSlice {
  return {
    metadata: { namespace: "default", name, labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [
      { name: "http", protocol: "TCP", port: HTTP_PORT },
      { name: "stream", protocol: "TCP", port: STREAM_PORT },
      { name: "dgram", protocol: "UDP", port: DGRAM_PORT },
    ],
    endpoints: Array.from(endpoints, ([address, ready]) => ({
      addresses: [address],
      conditions: { ready, serving: true, terminating: !ready },
      // Every second one is on this node, where clients' addresses are kept; the others are masqueraded to.
      ...(Number(address.split(".")[3]) % 2 === 0 && { nodeName: NODE_NAME }),
    })),
  };
}
