/**
 * metadata.managedFields of any kind's objects: kept by every write, and used by server-side apply
 * (apimachinery util/managedfields/fieldmanager.go and the managers in its folder internal).
 */
import type { ApiError } from "../api-error.ts";
import { apiVersionOf, type Kind } from "../kind.ts";
import type { KubeObject, ManagedFieldsEntry, Time } from "../meta/type.ts";
import { objectFromValue } from "../schema/body.ts";
import { badRequest } from "../status-errors.ts";
import { type Applied, applyConfig, type Conflicts } from "./apply.ts";
import { checkApplied } from "./check.ts";
import { applyConflict } from "./conflict.ts";
import { difference, type FieldSet, isEmptySet, NO_FIELDS, setOfPaths } from "./field-set.ts";
import { canBeRead, conflictsInOwnWords, inOwnWords, inWordsOf } from "./field-names.ts";
import { fieldsLastApplied, KUBECTL, updateLastApplied } from "./last-applied.ts";
import { isReset, type Managers, readManagers, writeManagers } from "./managers.ts";
import { isMap, type Shape, shapeOfValue } from "./shape.ts";
import { recordUpdate, type Writing } from "./update.ts";

/** Who writes, through which part of an object. */
export interface Author {
  /** "" is "unknown". */
  readonly manager: string;
  readonly subresource?: "status" | "scale" | "finalize";
  readonly time: Time;
}

type Entries = readonly ManagedFieldsEntry[] | undefined;

/** Whose the fields are of an object that was there before anybody kept managers. */
const BEFORE_FIRST_APPLY = "before-first-apply";

/**
 * The managers after a create or an update. `after` is what the client wants, with its defaults, before the server
 * itself changes anything in it; `sent` the managedFields that came with it. Without `before` it is a create.
 */
export function managersAfterWrite<T extends KubeObject>(
  kind: Kind<T>,
  before: T | undefined,
  after: T,
  sent: Entries,
  author: Author,
): ManagedFieldsEntry[] {
  const managers = startingManagers(before?.metadata.managedFields, sent, author.subresource !== undefined);
  // Managers of an object that has none are kept from its first apply on.
  if (managers.size === 0 && before !== undefined) return [];
  const { own, foreign } = separate(kind, managers);
  const shape = shapeOfValue(kind.schema);
  const from = before === undefined ? emptyObject(kind) : withoutManagers(before);
  recordUpdate(own, shape, from, withoutManagers(after), writingOf(kind, author));
  return together(kind, own, foreign);
}

