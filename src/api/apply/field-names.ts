/**
 * Entries of managedFields that were written through another API of the same objects name fields in its words. They are
 * compared in the words of the API that is written through now, and stored in their own (the versions that
 * structured-merge-diff merge/update.go converts between; here only names of top fields differ).
 */
import type { Kind } from "../kind.ts";
import type { Conflicts } from "./apply.ts";
import type { FieldSet, MutableFieldSet } from "./field-set.ts";
import { type Manager, type Managers, withFields } from "./managers.ts";

/** Whether what an entry of this API version says can be said in the words of the kind. */
export function canBeRead(kind: Kind, { apiVersion }: Manager): boolean {
  const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf("/")));
  // Versions of one group name their fields alike.
  return group === kind.group || kind.fieldNames?.has(apiVersion) === true;
}

/** An entry in the words of the kind. */
export function inWordsOf(kind: Kind, manager: Manager): Manager {
  const names = kind.fieldNames?.get(manager.apiVersion);
  return names === undefined ? manager : withFields(manager, renamed(manager.fields, names));
}

/** The entries in their own words again. */
export function inOwnWords(kind: Kind, managers: Managers): Managers {
  if (kind.fieldNames === undefined) return managers;
  return new Map(
    [...managers].map(([identity, manager]) => [
      identity,
      withFields(manager, ownWords(kind, manager, manager.fields)),
    ]),
  );
}

/** Each conflict in the words of who is in the way. */
export function conflictsInOwnWords(kind: Kind, conflicts: Conflicts, managers: Managers): Conflicts {
  if (kind.fieldNames === undefined) return conflicts;
  return new Map(
    [...conflicts].map(([identity, fields]) => [identity, ownWords(kind, managers.get(identity)!, fields)]),
  );
}

function ownWords(kind: Kind, { apiVersion }: Manager, fields: FieldSet): FieldSet {
  const names = kind.fieldNames?.get(apiVersion);
  if (names === undefined) return fields;
  return renamed(fields, new Map([...names].map(([theirs, ours]) => [ours, theirs])));
}

function renamed(fields: FieldSet, names: ReadonlyMap<string, string>): FieldSet {
  const result: MutableFieldSet = {};
  for (const element in fields) {
    const name = element.startsWith("f:") ? names.get(element.slice(2)) : undefined;
    result[name === undefined ? element : `f:${name}`] = fields[element]!;
  }
  return result;
}
