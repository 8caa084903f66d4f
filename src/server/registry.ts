/**
 * The verbs of the API on one kind at a time, over a Store: everything the HTTP front door does, without HTTP.
 * Defaulting, admission, allocation, validation, conflict rules and status rules all happen here.
 */
import type { Kind } from "../api/kind.ts";
import type { DeleteOptions, KubeObject } from "../api/meta/type.ts";

/** Who asks (authentication.k8s.io/v1 UserInfo). */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface CallContext {
  /** Who asks; "system:fairlead" for our own controllers. */
  readonly user: UserInfo;
  /** Receives the texts for `Warning:` headers. */
  readonly warn?: (text: string) => void;
  /** Called before an update or an apply creates what it did not find. Throws ApiError if the caller may not. */
  readonly authorizeCreate?: () => void;
}

export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

export interface RegistryListQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
}

export interface RegistryList<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface RegistryWatchQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** "" or "0": the current objects first as ADDED. */
  readonly resourceVersion?: string;
  readonly allowBookmarks?: boolean;
  /** The WatchList form: current objects as ADDED, then a bookmark annotated k8s.io/initial-events-end. */
  readonly sendInitialEvents?: boolean;
  /** The watch ends by itself after this many milliseconds, with a last bookmark where they are allowed. */
  readonly timeoutMs?: number;
}

export interface RegistryEvent<T extends KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** Shared by all watchers: never mutated. */
  readonly object: T;
}

export interface RegistryWatch<T extends KubeObject> extends AsyncIterableIterator<
  readonly RegistryEvent<T>[],
  undefined
> {
  /** As `next`, told by a call instead of a promise: for who reads a thousand watches. One reader at a time. */
  take(reader: WatchReader<T>): void;
  /** Ends the watch as its time-out does: with a last bookmark where they are allowed. */
  finish(): void;
  close(): void;
}

/** Waits for what a watch has next. One of its functions is called, once, perhaps at once. */
export interface WatchReader<T extends KubeObject> {
  events(events: readonly RegistryEvent<T>[]): void;
  ended(): void;
  failed(error: unknown): void;
}

export interface RegistryWriteOptions {
  readonly dryRun?: boolean;
  /** Whose name managedFields get. @default "unknown" */
  readonly fieldManager?: string;
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  readonly subresource?: "status";
  /**
   * Of a create whose `object` is in canonical form and the caller's own, to be taken over: makes it anew, for the case
   * that another attempt is needed.
   * @default `object` is copied, and not changed
   */
  readonly remake?: () => KubeObject;
}

export type RegistryPatch =
  | { readonly type: "json"; readonly patch: unknown }
  | { readonly type: "merge"; readonly patch: unknown }
  | { readonly type: "strategic"; readonly patch: unknown }
  /** Server-side apply: creates what is missing; `force` takes fields over from other managers. */
  | { readonly type: "apply"; readonly patch: unknown; readonly force: boolean };

/** Objects handed out are frozen in spirit: shared, never to be mutated. Refusals are ApiError. */
export interface Registry {
  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, query: RegistryListQuery): Promise<RegistryList<T>>;
  /** Each item is the events of one turn. Ends when closed; throws ApiError 410 when the version is too old. */
  watch<T extends KubeObject>(kind: Kind<T>, query: RegistryWatchQuery): Promise<RegistryWatch<T>>;
  create<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    object: T,
    options: RegistryWriteOptions,
    context: CallContext,
  ): Promise<T>;
  /** Replaces, or creates where the kind allows create on update. */
  update<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    object: T,
    options: RegistryWriteOptions,
    context: CallContext,
  ): Promise<{ readonly object: T; readonly created: boolean }>;
  patch<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    patch: RegistryPatch,
    options: RegistryWriteOptions,
    context: CallContext,
  ): Promise<{ readonly object: T; readonly created: boolean }>;
  /** Creates a subresource with a kind of its own: serviceaccounts/token, pods/binding. `body` is of that kind. */
  createSubresource<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    subresource: string,
    body: KubeObject,
    options: RegistryWriteOptions,
    context: CallContext,
  ): Promise<KubeObject>;
  /** The object as it was deleted, or as it now is if finalizers or a grace period keep it for a while. */
  delete<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    options: DeleteOptions,
    context: CallContext,
  ): Promise<T>;
  deleteCollection<T extends KubeObject>(
    kind: Kind<T>,
    query: RegistryListQuery,
    options: DeleteOptions,
    context: CallContext,
  ): Promise<readonly T[]>;
}
