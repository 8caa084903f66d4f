/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged, and by which key
 * (apimachinery pkg/util/strategicpatch; sig-api-machinery strategic-merge-patch.md).
 *
 * Directives in a patch: `$patch: replace|delete|merge` in an object, `$retainKeys` (keys of the object that stay),
 * `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`.
 */
import type { FieldSchema, ObjectSchema, ValueSchema } from "../schema/schema.ts";
import { badRequest } from "../status-errors.ts";
import type { ApiError } from "../api-error.ts";
import { goFormat } from "./go-format.ts";
import { isObject, setOwn } from "./merge-patch.ts";
import { identityOf, keepingOrder, positionsIn } from "./list-order.ts";

type Json = Record<string, unknown>;

const PATCH = "$patch";
const RETAIN_KEYS = "$retainKeys";
const DELETE_FROM = "$deleteFromPrimitiveList/";
const SET_ORDER = "$setElementOrder/";

/** The patched object, not checked against the schema; neither argument is changed. Throws ApiError 400. */
export function applyStrategicMerge(schema: ObjectSchema<unknown>, target: Json, patch: unknown): Json {
  if (!isObject(patch)) throw badRequest("a strategic merge patch is a JSON object");
  return mergeObject(schema, target, patch);
}

/** `schema` is undefined below maps and free JSON: nothing there has a list to merge. */
function mergeObject(schema: ObjectSchema<unknown> | undefined, target: Json, patch: Json): Json {
  switch (patch[PATCH]) {
    case undefined:
    case "merge":
      break;
    case "replace":
      return withoutDirectives(contents(patch)) as Json;
    case "delete":
      return {};
    default:
      throw unknownDirective(patch);
  }
  const result = retained(target, patch);
  const entries = Object.entries(patch);
  // A value both deleted and added is there in the end, unless the order of the list is set too: as upstream has it.
  const deleteWhere = (ordered: boolean): void => {
    for (const [key, value] of entries) {
      const name = key.startsWith(DELETE_FROM) ? key.slice(DELETE_FROM.length) : undefined;
      if (name !== undefined && Object.hasOwn(patch, SET_ORDER + name) === ordered)
        deleteFromList(result, name, value);
    }
  };
  deleteWhere(false);
  for (const [key, value] of entries) {
    if (key === PATCH || isDirective(key)) continue;
    const field = schema?.fields.get(key);
    const present = Object.hasOwn(result, key) ? result[key] : undefined;
    const merged = value === null ? null : mergeValue(field, present, value);
    if (merged === null) delete result[key];
    else setOwn(result, key, merged);
  }
  for (const [key, order] of entries) {
    if (!key.startsWith(SET_ORDER)) continue;
    const name = key.slice(SET_ORDER.length);
    setOrder(schema?.fields.get(name), result, target, name, order, patch[name]);
  }
  deleteWhere(true);
  return result;
}

function mergeValue(field: FieldSchema | undefined, present: unknown, value: unknown): unknown {
  if (isObject(value) && isObject(present)) {
    if (field?.patch?.strategy === "replace") return value;
    return mergeObject(objectIn(field?.value), present, value);
  }
  if (Array.isArray(value) && Array.isArray(present))
    return isMerged(field) ? mergeList(field, present, value) : value;
  return withoutDirectives(value) ?? null;
}

function objectIn(schema: ValueSchema | undefined): ObjectSchema<unknown> | undefined {
  return schema?.type === "object" ? schema : undefined;
}

function isMerged(field: FieldSchema | undefined): field is FieldSchema {
  return field?.patch?.strategy.startsWith("merge") === true;
}

/** Merges a list whose elements are told apart by a key, or by their value if they are scalars. */
function mergeList(field: FieldSchema, present: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const key = field.patch?.key;
  const fits = (element: unknown): boolean =>
    key === undefined ? element !== null && typeof element !== "object" : isObject(element);
  if (!patch.every(fits))
    throw badRequest(`list element types are not identical: ${goFormat([present, patch])}`);
  if (key === undefined) {
    const merged = [...new Set([...present, ...patch])];
    return keepingOrder(merged, patch, present, undefined);
  }
  const items = objectIn(field.value.type === "list" ? field.value.items : undefined);
  const { deleted, replace, rest } = splitDirectives(patch as readonly Json[], key);
  if (replace) return rest.map(withoutDirectives);
  const gone = positionsIn(deleted, key);
  const merged = present.filter((element) => !gone.has(identityOf(element, key)));
  const positions = new Map(positionsIn(merged, key));
  for (const change of rest) {
    const identity = identityOf(checkedKey(change, key), key);
    const at = positions.get(identity);
    if (at !== undefined) merged[at] = mergeObject(items, merged[at] as Json, change);
    else positions.set(identity, merged.push(withoutDirectives(change)) - 1);
  }
  return keepingOrder(merged, rest, present, key);
}

