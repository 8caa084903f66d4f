/** Nothing is created in a namespace that is not there or is going (admission plugin NamespaceLifecycle). */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { forbidden, notFound } from "../../api/status-errors.ts";
import type { Store } from "../../store/store.ts";
import { storeKey } from "./keys.ts";
import { decodeEntry } from "./stored-object.ts";

export class NamespaceGate {
  readonly #store: Store;
  /** Creates under way, by namespace. */
  readonly #entered = new Map<string, number>();
  /** Called when the last create under way in a namespace has ended. */
  onEmpty: ((namespace: string) => void) | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Whether creates are under way: what they make may still appear. */
  isBusy(namespace: string): boolean {
    return this.#entered.has(namespace);
  }

  /**
   * Holds the namespace open for one create, until disposed. Throws ApiError 404 or 403.
   * Counted before it is looked at, so that nobody finds the namespace empty in between.
   */
  async enter(kind: Kind, object: KubeObject): Promise<Disposable> {
    if (!kind.namespaced) return { [Symbol.dispose]() {} };
    const name = object.metadata.namespace!;
    this.#entered.set(name, (this.#entered.get(name) ?? 0) + 1);
    const pass = { [Symbol.dispose]: () => this.#leave(name) };
    try {
      const entry = await this.#store.get(storeKey(namespaceKind, { name }));
      if (entry === undefined) throw notFound(namespaceKind, name);
      const { deletionTimestamp } = decodeEntry(namespaceKind, entry).metadata;
      if (deletionTimestamp !== undefined) throw terminating(kind, object);
      return pass;
    } catch (error) {
      pass[Symbol.dispose]();
      throw error;
    }
  }

  #leave(name: string): void {
    const count = this.#entered.get(name)! - 1;
    if (count === 0) {
      this.#entered.delete(name);
      this.onEmpty?.(name);
    } else this.#entered.set(name, count);
  }
}

function terminating(kind: Kind, { metadata }: KubeObject): Error {
  const namespace = metadata.namespace!;
  const error = forbidden(
    kind,
    metadata.name ?? "",
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  error.status.details!.causes = [
    {
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    },
  ];
  return error;
}
