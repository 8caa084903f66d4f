/** The delete verb: preconditions, grace periods, finalizers and what goes along (apiserver registry/generic Delete). */
import type { Kind } from "../../api/kind.ts";
import type { DeleteOptions, KubeObject } from "../../api/meta/type.ts";
import { conflict, notFound } from "../../api/status-errors.ts";
import { ConflictError, type Entry, type Revision, type Store } from "../../store/store.ts";
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
    const dryRun = (options.dryRun ?? []).length > 0;
    const marked = this.#mark(kind, rules, object, options);
    if (!isGone(rules, marked)) {
      if (marked === object || dryRun) return { object: marked, gone: false };
      const revision = await this.#parts.store.commit([
        { type: "put", key, value: encodeObject(kind, marked), expect },
      ]);
      marked.metadata.resourceVersion = String(revision);
      return { object: marked, gone: false };
    }
    if (dryRun) return { object, gone: true };
    const reservation = rules.beginDelete?.(object) ?? NOTHING_RESERVED;
    let revision: Revision | undefined;
    try {
      revision = await this.#parts.store.commit([
        { type: "delete", key, expect },
        ...alongWith(rules, object),
        ...(reservation.operations ?? []),
      ]);
      return { object: atRevision(object, revision), gone: true };
    } finally {
      if (revision === undefined) reservation.revert();
      else reservation.commit(revision);
    }
  }

  /** The object with its deletion begun; the same object if that changes nothing. */
  #mark<T extends KubeObject>(kind: Kind<T>, rules: KindRules<T>, object: T, options: DeleteOptions): T {
    const grace = Math.max(0, rules.gracePeriod?.(object, options) ?? 0);
    const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
    const marked = draftOf(kind, object);
    const { metadata } = marked;
    const finalizer = finalizerFor(options);
    if (finalizer !== undefined && metadata.finalizers?.includes(finalizer) !== true)
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
    if (deletionTimestamp !== undefined) {
      // A second request can only shorten the wait.
      if (grace >= (deletionGracePeriodSeconds ?? 0)) return object;
      metadata.deletionGracePeriodSeconds = grace;
      return marked;
    }
    metadata.deletionTimestamp = formatTime(this.#parts.clock() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (kind.generation) metadata.generation = (metadata.generation ?? 0) + 1;
    rules.markDeleted?.(marked);
    return marked;
  }
}

function finalizerFor({ propagationPolicy, orphanDependents }: DeleteOptions): string | undefined {
  if (propagationPolicy === "Foreground") return FOREGROUND;
  return propagationPolicy === "Orphan" || orphanDependents === true ? ORPHAN : undefined;
}

/** Throws ApiError 409. */
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
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      kind,
      metadata.name!,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
}
