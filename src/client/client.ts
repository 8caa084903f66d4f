/**
 * The Client contract: the Kubernetes API as typed calls. Two implementations: http.ts speaks to any Kubernetes API
 * server; in-process.ts calls our own server's registry without a socket. All errors are ApiError.
 */
import type { Kind } from "../api/kind.ts";
import type { DeleteOptions, KubeList, KubeObject } from "../api/meta/type.ts";

/** Which object. `namespace` only for namespaced kinds. */
export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

export interface ListQuery {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export interface WatchQuery extends Omit<ListQuery, "limit" | "continue"> {
  /** Events strictly after this version. */
  readonly resourceVersion: string;
  /**
   * What is there now comes first, as ADDED, then a BOOKMARK that isInitialEventsEnd (KEP-3157, WatchList). Needs
   * resourceVersionMatch. Servers that do not know it refuse (400 or 422), or never send that bookmark.
   */
  readonly sendInitialEvents?: boolean;
  readonly resourceVersionMatch?: "NotOlderThan";
  readonly signal: AbortSignal;
  /** Called when the server has taken the watch on: events may be long in coming. */
  readonly onOpen?: () => void;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: KubeObject };

/** The bookmark after which a watch with sendInitialEvents has told all that was there. */
export function isInitialEventsEnd({ type, object }: WatchEvent<KubeObject>): boolean {
  return type === "BOOKMARK" && object.metadata.annotations?.["k8s.io/initial-events-end"] === "true";
}

export type PatchType = "json" | "merge" | "strategic";

export interface WriteOptions {
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

/**
 * Objects that come out are shared and must not be mutated; copy (structuredClone) before changing one.
 * With `subresource: "status"` a write touches status only.
 */
export interface Client {
  /**
   * Whether the objects that come out are in this process's memory anyway, the server's: a part of one that is kept
   * instead of it is then memory more, not less. @default {false}
   */
  readonly sharesObjects?: boolean;
  get<T extends KubeObject>(kind: Kind<T>, name: ObjectName): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, query?: ListQuery): Promise<KubeList<T>>;
  /** Ends when the server ends it or `signal` aborts; throws ApiError with code 410 if the version is too old. */
  watch<T extends KubeObject>(kind: Kind<T>, query: WatchQuery): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces; with metadata.resourceVersion set only if it is still the newest (409 otherwise). */
  update<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    options?: WriteOptions & { readonly subresource?: "status" },
  ): Promise<T>;
  patch<T extends KubeObject>(
    kind: Kind<T>,
    name: ObjectName,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { readonly subresource?: "status" },
  ): Promise<T>;
  /**
   * Creates a subresource with a kind of its own (`others` of Kind.subresources): pods/binding. Resolves to what the
   * server answers, an object of that kind or a Status.
   */
  createSubresource<T extends KubeObject>(
    kind: Kind<T>,
    name: ObjectName,
    subresource: string,
    body: KubeObject,
    options?: WriteOptions,
  ): Promise<KubeObject>;
  delete<T extends KubeObject>(kind: Kind<T>, name: ObjectName, options?: DeleteOptions): Promise<void>;
}
