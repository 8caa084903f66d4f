/**
 * Sets of fields, as FieldsV1 writes them: a tree of path elements. An empty object is a field that belongs to the set;
 * one with parts belongs to it only if "." is among them. Trees are never changed once they are made, and share parts.
 */
import { canonicalElement, compareElements, type PathElement, SELF } from "./path-element.ts";

export interface FieldSet {
  readonly [element: PathElement]: FieldSet;
}

/** While it is being made. */
export interface MutableFieldSet {
  [element: PathElement]: MutableFieldSet;
}

/** A field without parts. As a whole set it is the empty one. */
const LEAF: FieldSet = Object.freeze({});
export const NO_FIELDS: FieldSet = LEAF;

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

function isMember(node: FieldSet): boolean {
  return Object.hasOwn(node, SELF) || isEmptySet(node);
}

/** Adds a field to a set that nobody else has yet. */
export function insertPath(set: MutableFieldSet, path: readonly PathElement[]): void {
  let node = set;
  let made = true;
  for (const element of path) {
    // What is empty and was there before is a member; it stays one when it gets parts.
    if (!made && isEmptySet(node)) node[SELF] = {};
    const next = Object.hasOwn(node, element) ? node[element]! : undefined;
    made = next === undefined;
    node = next ?? (node[element] = {});
  }
  if (!made && !isEmptySet(node)) node[SELF] = {};
}

/** Puts a field with all that is below it, `node`, into a set that has nothing there yet. */
export function graft(set: MutableFieldSet, path: readonly PathElement[], node: MutableFieldSet): void {
  let parent = set;
  for (let at = 0; at < path.length - 1; at++) parent = parent[path[at]!] ??= {};
  parent[path.at(-1)!] = node;
}

export function setOfPaths(...paths: readonly (readonly PathElement[])[]): FieldSet {
  const set: MutableFieldSet = {};
  for (const path of paths) insertPath(set, path);
  return set;
}

export function hasPath(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = partOf(node, element);
    if (node === undefined) return false;
  }
  return path.length > 0 && isMember(node);
}

/** What the set says below one element; undefined if nothing. */
export function partOf(set: FieldSet, element: PathElement): FieldSet | undefined {
  return Object.hasOwn(set, element) ? set[element] : undefined;
}

/** Whether the element itself, or only something below it, belongs to the set. */
export function isOwned(set: FieldSet, element: PathElement): boolean {
  const part = partOf(set, element);
  return part !== undefined && isMember(part);
}

/** What is below one element as a set of its own: without the element itself. */
export function below(set: FieldSet, element: PathElement): FieldSet {
  const part = partOf(set, element);
  if (part === undefined) return NO_FIELDS;
  if (!Object.hasOwn(part, SELF)) return part;
  const { [SELF]: _self, ...rest } = part;
  return rest;
}

/** Puts a node together; undefined if nothing is left of it. */
function node(member: boolean, parts: MutableFieldSet): MutableFieldSet | undefined {
  if (isEmptySet(parts)) return member ? {} : undefined;
  if (member) parts[SELF] = {};
  return parts;
}

type Combine = (a: FieldSet | undefined, b: FieldSet | undefined) => FieldSet | undefined;

function combineParts(a: FieldSet, b: FieldSet, combine: Combine): MutableFieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element in a) {
    if (element === SELF) continue;
    const part = combine(a[element], partOf(b, element));
    if (part !== undefined) result[element] = part;
  }
  for (const element in b) {
    if (element === SELF || Object.hasOwn(a, element)) continue;
    const part = combine(undefined, b[element]);
    if (part !== undefined) result[element] = part;
  }
  return result;
}

const unionNodes: Combine = (a, b) => {
  if (a === undefined || b === undefined || a === b) return a ?? b;
  return node(isMember(a) || isMember(b), combineParts(a, b, unionNodes));
};

const differenceNodes: Combine = (a, b) => {
  if (a === undefined || b === undefined) return a;
  return node(isMember(a) && !isMember(b), combineParts(a, b, differenceNodes));
};

const recursiveDifferenceNodes: Combine = (a, b) => {
  if (a === undefined || b === undefined) return a;
  return isMember(b) ? undefined : node(isMember(a), combineParts(a, b, recursiveDifferenceNodes));
};

const intersectionNodes: Combine = (a, b) => {
  if (a === undefined || b === undefined) return undefined;
  return node(isMember(a) && isMember(b), combineParts(a, b, intersectionNodes));
};

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  return isEmptySet(b) ? a : combineParts(a, b, unionNodes);
}

/** The fields of `a` that are not in `b`; what is below a field of `b` stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmptySet(b) ? a : combineParts(a, b, differenceNodes);
}

/** The fields of `a` that are neither in `b` nor below one of its fields. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmptySet(b) ? a : combineParts(a, b, recursiveDifferenceNodes);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combineParts(a, b, intersectionNodes);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  let parts = 0;
  for (const element in a) {
    parts++;
    const other = partOf(b, element);
    if (other === undefined || !sameSet(a[element]!, other)) return false;
  }
  for (const _ in b) parts--;
  return parts === 0;
}

/** Every field, parents before what is below them, in the order of FieldsV1. */
export function* pathsOf(
  set: FieldSet,
  prefix: readonly PathElement[] = [],
): Generator<readonly PathElement[]> {
  const elements = Object.keys(set)
    .filter((element) => element !== SELF)
    .sort(compareElements);
  for (const element of elements) if (isMember(set[element]!)) yield [...prefix, element];
  for (const element of elements) yield* pathsOf(set[element]!, [...prefix, element]);
}

/** The same set with its elements in the order of FieldsV1. */
export function inOrder(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  if (elements.length === 0) return LEAF;
  if (elements.length > 1) elements.sort(compareElements);
  const result: Record<string, FieldSet> = {};
  for (const element of elements) result[element] = element === SELF ? LEAF : inOrder(set[element]!);
  return result;
}

/** Nesting that no object reaches; keeps hostile text from exhausting the stack. */
const MAX_DEPTH = 256;

/** Reads FieldsV1 that a client wrote. Throws SyntaxError when it is none. */
export function readFieldsV1(value: unknown, depth = 0): FieldSet {
  if (typeof value !== "object" || value === null || Array.isArray(value) || depth > MAX_DEPTH)
    throw new SyntaxError("a set of fields is a JSON object whose values are such objects");
  const result: Record<string, FieldSet> = {};
  for (const [text, part] of Object.entries(value)) {
    if (text === SELF) {
      // At the top there is nothing that it could mean.
      if (depth > 0) result[SELF] = LEAF;
      continue;
    }
    const element = canonicalElement(text);
    if (element === undefined) continue;
    const read = readFieldsV1(part, depth + 1);
    const known = result[element];
    result[element] = known === undefined ? read : unionNodes(known, read)!;
  }
  const names = Object.keys(result);
  return names.length === 1 && names[0] === SELF ? LEAF : result;
}
