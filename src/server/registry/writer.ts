/**
 * Create, replace and patch of any kind: prepare, reserve, validate, store; or, where any of that fails, nothing.
 * Order of work as in apiserver registry/generic/registry/store.go.
 */
import { isDeepStrictEqual } from "node:util";
import { applyToObject, type Author, managersAfterWrite } from "../../api/apply/field-manager.ts";
import { sameButForTimes } from "../../api/apply/managers.ts";
import { type FieldError, formatFieldError, immutable, invalidValue } from "../../api/field-error.ts";
import type { Kind, ValidationContext } from "../../api/kind.ts";
import type { KubeObject, ManagedFieldsEntry } from "../../api/meta/type.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  failure,
  generateNameConflict,
  invalid,
  notFound,
} from "../../api/status-errors.ts";
import { ApiError } from "../../api/api-error.ts";
import { ConflictError, type Entry, type Operation, type Revision, type Store } from "../../store/store.ts";
import type { CallContext, ObjectKey, RegistryWriteOptions } from "../registry.ts";
import { type KindRules, NOTHING_RESERVED, type Reservation, type RulesByKind } from "./kind-rules.ts";
import { storeKey } from "./keys.ts";
import {
  checkName,
  countGeneration,
  formatTime,
  generateName,
  keepMetadata,
  keyOf,
  placeInNamespace,
  startMetadata,
  validateManagedFields,
  validateMetadataUpdate,
  validateNewMetadata,
} from "./metadata.ts";
import type { NamespaceGate } from "./namespace-gate.ts";
import { atRevision, decodeEntry, draftOf, encodeObject } from "./stored-object.ts";

/** How often a made-up name is tried (KEP-4420). */
const GENERATE_NAME_ATTEMPTS = 8;
/** How often a write without a version of its own is tried again when others write at the same time. */
const WRITE_ATTEMPTS = 64;

