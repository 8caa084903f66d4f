/**
 * What a write that is no apply does to the owners of fields: whoever changes a field owns it from then on, alone
 * (structured-merge-diff merge/update.go Update, and the managers that apimachinery puts around it).
 */
import type { Time } from "../meta/type.ts";
import { compare, type Comparison } from "./compare.ts";
import {
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  recursiveDifference,
  setOfPaths,
  union,
} from "./field-set.ts";
import { identityOf, type Managers, order, withFields } from "./managers.ts";
import type { Shape } from "./shape.ts";

/** Who writes, and through what. */
export interface Writing {
  readonly manager: string;
  readonly apiVersion: string;
  /** "" for the main resource. */
  readonly subresource: string;
  readonly time: Time;
  /** Fields that this way of writing cannot change, with all that is below them. */
  readonly ignored: FieldSet;
}

/** Nobody owns what only the server writes, or what says which object it is. */
const NOT_OWNED: FieldSet = setOfPaths(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation"].map(
    (name) => ["f:metadata", `f:${name}`],
  ),
  ["f:metadata", "f:managedFields"],
  ["f:metadata", "f:resourceVersion"],
);

export function withoutUnowned(fields: FieldSet): FieldSet {
  return difference(fields, NOT_OWNED);
}

/** The comparison without what is ignored. */
export function visibleChanges(comparison: Comparison, { ignored }: Writing): Comparison {
  if (isEmptySet(ignored)) return comparison;
  return {
    added: recursiveDifference(comparison.added, ignored),
    modified: recursiveDifference(comparison.modified, ignored),
    removed: recursiveDifference(comparison.removed, ignored),
  };
}

/** Changes `managers`. `before` and `after` are without managedFields. */
export function recordUpdate(
  managers: Managers,
  shape: Shape,
  before: unknown,
  after: unknown,
  writing: Writing,
): void {
  const { added, modified, removed } = visibleChanges(compare(shape, before, after), writing);
  const changed = union(modified, added);
  release(managers, changed);
  release(managers, removed);
  const taken = withoutUnowned(recursiveDifference(changed, writing.ignored));
  if (!isEmptySet(taken)) {
    const { manager, apiVersion, subresource, time } = writing;
    const entry = { manager, operation: "Update", apiVersion, subresource } as const;
    const identity = identityOf(entry);
    const earlier = managers.get(identity)?.fields;
    managers.set(identity, {
      ...entry,
      fields: earlier === undefined ? taken : union(earlier, taken),
      time,
    });
  }
  limitUpdaters(managers);
}

/** Takes fields from all managers; those left with none are forgotten. */
export function release(managers: Managers, fields: FieldSet, except?: string): void {
  if (isEmptySet(fields)) return;
  for (const [identity, manager] of managers) {
    if (identity === except || isEmptySet(intersection(manager.fields, fields))) continue;
    const rest = difference(manager.fields, fields);
    if (isEmptySet(rest)) managers.delete(identity);
    else managers.set(identity, withFields(manager, rest));
  }
}

/** How many managers that do not apply an object may have. */
const MAX_UPDATERS = 10;
/** Who owns what older managers did when there are too many. */
const ANCIENT = "ancient-changes";

/** Merges the oldest updaters of each version into one until few enough are left. */
function limitUpdaters(managers: Managers): void {
  const updaters = [...managers].filter(([, { operation }]) => operation === "Update");
  let left = updaters.length;
  if (left <= MAX_UPDATERS) return;
  updaters.sort(([a, left], [b, right]) => order(left.time ?? "", right.time ?? "") || order(a, b));
  const firsts = new Map<string, string>();
  for (const [identity, updater] of updaters) {
    if (left <= MAX_UPDATERS) return;
    const { apiVersion } = updater;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, identity);
      continue;
    }
    const bucket = { manager: ANCIENT, operation: "Update", apiVersion, subresource: "" } as const;
    const bucketIdentity = identityOf(bucket);
    const ancient = managers.get(bucketIdentity) ?? managers.get(first)!;
    if (!managers.has(bucketIdentity)) managers.delete(first);
    managers.delete(identity);
    managers.set(bucketIdentity, {
      ...bucket,
      fields: union(updater.fields, ancient.fields),
      // The later of the two.
      time: updater.time,
    });
    left--;
  }
}
