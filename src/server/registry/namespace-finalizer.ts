/** Empties namespaces that are going and then lets them go (pkg/controller/namespace). */
import type { Log } from "../../base/log.ts";
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import type { Namespace } from "../../api/namespace/type.ts";
import type { Store, StoreEvent } from "../../store/store.ts";
import type { CallContext } from "../registry.ts";
import type { Deleter } from "./deleter.ts";
import { keyPrefix } from "./keys.ts";
import { keyOf } from "./metadata.ts";
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
}

export class NamespaceFinalizer {
  readonly #parts: FinalizerParts;
  readonly #prefix = keyPrefix(namespaceKind);
  readonly #contents: () => readonly Kind[];
  /** Names of namespaces that are going. */
  readonly #going = new Set<string>();

  constructor(parts: FinalizerParts) {
    this.#parts = parts;
    this.#contents = derivedFrom(parts.kinds, (kinds) =>
      // What a view shows goes with what it is a view of.
      kinds.filter((kind) => kind.namespaced && kind.view === undefined),
    );
    parts.gate.onEmpty = (namespace) => {
      if (this.#going.has(namespace)) void this.#work(namespace);
    };
  }

  async start(): Promise<void> {
    const { entries } = await this.#parts.store.list(this.#prefix);
    for (const entry of entries) await this.#look(decodeEntry(namespaceKind, entry));
  }

  /** `events` are those of one turn: a namespace is worked on once for all of them. */
  async handle(events: readonly StoreEvent[]): Promise<void> {
    const emptier = new Set<string>();
    for (const event of events) {
      const { key } = event.type === "put" ? event.entry : event.previous;
      if (key.startsWith(this.#prefix)) {
        if (event.type === "delete") this.#going.delete(key.slice(this.#prefix.length));
        else await this.#look(decodeEntry(namespaceKind, event.entry));
      } else if (event.type === "delete" && this.#going.size > 0) emptier.add(key.split("/").at(-2)!);
    }
    for (const namespace of emptier) if (this.#going.has(namespace)) await this.#work(namespace);
  }

  async #look({ metadata: { name, deletionTimestamp } }: Namespace): Promise<void> {
    if (deletionTimestamp === undefined || this.#going.has(name!)) return;
    this.#going.add(name!);
    await this.#work(name!);
  }

  async #work(name: string): Promise<void> {
    const { store, deleter, gate, writer, log } = this.#parts;
    try {
      let left = 0;
      for (const kind of this.#contents()) {
        const { entries } = await store.list(keyPrefix(kind, name));
        for (const entry of entries) {
          const object = decodeEntry(kind, entry);
          if (object.metadata.deletionTimestamp !== undefined) left++;
          else if (!(await ignoreGone(deleter.delete(kind, keyOf(object), {})))) left++;
        }
      }
      if (left > 0 || gate.isBusy(name)) return;
      const unheld = (current: Namespace): Namespace => {
        const { resourceVersion: _version, ...metadata } = current.metadata;
        const finalizers = (current.spec?.finalizers ?? []).filter((one) => one !== NAMESPACE_FINALIZER);
        return { ...current, metadata, spec: { ...current.spec, finalizers } };
      };
      await ignoreGone(
        writer.update(namespaceKind, { name }, unheld, { trusted: true, finalize: true }, CONTEXT),
      );
    } catch (error) {
      log.error({ err: error }, `could not empty the namespace ${name}`);
    }
  }
}

/** Whether the object is out of the store, by this call or before. */
async function ignoreGone(work: Promise<object>): Promise<boolean> {
  try {
    const outcome = await work;
    return "gone" in outcome && outcome.gone === true;
  } catch (error) {
    if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return true;
    throw error;
  }
}
