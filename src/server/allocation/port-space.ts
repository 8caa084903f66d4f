/**
 * The node ports: one range, from which health check node ports come too. A port is one number whatever its protocol,
 * as in Kubernetes. Each port that is taken has an entry of its own in the store, so that two servers cannot give out
 * one; upstream keeps one bitmap for all (pkg/registry/core/rangeallocation), on which every write conflicts.
 */
import type { Entry, Operation } from "../../store/store.ts";
import { pickFree, staticBandSize } from "./bands.ts";
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import { type Holder, Ledger } from "./ledger.ts";
import { holderOf, type HoldingService, type NumberSpace } from "./number-space.ts";

/** Beside the objects, and no kind's: upstream's place for its bitmap. */
export const PORT_PREFIX = "/registry/ranges/servicenodeports/";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class PortSpace implements NumberSpace<number> {
  readonly first: number;
  readonly last: number;
  readonly ledger: Ledger<number> = new Ledger();
  readonly #dynamicStart: number;
  readonly #random: () => number;

  /** Both ends belong to the range. */
  constructor(first: number, last: number, random: () => number) {
    this.first = first;
    this.last = last;
    this.#dynamicStart = first + staticBandSize(last - first + 1, 16, 32, 128);
    this.#random = random;
  }

  check(port: number): void {
    if (Number.isInteger(port) && port >= this.first && port <= this.last) return;
    throw new NotInRangeError(
      `provided port is not in the valid range. The range of valid ports is ${this.first}-${this.last}`,
    );
  }

  pick(isFree: (port: number) => boolean): number | undefined {
    return (
      pickFree(this.#dynamicStart, this.last + 1, isFree, this.#random) ??
      pickFree(this.first, this.#dynamicStart, isFree, this.#random)
    );
  }

  storeKey(port: number): string {
    return `${PORT_PREFIX}${port}`;
  }

  record(port: number, service: HoldingService, _now: number): Operation {
    const value = encoder.encode(holderOf(service));
    return { type: "put", key: this.storeKey(port), value, expect: 0 };
  }

  holder({ value }: Entry): Holder {
    return decoder.decode(value);
  }

  taken(): Error {
    return new TakenError("provided port is already allocated");
  }

  full(): Error {
    return new RangeFullError();
  }
}
