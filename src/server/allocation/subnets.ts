/**
 * Which subnets are whose: of every Network and ServiceCIDR, in one entry of the store. Whoever takes or gives up one
 * writes that entry as it was seen, in the commit of the object itself; so of two overlapping ones that are created at
 * once, the second meets the first.
 */
import { type Cidr, cidrsOverlap, formatCidr, parseCidr } from "../../base/ip.ts";
import { networkAddresses } from "../../api/network/addresses.ts";
import type { Network } from "../../api/network/type.ts";
import type { ServiceCIDR } from "../../api/servicecidr/type.ts";
import type { ConflictError, Entry, Operation, Revision } from "../../store/store.ts";
import type { Reservation } from "../registry/kind-rules.ts";

/** Beside the objects, and no kind's. */
export const SUBNETS_KEY = "/registry/ranges/subnets";

/** "network default/web" or "ServiceCIDR kubernetes", as messages say it. */
export type SubnetOwner = string;
type Claims = ReadonlyMap<SubnetOwner, readonly Cidr[]>;

export interface SubnetConflict {
  /** Which of the subnets asked for. */
  readonly asked: Cidr;
  readonly taken: Cidr;
  readonly by: SubnetOwner;
}

const NETWORK = "network ";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function networkOwner({ metadata }: Network): SubnetOwner {
  return `${NETWORK}${metadata.namespace}/${metadata.name}`;
}

export function networkSubnets({ spec = {} }: Network): Cidr[] {
  return networkAddresses(spec).map(({ subnet }) => subnet);
}

export function serviceCIDROwner({ metadata }: ServiceCIDR): SubnetOwner {
  return `ServiceCIDR ${metadata.name}`;
}

/** The ranges of a ServiceCIDR; text that is none, which validation does not let in, is left out. */
export function rangesOf({ spec }: ServiceCIDR): Cidr[] {
  return (spec?.cidrs ?? []).flatMap((text) => parseCidr(text) ?? []);
}

export class Subnets {
  #claims: Claims = new Map();
  #revision: Revision = 0;
  /** When the last one that waits for its turn will have had it. */
  #lastTurn: Promise<void> = Promise.resolve();

  /** Takes over the entry, if it is newer than what is known. */
  learn(entry: Entry | undefined): void {
    if (entry === undefined || entry.modRevision <= this.#revision) return;
    this.#claims = decode(entry);
    this.#revision = entry.modRevision;
  }

  /** Waits until all who asked before have had their turn. Disposing ends it. */
  async turn(): Promise<Disposable> {
    const before = this.#lastTurn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastTurn = promise;
    await before;
    return { [Symbol.dispose]: resolve };
  }

  /** The first of `asked` that overlaps somebody else's; ServiceCIDRs may overlap one another (KEP-1880). */
  conflict(owner: SubnetOwner, asked: readonly Cidr[]): SubnetConflict | undefined {
    for (const [by, theirs] of this.#claims) {
      if (by === owner || !(by.startsWith(NETWORK) || owner.startsWith(NETWORK))) continue;
      for (const taken of theirs)
        for (const one of asked) if (cidrsOverlap(one, taken)) return { asked: one, taken, by };
    }
    return undefined;
  }

  /** Makes `cidrs` the owner's, in the commit of what owns them; none gives all of them up. */
  assign(owner: SubnetOwner, cidrs: readonly Cidr[]): Reservation {
    const next = new Map(this.#claims);
    if (cidrs.length === 0) next.delete(owner);
    else next.set(owner, cidrs);
    return this.#write(next);
  }

  /** The operations that make the entry say just this; none if it does. For a start, when all objects are known. */
  correct(claims: Claims): Reservation | undefined {
    const same = JSON.stringify(encode(claims)) === JSON.stringify(encode(this.#claims));
    return same ? undefined : this.#write(claims);
  }

  #write(claims: Claims): Reservation {
    const expect = this.#revision;
    const value = encoder.encode(JSON.stringify(encode(claims)));
    const operation: Operation = { type: "put", key: SUBNETS_KEY, value, expect };
    return {
      operations: [operation],
      commit: (revision: Revision) => {
        if (revision <= this.#revision) return;
        this.#claims = claims;
        this.#revision = revision;
      },
      // Somebody else's change came first: seen at once, so that the next attempt builds on it.
      revert: (conflict?: ConflictError) => {
        if (conflict?.key === SUBNETS_KEY) this.learn(conflict.current);
      },
    };
  }
}

/** In the order of the owners, so that the same claims are the same text. */
function encode(claims: Claims): [SubnetOwner, string[]][] {
  return [...claims]
    .map(([owner, cidrs]): [SubnetOwner, string[]] => [owner, cidrs.map(formatCidr)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function decode({ value }: Entry): Claims {
  const pairs = JSON.parse(decoder.decode(value)) as [SubnetOwner, string[]][];
  return new Map(pairs.map(([owner, texts]) => [owner, texts.flatMap((text) => parseCidr(text) ?? [])]));
}
