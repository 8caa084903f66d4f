/**
 * Deletes objects whose owners are gone (metadata.ownerReferences), and carries out foreground and orphan deletion
 * (pkg/controller/garbagecollector). The store's events say what to look at; every decision is made on the stored
 * objects, and what fails is tried again after a growing pause.
 */
import type { Log } from "../../base/log.ts";
import { createWorkQueue, type WorkQueue } from "../../base/workqueue.ts";
import { ApiError } from "../../api/api-error.ts";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import type { DeleteOptions, KubeObject, ObjectMeta, OwnerReference } from "../../api/meta/type.ts";
import type { Store, StoreEvent } from "../../store/store.ts";
import type { CallContext } from "../registry.ts";
import { type Deleter, FOREGROUND, ORPHAN } from "./deleter.ts";
import { keyPrefix, KindsByKey, ROOT, storeKey } from "./keys.ts";
import { keyOf } from "./metadata.ts";
import { type Dependent, Ownership } from "./ownership.ts";
import { decodeEntry } from "./stored-object.ts";
import type { Writer } from "./writer.ts";

const CONTEXT: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };

export interface CollectorParts {
  readonly store: Store;
  readonly kinds: KindCatalog;
  readonly writer: Writer;
  readonly deleter: Deleter;
  readonly log: Log;
}

/** The owners of one object, by what they mean for it (classifyReferences). */
interface Owners {
  /** There, and not waiting for their dependents to go. */
  readonly solid: readonly OwnerReference[];
  readonly absent: readonly OwnerReference[];
  /** Going in the foreground. */
  readonly waiting: readonly OwnerReference[];
}