/** Separates a list patch into the elements to delete, the elements to merge, and whether the list is replaced. */
function splitDirectives(
  patch: readonly Json[],
  key: string,
): { deleted: Json[]; replace: boolean; rest: Json[] } {
  const deleted: Json[] = [];
  const rest: Json[] = [];
  let replace = false;
  for (const element of patch) {
    switch (element[PATCH]) {
      case undefined:
        rest.push(element);
        break;
      case "delete":
        deleted.push(checkedKey(element, key));
        break;
      case "replace":
        // The element is the directive; what else is in it counts for nothing.
        replace = true;
        break;
      case "merge":
        throw badRequest("merging lists cannot yet be specified in the patch");
      default:
        throw unknownDirective(element);
    }
  }
  return { deleted, replace, rest };
}

function checkedKey(element: Json, key: string): Json {
  if (Object.hasOwn(element, key)) return element;
  throw badRequest(`map: ${goFormat(element)} does not contain declared merge key: ${key}`);
}

function unknownDirective(patch: Json): ApiError {
  return badRequest(`unknown patch type: ${goFormat(patch[PATCH])} in map: ${goFormat(patch)}`);
}

/** `$retainKeys`: every other key of the target goes; the patch may set only keys that stay. */
function retained(target: Json, patch: Json): Json {
  const keep = patch[RETAIN_KEYS];
  if (keep === undefined) return { ...target };
  if (!Array.isArray(keep) || keep.some((key) => typeof key !== "string"))
    throw badRequest("invalid patch format of retainKeys");
  const names = new Set<unknown>(keep);
  for (const key of Object.keys(patch))
    if (!key.startsWith("$") && patch[key] !== null && !names.has(key))
      throw badRequest("invalid patch format of retainKeys");
  return Object.fromEntries(Object.entries(target).filter(([key]) => names.has(key)));
}

function deleteFromList(object: Json, name: string, values: unknown): void {
  if (!Array.isArray(values)) throw badRequest("invalid patch format of primitive list");
  const present = object[name];
  if (!Array.isArray(present)) return;
  const gone = new Set<unknown>(values);
  object[name] = present.filter((value) => !gone.has(value));
}

/** `$setElementOrder`: the elements named come in this order, those not named stay where they were among them. */
function setOrder(
  field: FieldSchema | undefined,
  object: Json,
  target: Json,
  name: string,
  order: unknown,
  patch: unknown,
): void {
  if (!Array.isArray(order)) throw badRequest("invalid patch format of setElementOrder list");
  if (!isMerged(field)) return;
  const key = field.patch?.key;
  if (key !== undefined && order.some((element) => !isObject(element) || !Object.hasOwn(element, key)))
    throw badRequest("invalid patch format of setElementOrder list");
  const list = object[name];
  if (!Array.isArray(list)) return;
  const set: readonly unknown[] = Array.isArray(patch) ? patch : [];
  if (order.length > 0) checkOrder(set, order, key);
  const before = Array.isArray(target[name]) ? (target[name] as unknown[]) : [];
  object[name] = keepingOrder(
    list,
    order,
    key === undefined ? before : placesTaken(before, list, set, key),
    key,
  );
}

/**
 * Where the elements stood, for sorting, after a patch may have deleted some and added others: upstream appends to the
 * list it has just shortened in place, so added elements take the places that deleted ones left at its end.
 */
function placesTaken(
  before: readonly unknown[],
  merged: readonly unknown[],
  patch: readonly unknown[],
  key: string,
): unknown[] {
  const left = positionsIn(merged, key);
  const known = positionsIn(before, key);
  const survivors = before.filter((element) => left.has(identityOf(element, key)));
  const added = patch.filter((element) => {
    const identity = identityOf(element, key);
    return left.has(identity) && !known.has(identity);
  });
  return [...survivors, ...added].slice(0, before.length);
}

/** What the patch sets must be in the order that it asks for. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], key: string | undefined): void {
  const set = patch.filter((element) => !isObject(element) || element[PATCH] === undefined);
  const positions = positionsIn(order, key);
  let last = -1;
  const inOrder = set.every((element) => {
    const at = positions.get(identityOf(element, key)) ?? -1;
    const follows = at > last;
    last = at;
    return follows;
  });
  if (!inOrder)
    throw badRequest(
      `The order in patch list:\n${goFormat(set)}\n doesn't match $setElementOrder list:\n${goFormat(order)}\n`,
    );
}

/** The object without the directive that is about itself. */
function contents({ [PATCH]: _directive, ...rest }: Json): Json {
  return rest;
}

/**
 * A value that the target did not have: nulls in it mean nothing, and an object with a directive about itself, which is
 * about what is there, is left out (undefined).
 */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((element) => element !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, PATCH)) return undefined;
  const result: Json = {};
  for (const [key, part] of Object.entries(value)) {
    if (part === null || isDirective(key)) continue;
    const kept = withoutDirectives(part);
    if (kept !== undefined) setOwn(result, key, kept);
  }
  return result;
}

function isDirective(key: string): boolean {
  return key === RETAIN_KEYS || key.startsWith(DELETE_FROM) || key.startsWith(SET_ORDER);
}
