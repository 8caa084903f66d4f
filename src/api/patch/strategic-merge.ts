/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged, and by which key
 * (apimachinery pkg/util/strategicpatch; sig-api-machinery strategic-merge-patch.md).
 *
 * Directives in a patch: `$patch: replace|delete|merge` in an object, `$retainKeys` (keys of the object that stay),
 * `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`.
 */
import type { FieldSchema, ObjectSchema, ValueSchema } from "../schema/schema.ts";
import { badRequest } from "../status-errors.ts";
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
      return withoutDirectives(patch) as Json;
    case "delete":
      return {};
    default:
      throw badRequest(`unknown patch type found: ${JSON.stringify(patch[PATCH])}`);
  }
  const result = retained(target, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === PATCH || key === RETAIN_KEYS || key.startsWith(SET_ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) {
      deleteFromList(result, key.slice(DELETE_FROM.length), value);
      continue;
    }
    const field = schema?.fields.get(key);
    const present = Object.hasOwn(result, key) ? result[key] : undefined;
    if (value === null) delete result[key];
    else setOwn(result, key, mergeValue(field, present, value));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(SET_ORDER)) continue;
    const name = key.slice(SET_ORDER.length);
    setOrder(schema?.fields.get(name), result, target, name, order, patch[name]);
  }
  return result;
}

function mergeValue(field: FieldSchema | undefined, present: unknown, value: unknown): unknown {
  if (isObject(value) && isObject(present)) {
    if (field?.patch?.strategy === "replace") return withoutDirectives(value);
    return mergeObject(objectIn(field?.value), present, value);
  }
  if (Array.isArray(value) && Array.isArray(present) && isMerged(field))
    return mergeList(field, present, value);
  return withoutDirectives(value);
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
  if (key === undefined) {
    const merged = [...new Set([...present, ...patch])];
    return keepingOrder(merged, patch, present, undefined);
  }
  const items = objectIn(field.value.type === "list" ? field.value.items : undefined);
  const { deleted, replace, rest } = splitDirectives(patch, key);
  if (replace) return rest.map(withoutDirectives);
  const gone = positionsIn(deleted, key);
  const merged = present.filter((element) => !gone.has(identityOf(element, key)));
  const positions = new Map(positionsIn(merged, key));
  for (const change of rest) {
    if (!Object.hasOwn(change, key))
      throw badRequest(`map: ${JSON.stringify(change)} does not contain declared merge key: ${key}`);
    const identity = identityOf(change, key);
    const at = positions.get(identity);
    if (at !== undefined) merged[at] = mergeObject(items, merged[at] as Json, change);
    else positions.set(identity, merged.push(withoutDirectives(change)) - 1);
  }
  return keepingOrder(merged, rest, present, key);
}

/** Separates a list patch into the elements to delete, the elements to merge, and whether the list is replaced. */
function splitDirectives(
  patch: readonly unknown[],
  key: string,
): { deleted: Json[]; replace: boolean; rest: Json[] } {
  const deleted: Json[] = [];
  const rest: Json[] = [];
  let replace = false;
  for (const element of patch) {
    if (!isObject(element))
      throw badRequest(`expected an object in a list merged by "${key}", got ${JSON.stringify(element)}`);
    switch (element[PATCH]) {
      case undefined:
      case "merge":
        rest.push(element);
        break;
      case "delete":
        if (!Object.hasOwn(element, key)) throw badRequest("delete patch type with no merge key defined");
        deleted.push(element);
        break;
      case "replace":
        replace = true;
        // The element may be the directive alone, or carry a value too.
        if (Object.keys(element).length > 1) rest.push(element);
        break;
      default:
        throw badRequest(`unknown patch type found: ${JSON.stringify(element[PATCH])}`);
    }
  }
  return { deleted, replace, rest };
}

/** `$retainKeys`: every other key of the target goes; the patch may set only keys that stay. */
function retained(target: Json, patch: Json): Json {
  const keep = patch[RETAIN_KEYS];
  if (keep === undefined) return { ...target };
  if (!Array.isArray(keep) || keep.some((key) => typeof key !== "string"))
    throw badRequest("invalid patch format of retainKeys: it must be a list of strings");
  const names = new Set<unknown>(keep);
  for (const key of Object.keys(patch))
    if (!key.startsWith("$") && patch[key] !== null && !names.has(key))
      throw badRequest(`invalid patch format of retainKeys: ${JSON.stringify(key)} is set but not retained`);
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
  if (Array.isArray(patch)) checkOrder(patch, order, key);
  const before = Array.isArray(target[name]) ? target[name] : [];
  object[name] = keepingOrder(list, order, before, key);
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
      `The order in patch list:\n${JSON.stringify(set)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
    );
}

/** A value that the target did not have: directives and nulls in it mean nothing. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .filter((element) => !isObject(element) || element[PATCH] !== "delete")
      .filter(
        (element) => !isObject(element) || element[PATCH] === undefined || Object.keys(element).length > 1,
      )
      .map(withoutDirectives);
  if (!isObject(value)) return value;
  const result: Json = {};
  for (const [key, part] of Object.entries(value)) {
    if (part === null || isDirective(key)) continue;
    setOwn(result, key, withoutDirectives(part));
  }
  return result;
}

function isDirective(key: string): boolean {
  return key === PATCH || key === RETAIN_KEYS || key.startsWith(DELETE_FROM) || key.startsWith(SET_ORDER);
}
