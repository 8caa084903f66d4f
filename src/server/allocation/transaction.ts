/**
 * What one write takes and gives back, all or nothing: kept from other writes of this process while the write is under
 * way, and recorded in the write's own commit, where the store keeps it from everybody.
 */
import type { ConflictError, Operation, Revision } from "../../store/store.ts";
import type { Reservation } from "../registry/kind-rules.ts";
import { holderOf, type HoldingService, type NumberSpace } from "./number-space.ts";

/** One number taken or given back, with its type forgotten. */
interface Step {
  readonly key: string;
  readonly operation: Operation;
  /** Ends the reservation, and writes into the ledger what the commit at `revision` made of the number. */
  done(revision: Revision): void;
  undone(conflict: ConflictError | undefined): void;
}

export interface TransactionOptions {
  readonly service: HoldingService;
  /** The answers are the same and nothing is taken. */
  readonly dryRun: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export class AllocationTransaction implements Reservation {
  readonly #options: TransactionOptions;
  readonly #steps: Step[] = [];
  /** What a dry run has taken. */
  readonly #tried = new Map<object, Set<unknown>>();

  constructor(options: TransactionOptions) {
    this.#options = options;
  }

  get operations(): readonly Operation[] {
    return this.#steps.map(({ operation }) => operation);
  }

  /** Takes the named one. Throws NotInRangeError or TakenError; the caller then reverts. */
  take<Key>(space: NumberSpace<Key>, key: Key): void {
    space.check(key);
    if (!this.#isFree(space, key)) throw space.taken();
    this.#reserve(space, key);
  }

  /** Takes any free one. Throws RangeFullError if there is none; the caller then reverts. */
  takeAny<Key>(space: NumberSpace<Key>): Key {
    const key = space.pick((candidate) => this.#isFree(space, candidate));
    if (key === undefined) throw space.full();
    this.#reserve(space, key);
    return key;
  }

  /** What has to be in the same commit besides. Not of a dry run. */
  also(reservation: Reservation): void {
    if (this.#options.dryRun) return;
    for (const [i, operation] of (reservation.operations ?? []).entries())
      this.#steps.push({
        key: operation.key,
        operation,
        // Told once, though it has more than one operation.
        done: (revision) => (i === 0 ? reservation.commit(revision) : undefined),
        undone: (conflict) => (i === 0 ? reservation.revert(conflict) : undefined),
      });
  }

  /** Gives the number back with the write, unless somebody else is known to hold it. */
  release<Key>(space: NumberSpace<Key>, key: Key): void {
    const { ledger } = space;
    if ((ledger.holder(key) ?? holderOf(this.#options.service)) !== holderOf(this.#options.service)) return;
    const at = space.storeKey(key);
    this.#steps.push({
      key: at,
      operation: { type: "delete", key: at },
      done: (revision) => ledger.learn(key, undefined, revision),
      undone: () => {},
    });
  }

  commit(revision: Revision): void {
    for (const step of this.#steps.splice(0)) step.done(revision);
  }

  revert(conflict?: ConflictError): void {
    for (const step of this.#steps.splice(0)) step.undone(conflict);
  }

  #isFree<Key>(space: NumberSpace<Key>, key: Key): boolean {
    return space.ledger.isFree(key) && this.#tried.get(space)?.has(key) !== true;
  }

  #reserve<Key>(space: NumberSpace<Key>, key: Key): void {
    const { service, dryRun, now } = this.#options;
    const { ledger } = space;
    if (dryRun) {
      this.#tried.set(space, (this.#tried.get(space) ?? new Set()).add(key));
      return;
    }
    const holder = holderOf(service);
    ledger.reserve(key, holder);
    const operation = space.record(key, service, now);
    this.#steps.push({
      key: operation.key,
      operation,
      done(revision) {
        ledger.letGo(key);
        ledger.learn(key, holder, revision);
      },
      undone(conflict) {
        ledger.letGo(key);
        // Another server was first: remembered at once, so that the next attempt does not meet it again.
        const { current } = conflict?.key === operation.key ? conflict : {};
        if (current !== undefined) ledger.learn(key, space.holder(current), current.modRevision);
      },
    });
  }
}
