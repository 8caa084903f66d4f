/**
 * Deletes objects whose owners are gone (metadata.ownerReferences), and carries out foreground and orphan deletion.
 * An index from owner to dependents is kept from the store's events; every decision is made on the stored objects.
 */
import type { Log } from "../../base/log.ts";
import { ApiError } from "../../api/api-error.ts";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import type { KubeObject, OwnerReference } from "../../api/meta/type.ts";
import type { Store, StoreEvent } from "../../store/store.ts";
import type { CallContext } from "../registry.ts";
import { type Deleter, FOREGROUND, ORPHAN } from "./deleter.ts";
import { KindsByKey, ROOT, storeKey } from "./keys.ts";
import { keyOf } from "./metadata.ts";
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

interface Dependent {
  readonly kind: Kind;
  readonly key: string;
  readonly references: readonly OwnerReference[];
}

export class GarbageCollector {
  readonly #parts: CollectorParts;
  readonly #byKey: () => KindsByKey;
  /** By "<apiVersion>/<kind>". */
  readonly #byType: () => ReadonlyMap<string, Kind>;
  readonly #dependents = new Map<string, Dependent>();
  readonly #byOwner = new Map<string, Set<string>>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#byKey = derivedFrom(parts.kinds, (kinds) => new KindsByKey(kinds));
    this.#byType = derivedFrom(
      parts.kinds,
      (kinds) => new Map(kinds.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind])),
    );
  }

  /** Indexes what is stored, and collects what lost its owner while nobody looked. */
  async start(): Promise<number> {
    const { entries, revision } = await this.#parts.store.list(ROOT);
    for (const entry of entries) {
      const kind = this.#byKey().kind(entry.key);
      if (kind !== undefined) this.#index(kind, entry.key, decodeEntry(kind, entry));
    }
    for (const dependent of this.#dependents.values()) await this.#check(dependent);
    return revision;
  }

  async handle(event: StoreEvent): Promise<void> {
    const { key } = event.type === "put" ? event.entry : event.previous;
    const kind = this.#byKey().kind(key);
    if (kind === undefined) return;
    if (event.type === "delete") {
      const { uid } = decodeEntry(kind, event.previous).metadata;
      const waiting = this.#dependents.get(key)?.references ?? [];
      this.#forget(key);
      for (const dependent of this.#of(uid!)) await this.#check(dependent);
      // An owner may be waiting for this one to go.
      for (const reference of waiting) await this.#checkOwner(reference, key);
      return;
    }
    const object = decodeEntry(kind, event.entry);
    const dependent = this.#index(kind, key, object);
    if (dependent !== undefined && event.previous === undefined) await this.#check(dependent);
    if (object.metadata.deletionTimestamp !== undefined) await this.#finishOwner(kind, object);
  }

  #of(uid: string): Dependent[] {
    return [...(this.#byOwner.get(uid) ?? [])].map((key) => this.#dependents.get(key)!);
  }

  #index(kind: Kind, key: string, { metadata }: KubeObject): Dependent | undefined {
    const references = metadata.ownerReferences ?? [];
    if (references.length === 0 && !this.#dependents.has(key)) return undefined;
    this.#forget(key);
    if (references.length === 0) return undefined;
    const dependent: Dependent = { kind, key, references };
    this.#dependents.set(key, dependent);
    for (const { uid } of references) {
      const keys = this.#byOwner.get(uid) ?? new Set();
      this.#byOwner.set(uid, keys.add(key));
    }
    return dependent;
  }

  #forget(key: string): void {
    for (const { uid } of this.#dependents.get(key)?.references ?? []) {
      const keys = this.#byOwner.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#byOwner.delete(uid);
    }
    this.#dependents.delete(key);
  }

  /** Deletes the dependent if none of its owners is there. */
  async #check({ kind, key }: Dependent): Promise<void> {
    const entry = await this.#parts.store.get(key);
    if (entry === undefined) return;
    const object = decodeEntry(kind, entry);
    const references = object.metadata.ownerReferences ?? [];
    if (references.length === 0) return;
    for (const reference of references) if ((await this.#isThere(reference, object)) !== false) return;
    await this.#attempt(`delete ${key}, whose owner is gone`, async () => {
      await this.#parts.deleter.delete(kind, keyOf(object), {
        preconditions: { uid: object.metadata.uid! },
        propagationPolicy: "Background",
      });
    });
  }

  /** The owner's kind and object; false if it does not exist; undefined if its kind is not served here. */
  async #isThere(reference: OwnerReference, dependent: KubeObject): Promise<boolean | undefined> {
    const owner = await this.#find(reference, dependent.metadata.namespace);
    return owner === undefined ? undefined : owner.object !== undefined;
  }

  async #find(
    reference: OwnerReference,
    namespace: string | undefined,
  ): Promise<{ readonly kind: Kind; readonly object: KubeObject | undefined } | undefined> {
    const kind = this.#byType().get(`${reference.apiVersion}/${reference.kind}`);
    if (kind === undefined) return undefined;
    const { name } = reference;
    const key = storeKey(kind, kind.namespaced && namespace !== undefined ? { namespace, name } : { name });
    const entry = await this.#parts.store.get(key);
    const object = entry === undefined ? undefined : decodeEntry(kind, entry);
    return { kind, object: object?.metadata.uid === reference.uid ? object : undefined };
  }

  async #checkOwner(reference: OwnerReference, dependentKey: string): Promise<void> {
    const kind = this.#byType().get(`${reference.apiVersion}/${reference.kind}`);
    if (kind === undefined) return;
    // A dependent is in its owner's namespace, or the owner has none.
    const namespace = dependentKey.split("/").at(-2);
    const owner = await this.#find(reference, namespace);
    if (owner?.object?.metadata.deletionTimestamp !== undefined) await this.#finishOwner(kind, owner.object);
  }

  /** Does what the owner's finalizers wait for, and takes them away when it is done. */
  async #finishOwner(kind: Kind, owner: KubeObject): Promise<void> {
    const finalizers = owner.metadata.finalizers ?? [];
    const uid = owner.metadata.uid!;
    if (finalizers.includes(ORPHAN)) {
      for (const dependent of this.#of(uid)) await this.#release(dependent, uid);
      await this.#removeFinalizer(kind, owner, ORPHAN);
    } else if (finalizers.includes(FOREGROUND)) {
      const dependents = this.#of(uid);
      for (const { kind, key } of dependents) {
        const entry = await this.#parts.store.get(key);
        const object = entry === undefined ? undefined : decodeEntry(kind, entry);
        if (object === undefined || object.metadata.deletionTimestamp !== undefined) continue;
        await this.#attempt(`delete ${key} before its owner`, async () => {
          await this.#parts.deleter.delete(kind, keyOf(object), { propagationPolicy: "Foreground" });
        });
      }
      const blocks = ({ references }: Dependent): boolean =>
        references.some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true);
      if (!dependents.some(blocks)) await this.#removeFinalizer(kind, owner, FOREGROUND);
    }
  }

  /** Takes the owner out of the dependent's references. */
  async #release({ kind, key }: Dependent, uid: string): Promise<void> {
    const entry = await this.#parts.store.get(key);
    if (entry === undefined) return;
    await this.#change(`take its owner from ${key}`, kind, decodeEntry(kind, entry), (metadata) => {
      const rest = (metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
      if (rest.length > 0) metadata.ownerReferences = rest;
      else delete metadata.ownerReferences;
    });
  }

  async #removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): Promise<void> {
    const what = `take the finalizer ${finalizer} from ${storeKey(kind, keyOf(object))}`;
    await this.#change(what, kind, object, (metadata) => {
      const rest = (metadata.finalizers ?? []).filter((other) => other !== finalizer);
      if (rest.length > 0) metadata.finalizers = rest;
      else delete metadata.finalizers;
    });
  }

  async #change(
    what: string,
    kind: Kind,
    object: KubeObject,
    change: (metadata: KubeObject["metadata"]) => void,
  ): Promise<void> {
    await this.#attempt(what, async () => {
      await this.#parts.writer.update(
        kind,
        keyOf(object),
        (current) => {
          const next = structuredClone(current);
          delete next.metadata.resourceVersion;
          change(next.metadata);
          return next;
        },
        { trusted: true },
        CONTEXT,
      );
    });
  }

  /** A refusal because somebody else was first is no failure; anything else is said, and tried again at the next start. */
  async #attempt(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return;
      this.#parts.log.error({ err: error }, `garbage collection could not ${what}`);
    }
  }
}
