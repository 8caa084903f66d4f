/**
 * The addresses of one family of a Network: which a Service may have, and which it gets. Who has one is in the ledger of
 * the family, as with ServiceCIDRs: a virtual address is one Service's in all of the installation.
 */
import { cidrContains, formatCidr, type Ip } from "../../base/ip.ts";
import { addressesIn } from "../../base/address-runs.ts";
import { isForContainers, isUsable, type NetworkAddresses } from "../../api/network/addresses.ts";
import type { Entry, Operation } from "../../store/store.ts";
import type { AddressSpace } from "./address-space.ts";
import { AddressesExhaustedError, NotInRangeError, TakenError } from "./errors.ts";
import type { Holder, Ledger } from "./ledger.ts";
import type { HoldingService, NumberSpace } from "./number-space.ts";
import type { PodPlaces } from "./pod-places.ts";

export interface NetworkSpaceParts {
  /** "default/web", for messages. */
  readonly name: string;
  /** What the engine calls the Network. */
  readonly dockerName: string;
  readonly addresses: NetworkAddresses;
  /** Of the family. */
  readonly space: AddressSpace;
  readonly pods: PodPlaces;
}

export class NetworkSpace implements NumberSpace<bigint> {
  readonly addresses: NetworkAddresses;
  readonly #parts: NetworkSpaceParts;
  /** No address below it is free: where the search for the lowest free one begins. */
  #lowest = 0n;

  constructor(parts: NetworkSpaceParts) {
    this.#parts = parts;
    this.addresses = parts.addresses;
  }

  get ledger(): Ledger<bigint> {
    return this.#parts.space.ledger;
  }

  get name(): string {
    return this.#parts.name;
  }

  contains(address: bigint): boolean {
    const { family, subnet } = this.addresses;
    return cidrContains(subnet, { family, value: address });
  }

  /** An address of the subnet is free again. */
  noteFree(address: bigint): void {
    if (address < this.#lowest) this.#lowest = address;
  }

  /** Throws NotInRangeError, or TakenError for an address that something else than a Service has. */
  check(address: bigint): void {
    const { addresses, pods, dockerName, name, space } = this.#parts;
    const { family, subnet, gateway, dns, usable } = addresses;
    const ip: Ip = { family, value: address };
    if (!isUsable(addresses, ip)) {
      if (address === gateway?.value) throw new TakenError(`it is the gateway of network ${name}`);
      if (address === dns?.value) throw new TakenError(`it is the address of the DNS on network ${name}`);
      const range = `${this.text(usable.first)}-${this.text(usable.last)}`;
      throw new NotInRangeError(
        `the provided IP (${this.text(address)}) is not in the valid range. The range of valid IPs of network ${name} is ${cidrContains(subnet, ip) ? range : formatCidr(subnet)}`,
      );
    }
    space.checkNodes(address);
    const pod = pods.holder(this.text(address));
    if (pod !== undefined) throw new TakenError(`it is the address of Pod ${pod}`);
    const other = isForContainers(addresses, ip) ? pods.anyOn(dockerName) : undefined;
    if (other !== undefined)
      throw new TakenError(
        `containers of network ${name} draw from ${formatCidr(addresses.containers!)}, and there are some (Pod ${other})`,
      );
  }

  /** The lowest. */
  pick(isFree: (address: bigint) => boolean): bigint | undefined {
    const { services } = this.addresses;
    // Past what is taken for good: what a dry run has taken is not.
    for (const address of addressesIn(services, this.#lowest)) {
      this.#lowest = address;
      if (this.#isNobodys(address)) break;
    }
    for (const address of addressesIn(services, this.#lowest))
      if (isFree(address) && this.#isNobodys(address)) return address;
    return undefined;
  }

  text(address: bigint): string {
    return this.#parts.space.text(address);
  }

  storeKey(address: bigint): string {
    return this.#parts.space.storeKey(address);
  }

  record(address: bigint, service: HoldingService, now: number): Operation {
    return this.#parts.space.record(address, service, now);
  }

  holder(entry: Entry): Holder {
    return this.#parts.space.holder(entry);
  }

  taken(): Error {
    return this.#parts.space.taken();
  }

  full(): Error {
    return new AddressesExhaustedError(formatCidr(this.addresses.subnet));
  }

  #isNobodys(address: bigint): boolean {
    const { pods, space } = this.#parts;
    if (!this.ledger.isFree(address) || space.node(address) !== undefined) return false;
    return pods.holder(this.text(address)) === undefined;
  }
}
