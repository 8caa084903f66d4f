/** The range of node ports as a pool. A port is one number whatever its protocol, as in Kubernetes. */
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import { Pool, staticBandSize } from "./pool.ts";
import type { NumberRange } from "./transaction.ts";

export class PortRange implements NumberRange<number> {
  readonly first: number;
  readonly last: number;
  readonly pool: Pool;

  /** Both ends belong to the range. */
  constructor(first: number, last: number, random: () => number) {
    this.first = first;
    this.last = last;
    const size = last - first + 1;
    this.pool = new Pool({ size, staticSize: staticBandSize(size, 16, 32, 128), random });
  }

  /** Throws NotInRangeError. */
  number(port: number): number {
    if (!Number.isInteger(port) || port < this.first || port > this.last)
      throw new NotInRangeError(
        `provided port is not in the valid range. The range of valid ports is ${this.first}-${this.last}`,
      );
    return port - this.first;
  }

  text(number: number): number {
    return this.first + number;
  }

  taken(): Error {
    return new TakenError("provided port is already allocated");
  }

  full(): Error {
    return new RangeFullError();
  }
}
