/** The delete verb: preconditions, grace periods, finalizers and what goes along (apiserver registry/generic Delete). */
import { isDeepStrictEqual } from "node:util";
import type { Kind } from "../../api/kind.ts";
import type { DeleteOptions, KubeObject } from "../../api/meta/type.ts";
import { conflict, notFound } from "../../api/status-errors.ts";
import { ConflictError, type Entry, type Operation, type Revision, type Store } from "../../store/store.ts";
import type { ObjectKey } from "../registry.ts";
import { storeKey } from "./keys.ts";
import { type KindRules, NOTHING_RESERVED, type RulesByKind } from "./kind-rules.ts";
import { formatTime } from "./metadata.ts";
import { atRevision, decodeEntry, draftOf, encodeObject } from "./stored-object.ts";
import { alongWith, isGone } from "./writer.ts";

const DELETE_ATTEMPTS = 64;

/** Finalizers that the garbage collector takes away when it has dealt with the dependents. */
export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";

export interface DeleterParts {
  readonly store: Store;
  readonly rules: RulesByKind;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export interface Deletion<T extends KubeObject> {
  /** As it was, or as it is while something keeps it. */
  readonly object: T;
  /** Whether it is out of the store. */
  readonly gone: boolean;
}

export class Deleter {
  readonly #parts: DeleterParts;

  constructor(parts: DeleterParts) {
    this.#parts = parts;
  }

  /** Throws ApiError. */
  async delete<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    options: DeleteOptions,
  ): Promise<Deletion<T>> {
    const at = storeKey(kind, key);
    for (let attempt = 1; ; attempt++) {
      using _turn = attempt === 1 ? undefined : await this.#parts.rules.of(kind).turn?.();
      const entry = await this.#parts.store.get(at);
      if (entry === undefined) throw notFound(kind, key.name);
      const object = decodeEntry(kind, entry);
      checkPreconditions(kind, object, options);
      try {
        return await this.#attempt(kind, entry, object, options);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (attempt >= DELETE_ATTEMPTS) throw conflict(kind, key.name);
      }
    }
  }

  async #attempt<T extends KubeObject>(
    kind: Kind<T>,
    { key, modRevision: expect }: Entry,
    object: T,
    options: DeleteOptions,
  ): Promise<Deletion<T>> {
    const rules = this.#parts.rules.of(kind);
    rules.checkDelete?.(object);
    const isNews = object.metadata.deletionTimestamp === undefined;
    const unused = isNews ? ((await rules.checkUnused?.(object)) ?? []) : [];
    const dryRun = (options.dryRun ?? []).length > 0;
    const marked = this.#mark(kind, rules, object, options);
    if (!isGone(rules, marked)) {
      if (marked === object || dryRun) return { object: marked, gone: false };
      const revision = await this.#parts.store.commit([
        { type: "put", key, value: encodeObject(kind, marked), expect },
        ...unused,
      ]);
      marked.metadata.resourceVersion = String(revision);
      return { object: marked, gone: false };
    }
    if (dryRun) return { object, gone: true };
    const reservation = rules.beginDelete?.(object) ?? NOTHING_RESERVED;
    let revision: Revision | undefined;
    let refused: ConflictError | undefined;
    try {
      revision = await this.#parts.store.commit([
        { type: "delete", key, expect },
        ...alongWith(rules, object),
        ...withChecks(reservation.operations ?? [], unused),
      ]);
      return { object: atRevision(object, revision), gone: true };
    } catch (error) {
      if (error instanceof ConflictError) refused = error;
      throw error;
    } finally {
      if (revision === undefined) reservation.revert(refused);
      else reservation.commit(revision);
    }
  }

  /** The object with its deletion begun, or hastened; the same object if that changes nothing. */
  #mark<T extends KubeObject>(kind: Kind<T>, rules: KindRules<T>, object: T, given: DeleteOptions): T {
    const { gracePeriodSeconds } = given;
    // Less than nothing is the shortest wait there is (rest.BeforeDelete).
    const options = (gracePeriodSeconds ?? 0) < 0 ? { ...given, gracePeriodSeconds: 1 } : given;
    const marked = draftOf(kind, object);
    const { metadata } = marked;
    const finalizers = finalizersFor(metadata.finalizers ?? [], rules, options);
    if (finalizers.length > 0) metadata.finalizers = finalizers;
    else delete metadata.finalizers;
    if (metadata.deletionTimestamp === undefined) {
      const grace = Math.max(0, rules.gracePeriod?.(object, options) ?? 0);
      metadata.deletionTimestamp = formatTime(this.#parts.clock() + grace * 1000);
      metadata.deletionGracePeriodSeconds = grace;
      if (kind.generation) metadata.generation = (metadata.generation ?? 0) + 1;
      rules.markDeleted?.(marked);
      return marked;
    }
    const before = metadata.deletionGracePeriodSeconds ?? 0;
    // A second request can only shorten the wait, and only if it says so itself.
    if (options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < before) {
      const grace = Math.max(0, rules.gracePeriod?.(object, options) ?? 0);
      const asked = Date.parse(metadata.deletionTimestamp) - before * 1000;
      metadata.deletionTimestamp = formatTime(asked + grace * 1000);
      metadata.deletionGracePeriodSeconds = grace;
      return marked;
    }
    return isDeepStrictEqual(finalizers, object.metadata.finalizers ?? []) ? object : marked;
  }
}

/**
 * The finalizers of an object that begins to go: what the request says of dependents, or else what is on the object
 * already, or else the kind's custom (deletionFinalizersForGarbageCollection).
 */
function finalizersFor<T extends KubeObject>(
  existing: readonly string[],
  rules: KindRules<T>,
  { propagationPolicy, orphanDependents }: DeleteOptions,
): string[] {
  const others = existing.filter((one) => one !== FOREGROUND && one !== ORPHAN);
  if (orphanDependents !== undefined) return orphanDependents ? [...others, ORPHAN] : others;
  switch (propagationPolicy) {
    case "Foreground":
      return [...others, FOREGROUND];
    case "Orphan":
      return [...others, ORPHAN];
    case "Background":
      return others;
    default:
      if (others.length < existing.length) return [...existing];
      return rules.orphansByDefault === true ? [...others, ORPHAN] : others;
  }
}

/** A commit names each key once: what a check says of a key that is written besides becomes that write's condition. */
function withChecks(operations: readonly Operation[], checks: readonly Operation[]): Operation[] {
  const expected = new Map(checks.map(({ key, expect }) => [key, expect]));
  const conditional = operations.map((operation) => {
    const expect = expected.get(operation.key);
    expected.delete(operation.key);
    return expect === undefined ? operation : { ...operation, expect };
  });
  return [...conditional, ...checks.filter(({ key }) => expected.has(key))];
}

/** Throws ApiError 409 (rest.BeforeDelete). */
function checkPreconditions<T extends KubeObject>(
  kind: Kind<T>,
  { metadata }: T,
  { preconditions = {} }: DeleteOptions,
): void {
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== metadata.uid)
    throw conflict(
      kind,
      metadata.name!,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      kind,
      metadata.name!,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
}
