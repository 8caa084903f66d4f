/** A range of virtual addresses as a pool. */
import {
  type Cidr,
  cidrAddress,
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  type Ip,
  parseIp,
} from "../../base/ip.ts";
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import { Pool, staticBandSize } from "./pool.ts";
import type { NumberRange } from "./transaction.ts";

/** More addresses than anyone has Services: what of a large IPv6 range is given out without being asked for. */
const MOST_NUMBERS = 2n ** 32n;

export class AddressRange implements NumberRange<string> {
  readonly cidr: Cidr;
  readonly pool: Pool;

  constructor(cidr: Cidr, random: () => number) {
    this.cidr = cidr;
    const size = cidrSize(cidr);
    const numbers = Number(size < MOST_NUMBERS ? size : MOST_NUMBERS);
    // The network's own address is nobody's; neither is IPv4's broadcast address (RFC 919).
    const reserved = cidr.base.family === 4 && numbers > 1 ? [0, numbers - 1] : [0];
    // The band is counted from the first usable address, the second of the range.
    const band = staticBandSize(numbers, 16, 16, 256);
    this.pool = new Pool({ size: numbers, staticSize: band === 0 ? 0 : band + 1, reserved, random });
  }

  /** The number of an address. Throws NotInRangeError. */
  number(address: string): number {
    const parsed = parseIp(address);
    const number = parsed === undefined ? undefined : this.#offset(parsed);
    if (number === undefined || this.pool.isReserved(number))
      throw new NotInRangeError(
        `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(this.cidr)}`,
      );
    return number;
  }

  text(number: number): string {
    return formatIp(cidrAddress(this.cidr, number));
  }

  taken(): Error {
    return new TakenError("provided IP is already allocated");
  }

  full(): Error {
    return new RangeFullError();
  }

  #offset(address: Ip): number | undefined {
    if (!cidrContains(this.cidr, address)) return undefined;
    const offset = address.value - this.cidr.base.value;
    return offset < BigInt(this.pool.size) ? Number(offset) : undefined;
  }
}