export interface WriterOptions extends RegistryWriteOptions {
  /** For the server's own objects: rules that keep users from dangerous values (loopback endpoints) do not apply. */
  readonly trusted?: boolean;
  /** The object is taken as it is: what no client can change on any path (a namespace's finalizers) is not restored. */
  readonly finalize?: boolean;
  /** The write came through /scale: whose the replicas are is told apart by that. */
  readonly scale?: boolean;
  /** The write is a patch: a uid in it is a change of the object's, not a precondition. */
  readonly patched?: boolean;
  /** The managedFields to store, where server-side apply has worked them out. */
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

export interface WriterParts {
  readonly store: Store;
  readonly rules: RulesByKind;
  readonly namespaces: NamespaceGate;
  readonly validation: ValidationContext;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What an update makes of the stored object. Called again when somebody else wrote in between. */
export type Change<T extends KubeObject> = (current: T) => T | Promise<T>;

export class Writer {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Takes no part of `object` over, unless the options say how to make it again. Throws ApiError. */
  async create<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    object: T,
    options: WriterOptions,
    context: CallContext,
  ): Promise<T> {
    const { namespaces, clock } = this.#parts;
    if ((object.metadata.resourceVersion ?? "") !== "")
      throw new ApiError(failure(500, "", "resourceVersion should not be set on objects to be created"));
    const rules = this.#parts.rules.of(kind);
    let attempts = 0;
    const start = (): T => {
      const draft = this.#newDraft(kind, object, options, attempts++);
      const { managedFields } = draft.metadata;
      placeInNamespace(kind, namespace, draft);
      // A review is not stored: it has no metadata of the server's.
      if (rules.answer === undefined) startMetadata(draft, clock(), kind.generation);
      kind.setDefaults(draft);
      if (rules.answer === undefined) {
        setManagers(
          draft,
          options.managedFields ??
            managersAfterWrite(kind, undefined, draft, managedFields, this.#author(options, context)),
        );
      }
      return draft;
    };
    let draft = start();
    const { metadata } = draft;
    const generated = (metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "";
    if (rules.answer !== undefined) {
      kind.prepareForCreate(draft);
      refuse(kind, draft, kind.validate(draft, this.#parts.validation));
      return (await rules.answer(draft, context, options)) as T;
    }
    using _entered = await namespaces.enter(kind, draft);
    await rules.completeNew?.(draft);
    for (let attempt = 1; ; attempt++) {
      using _turn = attempt === 1 ? undefined : await rules.turn?.();
      const candidate = generated ? structuredClone(draft) : draft;
      if (generated) candidate.metadata.name = generateName(metadata.generateName!);
      try {
        return await this.#insert(kind, candidate, options, context);
      } catch (error) {
        if (error instanceof ConflictError) {
          if (attempt >= WRITE_ATTEMPTS) throw conflict(kind, candidate.metadata.name!);
          draft = start();
          continue;
        }
        const taken = error instanceof ApiError && error.reason === "AlreadyExists";
        if (!generated || !taken) throw error;
        if (attempt >= GENERATE_NAME_ATTEMPTS) throw generateNameConflict(kind, candidate.metadata.name!, 1);
      }
    }
  }

  #newDraft<T extends KubeObject>(kind: Kind<T>, object: T, { remake }: WriterOptions, attempts: number): T {
    if (remake === undefined) return draftOf(kind, object);
    return attempts === 0 ? object : (remake() as T);
  }

  /**
   * One attempt: takes `draft` over. Throws ConflictError if somebody else was first with something that the rules
   * take along with the object.
   */
  async #insert<T extends KubeObject>(
    kind: Kind<T>,
    draft: T,
    options: WriterOptions,
    context: CallContext,
  ): Promise<T> {
    const { store, rules, validation } = this.#parts;
    rules.of(kind).authorizeWrite?.(draft, undefined, context);
    const reservation =
      rules.of(kind).beginWrite?.(draft, undefined, options.dryRun === true) ?? NOTHING_RESERVED;
    let revision: Revision | undefined;
    let refused: ConflictError | undefined;
    try {
      kind.prepareForCreate(draft);
      if (options.trusted !== true)
        refuse(kind, draft, [
          ...validateNewMetadata(draft),
          ...kind.validate(draft, validation),
          ...validateManagedFields(draft),
        ]);
      warn(kind, draft, undefined, context);
      const key = storeKey(kind, keyOf(draft));
      if (options.dryRun === true) {
        if ((await store.get(key)) !== undefined) throw alreadyExists(kind, draft.metadata.name!);
        return draft;
      }
      revision = await store.commit([
        { type: "put", key, value: encodeObject(kind, draft), expect: 0 },
        ...(reservation.operations ?? []),
      ]);
      draft.metadata.resourceVersion = String(revision);
      return draft;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      refused = error;
      if (error.key === storeKey(kind, keyOf(draft))) throw alreadyExists(kind, draft.metadata.name!);
      throw error;
    } finally {
      if (revision === undefined) reservation.revert(refused);
      else reservation.commit(revision);
    }
  }

  /**
   * Server-side apply: puts what `config` says over the object at `key`, which is made if it is missing.
   * Throws ApiError, 409 if others own what would change and `force` is not set.
   */
  async apply<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    config: unknown,
    force: boolean,
    options: WriterOptions,
    context: CallContext,
  ): Promise<{ readonly object: T; readonly created: boolean }> {
    const at = storeKey(kind, key);
    const { name, namespace } = key;
    for (let attempt = 1; ; attempt++) {
      const entry = await this.#parts.store.get(at);
      const old = entry === undefined ? undefined : decodeEntry(kind, entry);
      if (old === undefined && (options.subresource !== undefined || options.scale === true))
        throw notFound(kind, name);
      const author = this.#author(options, context);
      const { object, managedFields } = applyToObject(kind, old, config, force, author);
      checkAppliedName(object, key);
      try {
        if (entry !== undefined && old !== undefined)
          return {
            object: await this.#replace(
              kind,
              entry,
              old,
              object,
              { ...options, managedFields, patched: true },
              context,
            ),
            created: false,
          };
        const { resourceVersion: _none, uid = "", ...metadata } = object.metadata;
        if (uid !== "")
          throw conflict(
            kind,
            name,
            `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
          );
        context.authorizeCreate?.();
        const fresh = { ...object, metadata };
        return {
          object: await this.create(kind, namespace, fresh, { ...options, managedFields }, context),
          created: true,
        };
      } catch (error) {
        const first =
          error instanceof ConflictError ||
          (entry === undefined && error instanceof ApiError && error.reason === "AlreadyExists");
        if (!first) throw error;
        if (attempt >= WRITE_ATTEMPTS) throw conflict(kind, name);
      }
    }
  }

  /** Whose the fields are that a write changes; our own controllers go by the name they call as. */
  #author({ fieldManager, finalize, scale, ...options }: WriterOptions, { user }: CallContext): Author {
    const part = finalize === true ? "finalize" : scale === true ? "scale" : options.subresource;
    return {
      manager: fieldManager ?? user.name.slice(user.name.lastIndexOf(":") + 1),
      time: formatTime(this.#parts.clock()),
      ...(part !== undefined && { subresource: part }),
    };
  }

  /** Replaces the object at `key` by what `change` makes of it. Throws ApiError. */
  async update<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    change: Change<T>,
    options: WriterOptions,
    context: CallContext,
  ): Promise<T> {
    const at = storeKey(kind, key);
    for (let attempt = 1; ; attempt++) {
      using _turn = attempt === 1 ? undefined : await this.#parts.rules.of(kind).turn?.();
      const entry = await this.#parts.store.get(at);
      if (entry === undefined) throw notFound(kind, key.name);
      const old = decodeEntry(kind, entry);
      const draft = draftOf(kind, await change(old));
      try {
        return await this.#replace(kind, entry, old, draft, options, context);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (attempt >= WRITE_ATTEMPTS) throw conflict(kind, key.name);
      }
    }
  }

  /** One attempt: takes `draft` over. Throws ConflictError if somebody else wrote first and the caller asked for no version. */
  async #replace<T extends KubeObject>(
    kind: Kind<T>,
    entry: Entry,
    old: T,
    draft: T,
    options: WriterOptions,
    context: CallContext,
  ): Promise<T> {
    const { store, rules: allRules, validation } = this.#parts;
    const rules = allRules.of(kind);
    if (rules.versionedUpdate === true && options.trusted !== true) demandVersion(kind, draft, old);
    checkVersion(kind, draft, old, options.patched === true);
    const uidErrors = checkUid(draft, old);
    checkName(draft, old.metadata.name!);
    if (kind.namespaced) placeInNamespace(kind, old.metadata.namespace, draft);
    const { managedFields: sent } = draft.metadata;
    keepMetadata(draft, old);
    kind.setDefaults(draft);
    const managers =
      options.managedFields ?? managersAfterWrite(kind, old, draft, sent, this.#author(options, context));
    setManagers(draft, managers);
    const onStatus = options.subresource === "status";
    if (onStatus) kind.prepareForStatusUpdate?.(draft, old);
    else if (options.finalize !== true) kind.prepareForUpdate(draft, old);
    rules.authorizeWrite?.(draft, old, context);
    const reservation =
      (onStatus ? undefined : rules.beginWrite?.(draft, old, options.dryRun === true)) ?? NOTHING_RESERVED;
    let going: Reservation | undefined;
    let revision: Revision | undefined;
    let refused: ConflictError | undefined;
    try {
      if (kind.generation && !onStatus) countGeneration(draft, old);
      if (options.trusted !== true)
        refuse(kind, draft, [
          ...uidErrors,
          ...validateMetadataUpdate(draft, old),
          ...validateManagedFields(draft),
          ...(onStatus
            ? (kind.validateStatusUpdate?.(draft, old, validation) ?? [])
            : kind.validateUpdate(draft, old, validation)),
        ]);
      warn(kind, draft, old, context);
      if (options.dryRun === true) {
        draft.metadata.resourceVersion = old.metadata.resourceVersion!;
        return draft;
      }
      const { key, modRevision: expect } = entry;
      if (isGone(rules, draft)) {
        // Only its finalizers kept it, and the last has been taken away.
        going = rules.beginDelete?.(old) ?? NOTHING_RESERVED;
        revision = await store.commit([
          { type: "delete", key, expect },
          ...alongWith(rules, old),
          ...(going.operations ?? []),
        ]);
        return atRevision(draft, revision);
      }
      if (changesNothing(draft, old, managers)) return old;
      revision = await store.commit([
        { type: "put", key, value: encodeObject(kind, draft), expect },
        ...(reservation.operations ?? []),
      ]);
      draft.metadata.resourceVersion = String(revision);
      return draft;
    } catch (error) {
      if (error instanceof ConflictError) refused = error;
      throw error;
    } finally {
      // What goes for good takes nothing on its way out.
      if (going !== undefined) reservation.revert();
      const fate = going ?? reservation;
      if (revision === undefined) fate.revert(refused);
      else fate.commit(revision);
    }
  }
}

function setManagers({ metadata }: KubeObject, managers: readonly ManagedFieldsEntry[]): void {
  if (managers.length === 0) delete metadata.managedFields;
  else metadata.managedFields = [...managers];
}

/** Whether all that would change is when managers changed something last (IgnoreManagedFieldsTimestampsTransformer). */
function changesNothing(
  draft: KubeObject,
  old: KubeObject,
  managers: readonly ManagedFieldsEntry[],
): boolean {
  const { resourceVersion: _version, managedFields = [], ...metadata } = old.metadata;
  if (!sameButForTimes(managers, managedFields)) return false;
  const { managedFields: _managers, ...rest } = draft.metadata;
  return isDeepStrictEqual({ ...draft, metadata: rest }, { ...old, metadata });
}

/** The deletion of what goes in the same commit as `object`. */
export function alongWith<T extends KubeObject>(rules: KindRules<T>, object: T): Operation[] {
  return (rules.deletesAlso?.(object) ?? []).map(({ kind, key }) => ({
    type: "delete",
    key: storeKey(kind, key),
  }));
}

/** Whether an object that was asked to go has nothing left that keeps it. */
export function isGone<T extends KubeObject>(rules: KindRules<T>, object: T): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    deletionGracePeriodSeconds === 0 &&
    finalizers.length === 0 &&
    rules.isHeld?.(object) !== true
  );
}

/** Throws ApiError 422 if the update does not say which version it replaces. Upstream names the resource, not the kind. */
function demandVersion<T extends KubeObject>(kind: Kind<T>, draft: T, old: T): void {
  if ((draft.metadata.resourceVersion ?? "") !== "") return;
  const error = invalidValue("metadata.resourceVersion", 0, "must be specified for an update");
  throw invalid({ group: kind.group, kind: kind.plural }, old.metadata.name!, [error]);
}

/**
 * Optimistic concurrency: a version or uid in the object must be the stored one's; a patch has no uid of its own
 * (apiserver rest/update.go Preconditions). Throws ApiError 409.
 */
function checkVersion<T extends KubeObject>(kind: Kind<T>, draft: T, old: T, patched: boolean): void {
  const { resourceVersion = "", uid = "" } = draft.metadata;
  const name = old.metadata.name!;
  if (!patched && uid !== "" && uid !== old.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  if (resourceVersion === "" || resourceVersion === old.metadata.resourceVersion) return;
  if (!/^\d+$/.test(resourceVersion))
    throw badRequest(`metadata.resourceVersion: Invalid value: ${JSON.stringify(resourceVersion)}`);
  throw conflict(kind, name);
}

function checkUid({ metadata: { uid = "" } }: KubeObject, old: KubeObject): FieldError[] {
  return uid === "" || uid === old.metadata.uid ? [] : [immutable("metadata.uid", uid)];
}

/** What is applied must say which object it is about (apiserver handlers/rest.go checkName). Throws ApiError 400. */
function checkAppliedName({ metadata }: KubeObject, { name, namespace = "" }: ObjectKey): void {
  const given = metadata.name ?? "";
  if (given === "")
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  if (given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  const own = metadata.namespace ?? "";
  if (namespace !== "" && own !== "" && own !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** Throws ApiError 422 if there are errors; each is said once. */
function refuse<T extends KubeObject>(kind: Kind<T>, object: T, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const once = new Map(errors.map((error) => [formatFieldError(error), error]));
  throw invalid(kind, object.metadata.name ?? "", [...once.values()]);
}

function warn<T extends KubeObject>(
  kind: Kind<T>,
  object: T,
  old: T | undefined,
  { warn: tell }: CallContext,
): void {
  if (tell !== undefined) for (const text of kind.warnings?.(object, old) ?? []) tell(text);
}
