/** What can be allocated: the virtual addresses of one family, or node ports. */
import type { Entry, Operation } from "../../store/store.ts";
import type { Holder, Ledger } from "./ledger.ts";

/** The Service that takes or holds a number. */
export interface HoldingService {
  readonly namespace: string;
  readonly name: string;
}

export function holderOf({ namespace, name }: HoldingService): Holder {
  return `services/${namespace}/${name}`;
}

export interface NumberSpace<Key> {
  readonly ledger: Ledger<Key>;
  /** Throws NotInRangeError if nobody can have it at present. */
  check(key: Key): void;
  /** A random number for which `isFree` holds, from the dynamic bands while they last. */
  pick(isFree: (key: Key) => boolean): Key | undefined;
  /** Where the store says who holds it. */
  storeKey(key: Key): string;
  /** What says so. `now` in milliseconds since the epoch. */
  record(key: Key, service: HoldingService, now: number): Operation;
  /** Who a record of the store says holds its number. */
  holder(entry: Entry): Holder;
  /** The error of a number that is taken. */
  taken(): Error;
  /** The error if there is none to pick. */
  full(): Error;
}