export class GarbageCollector implements AsyncDisposable {
  readonly #parts: CollectorParts;
  readonly #byKey: () => KindsByKey;
  /** By "<apiVersion>/<kind>". */
  readonly #byType: () => ReadonlyMap<string, Kind>;
  readonly #ownership = new Ownership();
  /** Where owners are that go in the foreground, by uid. */
  readonly #waitingOwners = new Map<string, string>();
  /** Objects with an owner of a kind that is not served: looked at again when the kinds change. */
  readonly #unknownOwners = new Set<string>();
  readonly #abort = new AbortController();
  /** Keys are the store's. */
  readonly #queue: WorkQueue;
  readonly #subscription: Disposable;
  /** The prefixes of the kinds that are indexed. */
  readonly #indexed = new Set<string>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#byKey = derivedFrom(parts.kinds, (kinds) => new KindsByKey(kinds));
    this.#byType = derivedFrom(
      parts.kinds,
      (kinds) => new Map(kinds.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind])),
    );
    this.#queue = createWorkQueue({
      name: "garbage collection",
      work: async (key) => this.#work(key),
      log: parts.log,
      signal: this.#abort.signal,
    });
    this.#subscription = parts.kinds.subscribe(() => this.#kindsChanged());
  }

  /** Indexes what is stored, and looks for what lost its owner while nobody looked. Returns the revision read at. */
  async start(): Promise<number> {
    for (const kind of this.#parts.kinds.kinds) this.#indexed.add(keyPrefix(kind));
    const { entries, revision } = await this.#parts.store.list(ROOT);
    for (const entry of entries) {
      const kind = this.#byKey().kind(entry.key);
      if (kind !== undefined) this.#take(kind, entry.key, decodeEntry(kind, entry));
    }
    return revision;
  }

  handle(event: StoreEvent): void {
    const { key } = event.type === "put" ? event.entry : event.previous;
    const kind = this.#byKey().kind(key);
    if (kind === undefined) return;
    if (event.type === "delete") {
      const { uid } = decodeEntry(kind, event.previous).metadata;
      this.#unknownOwners.delete(key);
      this.#waitingOwners.delete(uid!);
      this.#wakeOwners(this.#ownership.delete(key));
      for (const dependent of this.#ownership.of(uid!)) this.#queue.add(dependent.key);
    } else this.#take(kind, key, decodeEntry(kind, event.entry));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#abort.abort();
    await this.#queue.idle();
  }

  /** Takes over the state of an object, and has looked at what that may concern. */
  #take(kind: Kind, key: string, object: KubeObject): void {
    const { uid, deletionTimestamp, ownerReferences = [], finalizers = [] } = object.metadata;
    const going = deletionTimestamp !== undefined;
    const waits = going && finalizers.includes(FOREGROUND);
    this.#wakeOwners(this.#ownership.set(kind, key, object, waits));
    if (waits && !this.#waitingOwners.has(uid!)) {
      this.#waitingOwners.set(uid!, key);
      for (const dependent of this.#ownership.of(uid!)) this.#queue.add(dependent.key);
    }
    if (waits || (going && finalizers.includes(ORPHAN)) || ownerReferences.length > 0) this.#queue.add(key);
  }

  /** Owners that wait for a dependent may have waited for this one. */
  #wakeOwners(dependent: Dependent | undefined): void {
    for (const { uid } of dependent?.references ?? []) {
      const owner = this.#waitingOwners.get(uid);
      if (owner !== undefined) this.#queue.add(owner);
    }
  }

  /** Kinds that came have objects to be indexed; references to them can be followed now. */
  #kindsChanged(): void {
    for (const key of this.#unknownOwners) this.#queue.add(key);
    this.#unknownOwners.clear();
    const prefixes = this.#parts.kinds.kinds.map((kind) => keyPrefix(kind));
    for (const prefix of prefixes) if (!this.#indexed.has(prefix)) this.#queue.add(prefix);
    for (const prefix of this.#indexed) if (!prefixes.includes(prefix)) this.#indexed.delete(prefix);
  }

  async #work(key: string): Promise<void> {
    if (key.endsWith("/")) return this.#index(key);
    const kind = this.#byKey().kind(key);
    const entry = kind === undefined ? undefined : await this.#parts.store.get(key);
    if (kind === undefined || entry === undefined) return;
    const object = decodeEntry(kind, entry);
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    try {
      if (deletionTimestamp === undefined) await this.#collect(kind, key, object);
      else if (finalizers.includes(ORPHAN)) await this.#orphan(kind, object);
      else if (finalizers.includes(FOREGROUND)) await this.#finish(kind, object);
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
    }
  }

  /** Indexes the objects of a kind that is served from now on. */
  async #index(prefix: string): Promise<void> {
    this.#indexed.add(prefix);
    const { entries } = await this.#parts.store.list(prefix);
    for (const entry of entries) {
      const kind = this.#byKey().kind(entry.key);
      if (kind !== undefined) this.#take(kind, entry.key, decodeEntry(kind, entry));
    }
  }

  /** Deletes an object none of whose owners is there to stay (attemptToDeleteItem). */
  async #collect(kind: Kind, key: string, object: KubeObject): Promise<void> {
    const { uid, resourceVersion, ownerReferences = [], finalizers = [] } = object.metadata;
    if (ownerReferences.length === 0) return;
    const owners = await this.#owners(key, object);
    if (owners === undefined) return;
    const preconditions = { uid: uid!, resourceVersion: resourceVersion! };
    const remove = async (options: DeleteOptions): Promise<void> => {
      await this.#parts.deleter.delete(kind, keyOf(object), { preconditions, ...options });
    };
    if (owners.solid.length > 0) {
      // The others would keep it, or be kept by it, for nothing.
      const rest = owners.solid.map((reference) => reference.uid);
      if (rest.length < ownerReferences.length)
        await this.#change(kind, object, (metadata) => keepOwners(metadata, (one) => rest.includes(one.uid)));
      return;
    }
    const dependents = this.#ownership.of(uid!);
    if (owners.waiting.length === 0 || dependents.length === 0) {
      // An orphan or foreground finalizer that is there already is honoured.
      await remove(
        finalizers.some((one) => one === ORPHAN || one === FOREGROUND)
          ? {}
          : { propagationPolicy: "Background" },
      );
      return;
    }
    if (dependents.some(({ waits }) => waits)) {
      // Perhaps a circle, in which each would wait for the next: its owner need not wait for this one.
      await this.#change(kind, object, ({ ownerReferences: references = [] }) => {
        for (const reference of references)
          if (reference.blockOwnerDeletion === true) reference.blockOwnerDeletion = false;
      });
      await this.#parts.deleter.delete(kind, keyOf(object), {
        preconditions: { uid: uid! },
        propagationPolicy: "Foreground",
      });
      return;
    }
    await remove({ propagationPolicy: "Foreground" });
  }

  /** The owners of an object; undefined if it cannot be decided now whether they are there. */
  async #owners(key: string, { metadata }: KubeObject): Promise<Owners | undefined> {
    const solid: OwnerReference[] = [];
    const absent: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const reference of metadata.ownerReferences ?? []) {
      const kind = this.#byType().get(`${reference.apiVersion}/${reference.kind}`);
      if (kind === undefined) {
        this.#unknownOwners.add(key);
        return undefined;
      }
      const { namespace } = metadata;
      // An owner in a namespace cannot own what is in none: nobody can say which one is meant.
      if (kind.namespaced && namespace === undefined) return undefined;
      const { name } = reference;
      // A dependent is in its owner's namespace, or the owner has none.
      const at = storeKey(kind, kind.namespaced ? { namespace: namespace!, name } : { name });
      const entry = await this.#parts.store.get(at);
      const owner = entry === undefined ? undefined : decodeEntry(kind, entry).metadata;
      if (owner?.uid !== reference.uid) absent.push(reference);
      else if (owner.deletionTimestamp !== undefined && owner.finalizers?.includes(FOREGROUND) === true)
        waiting.push(reference);
      else solid.push(reference);
    }
    return { solid, absent, waiting };
  }

  /** Takes the owner out of its dependents, and lets it go. */
  async #orphan(kind: Kind, owner: KubeObject): Promise<void> {
    const uid = owner.metadata.uid!;
    for (const { kind: its, key } of this.#ownership.of(uid)) {
      const entry = await this.#parts.store.get(key);
      if (entry === undefined) continue;
      const dependent = decodeEntry(its, entry);
      await this.#change(its, dependent, (metadata) => keepOwners(metadata, (one) => one.uid !== uid));
    }
    await this.#removeFinalizer(kind, owner, ORPHAN);
  }

  /** Lets an owner go when no dependent that blocks it is left, or sees to those (processDeletingDependentsItem). */
  async #finish(kind: Kind, owner: KubeObject): Promise<void> {
    const uid = owner.metadata.uid!;
    const blocking = this.#ownership
      .of(uid)
      .filter(({ references }) =>
        references.some((one) => one.uid === uid && one.blockOwnerDeletion === true),
      );
    if (blocking.length === 0) await this.#removeFinalizer(kind, owner, FOREGROUND);
    else for (const { key, waits } of blocking) if (!waits) this.#queue.add(key);
  }

  async #removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): Promise<void> {
    await this.#change(kind, object, (metadata) => {
      const rest = (metadata.finalizers ?? []).filter((other) => other !== finalizer);
      if (rest.length > 0) metadata.finalizers = rest;
      else delete metadata.finalizers;
    });
  }

  /** Changes the stored object, unless it is gone or another one has its name. Throws ApiError. */
  async #change(kind: Kind, object: KubeObject, change: (metadata: ObjectMeta) => void): Promise<void> {
    const next = (current: KubeObject): KubeObject => {
      const copy = structuredClone(current);
      delete copy.metadata.resourceVersion;
      if (copy.metadata.uid === object.metadata.uid) change(copy.metadata);
      return copy;
    };
    try {
      await this.#parts.writer.update(kind, keyOf(object), next, { trusted: true }, CONTEXT);
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
    }
  }
}

function keepOwners(metadata: ObjectMeta, keep: (reference: OwnerReference) => boolean): void {
  const rest = (metadata.ownerReferences ?? []).filter(keep);
  if (rest.length > 0) metadata.ownerReferences = rest;
  else delete metadata.ownerReferences;
}