/** What a client sends counts if it means something; through a subresource never (decodeLiveOrNew). */
function startingManagers(stored: Entries, sent: Entries, onSubresource: boolean): Managers {
  if (!onSubresource && sent !== undefined && sent.length > 0) {
    if (isReset(sent)) return new Map();
    try {
      const managers = readManagers(sent);
      if (managers.size > 0) return managers;
    } catch (error) {
      // What a client makes up and gets wrong is ignored, as upstream does; the stored entries stay.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return storedManagers(stored);
}

function storedManagers(stored: Entries): Managers {
  return stored === undefined ? new Map() : readManagers(stored);
}

/** Entries in the words of the kind, and those that nobody can compare with it: they stay as they are. */
function separate<T extends KubeObject>(
  kind: Kind<T>,
  managers: Managers,
): Record<"own" | "foreign", Managers> {
  const own: Managers = new Map();
  const foreign: Managers = new Map();
  for (const [identity, manager] of managers)
    if (canBeRead(kind, manager)) own.set(identity, inWordsOf(kind, manager));
    else foreign.set(identity, manager);
  return { own, foreign };
}

function together<T extends KubeObject>(
  kind: Kind<T>,
  own: Managers,
  foreign: Managers,
): ManagedFieldsEntry[] {
  return writeManagers(new Map([...inOwnWords(kind, own), ...foreign]));
}

export interface AppliedObject<T extends KubeObject> {
  /** Canonical, with its defaults, not validated; with the managedFields that it has to be stored with. */
  readonly object: T;
  readonly managedFields: ManagedFieldsEntry[];
}

/**
 * What server-side apply of `config` makes of `live`, or of nothing. `live` is not changed.
 * Throws ApiError: 400 for a config that does not fit the kind, 409 for conflicts.
 */
export function applyToObject<T extends KubeObject>(
  kind: Kind<T>,
  live: T | undefined,
  config: unknown,
  force: boolean,
  author: Author,
): AppliedObject<T> {
  if (!isMap(config)) throw badRequest("error decoding YAML: what is applied is no object");
  checkConfig(kind, config);
  const shape = shapeOfValue(kind.schema);
  const from = live === undefined ? emptyObject(kind) : withoutManagers(live);
  const { own, foreign } = separate(kind, storedManagers(live?.metadata.managedFields));
  const writing = writingOf(kind, author);
  if (own.size === 0 && foreign.size === 0 && live !== undefined)
    recordUpdate(own, shape, emptyObject(kind), from, { ...writing, manager: BEFORE_FIRST_APPLY });

  const first = applyConfig(own, shape, from, config, writing, force);
  const applied =
    first.conflicts === undefined
      ? first
      : kubectlTakesOver(kind, shape, live, config, writing, own, first.conflicts);
  const object = objectFromValue(kind, applied.object ?? {}, { fieldValidation: "Ignore" });
  if (author.manager === KUBECTL) updateLastApplied(object, config);
  kind.setDefaults(object);
  return { object, managedFields: together(kind, applied.managers, foreign) };
}

/** kubectl going over from client-side apply takes what that had set. Throws ApiError 409 for the rest. */
function kubectlTakesOver<T extends KubeObject>(
  kind: Kind<T>,
  shape: Shape,
  live: T | undefined,
  config: unknown,
  writing: Writing,
  managers: Managers,
  conflicts: Conflicts,
): Applied & { readonly conflicts?: undefined } {
  if (writing.manager !== KUBECTL || live === undefined) throw refusal(kind, conflicts, managers);
  const from = withoutManagers(live);
  const allowed = fieldsLastApplied(shape, live, from, apiVersionOf(kind));
  const rest = new Map(
    [...conflicts]
      .map(([identity, fields]) => [identity, difference(fields, allowed)] as const)
      .filter(([, fields]) => !isEmptySet(fields)),
  );
  if (rest.size > 0) throw refusal(kind, rest, managers);
  const applied = applyConfig(managers, shape, from, config, writing, true);
  if (applied.conflicts !== undefined) throw new TypeError("a forced apply has conflicts");
  return applied;
}

function refusal<T extends KubeObject>(kind: Kind<T>, conflicts: Conflicts, managers: Managers): ApiError {
  return applyConflict(conflictsInOwnWords(kind, conflicts, managers), managers);
}

function checkConfig<T extends KubeObject>(kind: Kind<T>, config: Record<string, unknown>): void {
  const { apiVersion, kind: given, metadata } = config;
  if (given !== kind.kind || apiVersion !== apiVersionOf(kind))
    throw badRequest(`invalid object type: ${typeName(text(apiVersion), text(given))}`);
  const meta = isMap(metadata) ? metadata : {};
  if (meta["managedFields"] !== undefined && meta["managedFields"] !== null)
    throw badRequest("metadata.managedFields must be nil");
  const complaints = checkApplied(shapeOfValue(kind.schema), config);
  if (complaints.length === 0) return;
  const [only = ""] = complaints;
  const why = complaints.length === 1 ? only : ["errors:", ...complaints.map((one) => `  ${one}`)].join("\n");
  throw cannotType(meta, typeName(apiVersionOf(kind), kind.kind), why);
}

/** Upstream answers this with a 500; it is the client's mistake. */
function cannotType(metadata: Record<string, unknown>, type: string, why: string): ApiError {
  const { namespace, name } = metadata;
  return badRequest(
    `failed to create typed patch object (${text(namespace)}/${text(name)}; ${type}): ${why}`,
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** As Go prints a GroupVersionKind: "/v1, Kind=Service". */
function typeName(apiVersion: string, kind: string): string {
  return `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
}

function writingOf<T extends KubeObject>(kind: Kind<T>, author: Author): Writing {
  const { manager, subresource = "", time } = author;
  return {
    manager: manager === "" ? "unknown" : manager,
    apiVersion: apiVersionOf(kind),
    subresource,
    time,
    ignored: resetFields(kind, subresource),
  };
}

const STATUS: FieldSet = setOfPaths(["f:status"]);
const resets = new WeakMap<Kind, FieldSet>();

/** What the server puts back whatever the client sends: status on the main resource, all but status on /status. */
function resetFields<T extends KubeObject>(kind: Kind<T>, subresource: string): FieldSet {
  if (subresource === "scale" || kind.subresources.status !== true) return NO_FIELDS;
  if (subresource !== "status") return STATUS;
  let fields = resets.get(kind);
  if (fields === undefined) {
    const kept = new Set(["apiVersion", "kind", "metadata", "status"]);
    const own = [...kind.schema.fields.keys()].filter((name) => !kept.has(name));
    const paths = [...own.map((name) => [name]), ...(kind.statusResets ?? [])];
    fields = setOfPaths(...paths.map((path) => path.map((name) => `f:${name}`)));
    resets.set(kind, fields);
  }
  return fields;
}

const empties = new WeakMap<Kind, KubeObject>();

/** What a new object is compared with: its kind with nothing set. */
function emptyObject<T extends KubeObject>(kind: Kind<T>): KubeObject {
  let empty = empties.get(kind);
  if (empty === undefined) {
    empty = objectFromValue(kind, {}, { fieldValidation: "Ignore" });
    empties.set(kind, empty);
  }
  return empty;
}

function withoutManagers(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  return managedFields === undefined ? object : { ...object, metadata };
}
