/**
 * The virtual addresses of one family: those of all ServiceCIDRs that are ready. An address is taken when there is an
 * IPAddress object of its name, whoever made it (KEP-1880).
 */
import { randomUUID } from "node:crypto";
import { type Cidr, formatCidr, formatIp, type Ip, type IpFamily } from "../../base/ip.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import {
  IP_ALLOCATOR,
  IP_FAMILY_LABEL,
  IP_MANAGED_BY_LABEL,
  type IPAddress,
} from "../../api/ipaddress/type.ts";
import type { Entry, Operation } from "../../store/store.ts";
import { storeKey } from "../registry/keys.ts";
import { formatTime } from "../registry/metadata.ts";
import { decodeEntry, encodeObject } from "../registry/stored-object.ts";
import { AddressRange } from "./address-range.ts";
import { NotInRangeError, RangeFullError, TakenError } from "./errors.ts";
import { HeldAddresses } from "./held-addresses.ts";
import { type Holder, Ledger } from "./ledger.ts";
import type { HoldingService, NumberSpace } from "./number-space.ts";

/** A range of a ServiceCIDR. */
export interface KnownRange {
  readonly cidr: Cidr;
  /** Whether addresses are given out of it. */
  readonly ready: boolean;
}

export class AddressSpace implements NumberSpace<bigint> {
  readonly family: IpFamily;
  readonly ledger: Ledger<bigint> = new Ledger();
  readonly #random: () => number;
  readonly #nodes: HeldAddresses;
  #known: readonly KnownRange[] = [];
  #ready: readonly AddressRange[] = [];

  /** `nodes`: the addresses of machines, by the name of the Node. No Service gets one: it would close all the machine's ports. */
  constructor(family: IpFamily, random: () => number, nodes: HeldAddresses = new HeldAddresses()) {
    this.family = family;
    this.#random = random;
    this.#nodes = nodes;
  }

  /** The ranges of the ServiceCIDRs that there are. */
  get ranges(): readonly KnownRange[] {
    return this.#known;
  }

  /** Takes over the ranges of all ServiceCIDRs, those of other families too. */
  setRanges(ranges: readonly KnownRange[]): void {
    this.#known = ranges.filter(({ cidr }) => cidr.base.family === this.family);
    const ready = this.#known.filter((range) => range.ready);
    const before = new Map(this.#ready.map((range) => [formatCidr(range.cidr), range]));
    const texts = new Set(ready.map(({ cidr }) => formatCidr(cidr)));
    this.#ready = [...texts].map(
      (text) =>
        before.get(text) ??
        new AddressRange(ready.find(({ cidr }) => formatCidr(cidr) === text)!.cidr, this.#random),
    );
  }

  check(address: bigint): void {
    const containing = this.#ready.filter((range) => range.contains(address));
    if (containing.length === 0)
      throw new NotInRangeError("the provided network does not match the current range");
    if (containing.some((range) => range.isUsable(address))) return this.checkNodes(address);
    throw new NotInRangeError(
      `the provided IP (${this.text(address)}) is not in the valid range. The range of valid IPs is ${formatCidr(containing[0]!.cidr)}`,
    );
  }

  /** Every range's dynamic band before any static one: a second range leaves the first's for people who choose. */
  pick(isFree: (address: bigint) => boolean): bigint | undefined {
    for (const band of ["dynamic", "static"] as const)
      for (const range of this.#ready) {
        const address = range.pick(band, (one) => isFree(one) && this.node(one) === undefined);
        if (address !== undefined) return address;
      }
    return undefined;
  }

  /** The name of a Node that has the address. */
  node(address: bigint): string | undefined {
    return this.#nodes.holder(this.text(address));
  }

  /** Throws TakenError for an address that a Node has. */
  checkNodes(address: bigint): void {
    const node = this.node(address);
    if (node !== undefined) throw new TakenError(`it is an address of Node ${node}`);
  }

  text(address: bigint): string {
    return formatIp(this.#ip(address));
  }

  storeKey(address: bigint): string {
    return storeKey(ipAddressKind, { name: this.text(address) });
  }

  record(address: bigint, service: HoldingService, now: number): Operation {
    const name = this.text(address);
    const object = addressObject(name, this.family, service, now);
    const key = storeKey(ipAddressKind, { name });
    return { type: "put", key, value: encodeObject(ipAddressKind, object), expect: 0 };
  }

  holder(entry: Entry): Holder {
    return addressHolder(decodeEntry(ipAddressKind, entry));
  }

  taken(): Error {
    return new TakenError("provided IP is already allocated");
  }

  full(): Error {
    return new RangeFullError();
  }

  #ip(value: bigint): Ip {
    return { family: this.family, value };
  }
}

/** "services/default/web", of whatever kind the parent is. */
export function addressHolder({ spec }: IPAddress): Holder {
  const { group = "", resource = "", namespace = "", name = "" } = spec?.parentRef ?? {};
  const type = group === "" ? resource : `${resource}.${group}`;
  return [type, ...(namespace === "" ? [] : [namespace]), name].join("/");
}

/** The object that says that a Service has the address (ipallocator createIPAddress). */
function addressObject(name: string, family: IpFamily, service: HoldingService, now: number): IPAddress {
  return {
    metadata: {
      name,
      uid: randomUUID(),
      creationTimestamp: formatTime(now),
      labels: { [IP_FAMILY_LABEL]: `IPv${family}`, [IP_MANAGED_BY_LABEL]: IP_ALLOCATOR },
    },
    spec: { parentRef: { resource: "services", namespace: service.namespace, name: service.name } },
  };
}
