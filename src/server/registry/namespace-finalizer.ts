/**
 * Empties namespaces that are going and then lets them go (pkg/controller/namespace): pods first, the rest when they
 * have ended. What keeps a namespace is said in its conditions; what fails is tried again after a growing pause.
 */
import { isDeepStrictEqual } from "node:util";
import type { Log } from "../../base/log.ts";
import { createWorkQueue, type WorkQueue } from "../../base/workqueue.ts";
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KindCatalog } from "../../api/kind-catalog.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import type { Namespace } from "../../api/namespace/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Store, StoreEvent } from "../../store/store.ts";
import type { CallContext } from "../registry.ts";
import type { Deleter } from "./deleter.ts";
import { keyPrefix, storeKey } from "./keys.ts";
import { formatTime, keyOf } from "./metadata.ts";
import { namespaceConditions, type Remains } from "./namespace-conditions.ts";
import type { NamespaceGate } from "./namespace-gate.ts";
import { decodeEntry } from "./stored-object.ts";
import type { Writer } from "./writer.ts";

const CONTEXT: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };
/** The entry of spec.finalizers that stands for this file. */
export const NAMESPACE_FINALIZER = "kubernetes";

export interface FinalizerParts {
  readonly store: Store;
  readonly kinds: KindCatalog;
  readonly writer: Writer;
  readonly deleter: Deleter;
  readonly gate: NamespaceGate;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What is found while a namespace is emptied. */
class Findings implements Remains {
  readonly resources = new Map<string, number>();
  readonly finalizers = new Map<string, number>();
  readonly failures: string[] = [];

  left(kind: Kind, finalizers: readonly string[]): void {
    const name = `${kind.plural}.${kind.group}`;
    this.resources.set(name, (this.resources.get(name) ?? 0) + 1);
    for (const one of finalizers) this.finalizers.set(one, (this.finalizers.get(one) ?? 0) + 1);
  }
}

export class NamespaceFinalizer implements AsyncDisposable {
  readonly #parts: FinalizerParts;
  readonly #prefix = keyPrefix(namespaceKind);
  /** Names of namespaces that are going. */
  readonly #going = new Set<string>();
  readonly #abort = new AbortController();
  /** Keys are names. */
  readonly #queue: WorkQueue;

  constructor(parts: FinalizerParts) {
    this.#parts = parts;
    this.#queue = createWorkQueue({
      name: "namespaces",
      work: async (name) => this.#work(name),
      log: parts.log,
      signal: this.#abort.signal,
    });
    parts.gate.onEmpty = (namespace) => {
      if (this.#going.has(namespace)) this.#queue.add(namespace);
    };
  }

  async start(): Promise<void> {
    const { entries } = await this.#parts.store.list(this.#prefix);
    for (const entry of entries) this.#look(decodeEntry(namespaceKind, entry));
  }

  /** `events` are those of one turn. */
  handle(events: readonly StoreEvent[]): void {
    for (const event of events) {
      const { key } = event.type === "put" ? event.entry : event.previous;
      if (key.startsWith(this.#prefix)) {
        if (event.type === "delete") this.#going.delete(key.slice(this.#prefix.length));
        else this.#look(decodeEntry(namespaceKind, event.entry));
      } else if (this.#going.size > 0) {
        // What goes makes room, and what loses a finalizer changes what is said of it.
        const namespace = key.split("/").at(-2)!;
        if (this.#going.has(namespace)) this.#queue.add(namespace);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#queue.idle();
  }

  #look({ metadata: { name, deletionTimestamp } }: Namespace): void {
    if (deletionTimestamp === undefined || this.#going.has(name!)) return;
    this.#going.add(name!);
    this.#queue.add(name!);
  }

  async #work(name: string): Promise<void> {
    const { store, gate, writer } = this.#parts;
    const entry = await store.get(storeKey(namespaceKind, { name }));
    const namespace = entry === undefined ? undefined : decodeEntry(namespaceKind, entry);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    if (namespace.spec?.finalizers?.includes(NAMESPACE_FINALIZER) !== true) return;
    const found = new Findings();
    const first = await this.#empty(podKind, name, found);
    if (first === 0)
      for (const kind of this.#parts.kinds.kinds)
        if (kind.namespaced && kind.view === undefined && kind !== podKind)
          await this.#empty(kind, name, found);
    await this.#report(name, found);
    if (found.failures.length > 0) throw new Error(found.failures.join(", "));
    if (found.resources.size > 0 || gate.isBusy(name)) return;
    const unheld = (current: Namespace): Namespace => {
      const { resourceVersion: _version, ...metadata } = current.metadata;
      const finalizers = (current.spec?.finalizers ?? []).filter((one) => one !== NAMESPACE_FINALIZER);
      return { ...current, metadata, spec: { ...current.spec, finalizers } };
    };
    const options = { trusted: true, finalize: true };
    await ignoreGone(writer.update(namespaceKind, { name }, unheld, options, CONTEXT));
  }

  /** Deletes what there is of one kind. Returns how many are left. */
  async #empty(kind: Kind, namespace: string, found: Findings): Promise<number> {
    const { store, deleter } = this.#parts;
    const { entries } = await store.list(keyPrefix(kind, namespace));
    let left = 0;
    for (const entry of entries) {
      const object = decodeEntry(kind, entry);
      const key = keyOf(object);
      try {
        // Nothing is left as an orphan in a namespace that is going.
        const { gone } =
          object.metadata.deletionTimestamp === undefined
            ? await deleter.delete(kind, key, { propagationPolicy: "Background" })
            : { gone: false };
        if (gone) continue;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.reason === "NotFound") continue;
        found.failures.push(error.message);
      }
      left++;
      found.left(kind, object.metadata.finalizers ?? []);
    }
    return left;
  }

  async #report(name: string, found: Remains): Promise<void> {
    const now = formatTime(this.#parts.clock());
    const said = (current: Namespace): Namespace => {
      const before = current.status?.conditions ?? [];
      const conditions = [...namespaceConditions(before, found, now)];
      if (isDeepStrictEqual(conditions, before)) return current;
      const { resourceVersion: _version, ...metadata } = current.metadata;
      return { ...current, metadata, status: { ...current.status, phase: "Terminating", conditions } };
    };
    const options = { trusted: true, subresource: "status" as const };
    await ignoreGone(this.#parts.writer.update(namespaceKind, { name }, said, options, CONTEXT));
  }
}

async function ignoreGone(work: Promise<object>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}
