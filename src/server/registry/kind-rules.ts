/** What the server does beyond the general rules for a few kinds: upstream's strategies and storages, as data. */
import type { Kind, KindName } from "../../api/kind.ts";
import type { DeleteOptions, KubeObject } from "../../api/meta/type.ts";
import type { ConflictError, Operation, Revision } from "../../store/store.ts";
import type { CallContext, ObjectKey, RegistryWriteOptions } from "../registry.ts";

/** What a write has taken elsewhere. Exactly one of the two methods is called, once the write's fate is known. */
export interface Reservation {
  /**
   * Goes into the same commit as the write. When another writer was first with one of these keys, the write is begun
   * again from what the client sent.
   */
  readonly operations?: readonly Operation[];
  /** `revision` is the commit's; 0 if nothing had to be written. */
  commit(revision: Revision): void;
  /** `conflict` is the store's refusal, if that was the reason. */
  revert(conflict?: ConflictError): void;
}

/** The verbs of a subresource with a kind of its own (Kind.subresources.others). A verb that is absent is a 405. */
export interface SubresourceRules {
  get?(key: ObjectKey, context: CallContext): Promise<KubeObject>;
  /** `body` is of the subresource's kind, with its defaults, and validated. */
  create?(
    key: ObjectKey,
    body: KubeObject,
    options: RegistryWriteOptions,
    context: CallContext,
  ): Promise<KubeObject>;
}

/** Methods, so that rules of one kind go where rules are asked for; each is called with its own kind's objects only. */
export interface KindRules<T extends KubeObject = KubeObject> {
  /** PUT of a name that does not exist creates it (AllowCreateOnUpdate). */
  readonly createOnUpdate?: boolean;
  /** A PUT must say which version it replaces (not AllowUnconditionalUpdate). */
  readonly versionedUpdate?: boolean;
  /** DELETE answers with the object instead of a Status (ReturnDeletedObject). */
  readonly returnsDeleted?: boolean;
  /** A kind that is never stored (a review): what a create is answered with. The object is validated before. */
  answer?(object: T, context: CallContext, options: RegistryWriteOptions): Promise<KubeObject>;
  /**
   * Whether the caller may write just this object: what the verb alone does not say. `old` is what it replaces. Called
   * before anything is taken or validated. Throws ApiError.
   */
  authorizeWrite?(object: T, old: T | undefined, context: CallContext): void;
  /**
   * Completes a new object by what other objects say, before anything else is done about it (mutating admission).
   * Throws ApiError.
   */
  completeNew?(object: T): Promise<void>;
  /** By the subresource's name. */
  readonly subresources?: Readonly<Record<string, SubresourceRules>>;
  /**
   * Completes an object that is about to be written, before validation, and takes what it needs. `old` is what it
   * replaces. Throws ApiError, having taken nothing.
   */
  beginWrite?(object: T, old: T | undefined, dryRun: boolean): Reservation;
  /**
   * Awaited before a write or delete is tried again because another was first: where all of them write one key, those
   * that wait for their turn do not refuse each other over and over. The turn ends with the attempt.
   */
  turn?(): Promise<Disposable>;
  /** Gives back what an object that is about to go holds. */
  beginDelete?(object: T): Reservation;
  /** Objects that go in the same commit, if they exist. */
  deletesAlso?(object: T): readonly { readonly kind: KindName; readonly key: ObjectKey }[];
  /** Throws ApiError if this object may not be deleted. */
  checkDelete?(object: T): void;
  /**
   * Of an object that nobody has asked to go before: throws ApiError if others use it. The operations go into the commit
   * that has it go, or marks it as going, and refuse that if what was found is not true any more.
   */
  checkUnused?(object: T): Promise<readonly Operation[]>;
  /** What becomes of dependents where a delete does not say: they stay (DefaultGarbageCollectionPolicy). */
  readonly orphansByDefault?: boolean;
  /** Seconds that the object stays after it was asked to go; 0 if not here. */
  gracePeriod?(object: T, options: DeleteOptions): number;
  /** Whether something beside metadata.finalizers keeps an object that is going. */
  isHeld?(object: T): boolean;
  /** Changes an object that begins to go. */
  markDeleted?(object: T): void;
}

/** The rules of each kind that has any. */
export class RulesByKind {
  readonly #rules = new Map<string, KindRules>();

  /** Beside the rules that the kind has already. */
  add<T extends KubeObject>(kind: Kind<T>, rules: KindRules<T>): this {
    this.#rules.set(`${kind.group}/${kind.plural}`, { ...this.of(kind), ...rules });
    return this;
  }

  of<T extends KubeObject>(kind: Kind<T>): KindRules<T> {
    return this.#rules.get(`${kind.group}/${kind.plural}`) ?? {};
  }
}

export const NOTHING_RESERVED: Reservation = { commit() {}, revert() {} };
