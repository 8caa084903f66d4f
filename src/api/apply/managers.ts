/** Who owns which fields: metadata.managedFields, read and written (apimachinery util/managedfields/internal). */
import type { ManagedFieldsEntry, Time } from "../meta/type.ts";
import { type FieldSet, inOrder, NO_FIELDS, readFieldsV1 } from "./field-set.ts";

/** One entry of managedFields. Never changed once it is made. */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly fields: FieldSet;
  readonly time: Time | undefined;
}

export function withFields(
  manager: Manager,
  fields: FieldSet,
  time: Time | undefined = manager.time,
): Manager {
  return { ...manager, fields, time };
}

/** By {@link identityOf}. */
export type Managers = Map<string, Manager>;

/** What makes two entries the same manager: an applier stays itself when it changes the version it applies. */
export function identityOf({
  manager,
  operation,
  apiVersion,
  subresource,
}: Pick<Manager, "manager" | "operation" | "apiVersion" | "subresource">): string {
  return JSON.stringify([manager, operation, operation === "Apply" ? "" : apiVersion, subresource]);
}

/** Sets in their final form: shared by all objects that have the same, and known not to need reading again. */
const finished = new WeakSet<FieldSet>();
/** By their JSON, in whatever order they were made. */
const byText = new Map<string, FieldSet>();
/** Objects made by one program have few different sets; more are kept, but not shared. */
const MAX_SHARED = 4096;

/** The set in order, shared with every object that has the same one. */
function finish(fields: FieldSet): FieldSet {
  if (finished.has(fields)) return fields;
  const text = JSON.stringify(fields);
  const known = byText.get(text);
  if (known !== undefined) return known;
  const ordered = inOrder(fields);
  const orderedText = JSON.stringify(ordered);
  const shared = orderedText === text ? ordered : (byText.get(orderedText) ?? ordered);
  share(orderedText, shared);
  share(text, shared);
  return shared;
}

function share(text: string, fields: FieldSet): void {
  if (byText.size >= MAX_SHARED) byText.delete(byText.keys().next().value!);
  byText.set(text, fields);
  finished.add(fields);
}

/** Lets entries that were just read from the store share their sets; they are as {@link writeManagers} made them. */
export function shareFields(entries: readonly ManagedFieldsEntry[]): void {
  for (const entry of entries)
    if (entry.fieldsV1 !== undefined) entry.fieldsV1 = finish(entry.fieldsV1 as FieldSet);
}

/** Throws SyntaxError, saying what is wrong, for entries that mean nothing. */
export function readManagers(entries: readonly ManagedFieldsEntry[]): Managers {
  const managers: Managers = new Map();
  for (const [at, entry] of entries.entries()) {
    const { manager = "", operation, apiVersion = "", subresource = "", fieldsType, fieldsV1, time } = entry;
    if (operation !== "Apply" && operation !== "Update")
      throw new SyntaxError("operation must be `Apply` or `Update`");
    if (apiVersion === "") throw new SyntaxError("apiVersion must not be empty");
    if (fieldsType === undefined) throw new SyntaxError(`missing fieldsType in managed fields entry ${at}`);
    if (fieldsType !== "FieldsV1")
      throw new SyntaxError(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${at}`);
    const given = (fieldsV1 ?? NO_FIELDS) as FieldSet;
    const fields = finished.has(given) ? given : readFieldsV1(given);
    const read: Manager = { manager, operation, apiVersion, subresource, fields, time };
    managers.set(identityOf(read), read);
  }
  return managers;
}

/** The entries in upstream's order: appliers first, then by time, name, version and subresource. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()].sort(compareManagers).map((manager) => {
    const entry: ManagedFieldsEntry = {};
    if (manager.manager !== "") entry.manager = manager.manager;
    entry.operation = manager.operation;
    entry.apiVersion = manager.apiVersion;
    if (manager.time !== undefined) entry.time = manager.time;
    entry.fieldsType = "FieldsV1";
    entry.fieldsV1 = finish(manager.fields);
    if (manager.subresource !== "") entry.subresource = manager.subresource;
    return entry;
  });
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    order(a.operation, b.operation) ||
    // RFC 3339 in UTC sorts as text; none is before all.
    order(a.time ?? "", b.time ?? "") ||
    order(a.manager, b.manager) ||
    order(a.apiVersion, b.apiVersion) ||
    order(a.subresource, b.subresource)
  );
}

export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `managedFields: [{}]` asks to forget who owns what. */
export function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  return entries.length === 1 && Object.keys(entries[0]!).length === 0;
}

/** Whether two lists say the same but for the times. */
export function sameButForTimes(a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean {
  return (
    a.length === b.length &&
    a.every((entry, at) => {
      const other = b[at]!;
      return (
        entry.manager === other.manager &&
        entry.operation === other.operation &&
        entry.apiVersion === other.apiVersion &&
        entry.subresource === other.subresource &&
        // Both are finished, so the same set is nearly always the same object.
        (entry.fieldsV1 === other.fieldsV1 ||
          JSON.stringify(entry.fieldsV1) === JSON.stringify(other.fieldsV1))
      );
    })
  );
}
