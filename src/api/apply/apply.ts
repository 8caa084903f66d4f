/** Server-side apply on plain values (structured-merge-diff merge/update.go Apply). */
import { compare } from "./compare.ts";
import {
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  type MutableFieldSet,
  NO_FIELDS,
  recursiveDifference,
  union,
} from "./field-set.ts";
import { jsonEqual } from "./json-equal.ts";
import { identityOf, type Managers } from "./managers.ts";
import { merge } from "./merge.ts";
import { SELF } from "./path-element.ts";
import { removeFields } from "./remove.ts";
import { fieldSetOf } from "./set-of.ts";
import { fieldShape, itemShape, partShape, type Shape } from "./shape.ts";
import { release, visibleChanges, withoutUnowned, type Writing } from "./update.ts";

/** What others own that an apply would change, by {@link identityOf}. */
export type Conflicts = ReadonlyMap<string, FieldSet>;

export type Applied =
  | { readonly conflicts: Conflicts }
  /** The managers are new; those given are not changed. */
  | { readonly conflicts?: undefined; readonly object: unknown; readonly managers: Managers };

/** `live` and `config` are without managedFields, and `config` has been checked. */
export function applyConfig(
  managers: Managers,
  shape: Shape,
  live: unknown,
  config: unknown,
  writing: Writing,
  force: boolean,
): Applied {
  const { manager, apiVersion, subresource, ignored } = writing;
  const entry = { manager, operation: "Apply", apiVersion, subresource } as const;
  const self = identityOf(entry);
  const previous = managers.get(self);
  const next: Managers = new Map(managers);
  const fields = recursiveDifference(fieldSetOf(shape, config), ignored);
  next.set(self, { ...entry, fields, time: previous?.time });
  const last = previous === undefined ? NO_FIELDS : recursiveDifference(previous.fields, ignored);
  const object = prune(shape, merge(shape, live, config), next, last);

  const { added, modified, removed } = visibleChanges(compare(shape, live, object), writing);
  const changed = union(modified, added);
  if (!force) {
    const conflicts = new Map<string, FieldSet>();
    for (const [identity, other] of next) {
      if (identity === self) continue;
      const contested = intersection(other.fields, changed);
      if (!isEmptySet(contested)) conflicts.set(identity, contested);
    }
    if (conflicts.size > 0) return { conflicts };
  }
  release(next, changed, self);
  release(next, removed, self);
  const owned = withoutUnowned(fields);
  // Nothing has happened to the object: then the time stays, too.
  const time = jsonEqual(live, object) ? previous?.time : writing.time;
  if (isEmptySet(owned)) next.delete(self);
  else next.set(self, { ...entry, fields: owned, time: time ?? writing.time });
  return { object, managers: next };
}

/** Without what this applier applied last time and not now, unless somebody else has it too. */
function prune(shape: Shape, merged: unknown, managers: Managers, last: FieldSet): unknown {
  if (isEmptySet(last)) return merged;
  const named = (fields: FieldSet): FieldSet => withNamedParents(shape, fields);
  const lastNamed = named(last);
  const mergedSet = named(fieldSetOf(shape, merged));
  const setOf = (value: unknown): FieldSet => named(fieldSetOf(shape, value));

  let owned: FieldSet = NO_FIELDS;
  for (const { fields } of managers.values()) owned = union(owned, fields);
  const bare = removeFields(shape, merged, lastNamed);
  const withOwned = removeFields(shape, merged, difference(mergedSet, union(setOf(bare), named(owned))));
  // What goes must have been this applier's: things that nobody owns stay.
  return removeFields(shape, merged, intersection(difference(mergedSet, setOf(withOwned)), lastNamed));
}

/** The set, with every field of a struct that has something below it in it as well. */
function withNamedParents(shape: Shape | undefined, fields: FieldSet): MutableFieldSet {
  const result: MutableFieldSet = {};
  for (const element in fields) {
    const part = fields[element]!;
    if (element === SELF || isEmptySet(part)) {
      result[element] = {};
      continue;
    }
    const inner = shape === undefined ? undefined : shapeBelow(shape, element);
    const below = withNamedParents(inner, part);
    if (shape?.type === "struct" && inner !== undefined && element.startsWith("f:")) below[SELF] = {};
    result[element] = below;
  }
  return result;
}

function shapeBelow(shape: Shape, element: string): Shape | undefined {
  switch (shape.type) {
    case "struct":
      return fieldShape(shape.schema, element.slice(2));
    case "map":
    case "free":
      return partShape(shape, element.slice(2));
    case "set":
    case "listMap":
      return itemShape(shape);
    default:
      return undefined;
  }
}
