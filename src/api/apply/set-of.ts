/** Which fields an object that is applied speaks of (structured-merge-diff typed/tofieldset.go). */
import { type FieldSet, insertPath, type MutableFieldSet } from "./field-set.ts";
import { fieldElement, type PathElement } from "./path-element.ts";
import { isMap, itemElement, itemShape, partShape, type Shape } from "./shape.ts";

/**
 * Leaves and elements of lists; of objects only those that are empty or null, for the others are their parts.
 * What occurs twice in a list counts once, without its parts.
 */
export function fieldSetOf(shape: Shape, value: unknown): FieldSet {
  const set: MutableFieldSet = {};
  visit(shape, value, [], set);
  return set;
}

function visit(shape: Shape, value: unknown, path: PathElement[], set: MutableFieldSet): void {
  switch (shape.type) {
    case "scalar":
    case "atomic":
      add(set, path);
      return;
    case "set":
    case "listMap":
      if (Array.isArray(value)) visitItems(shape, value as unknown[], path, set);
      return;
    default:
      if (isMap(value)) visitParts(shape, value, path, set);
      else if (shape.type === "free") add(set, path);
  }
}

function visitParts(
  shape: Shape & { type: "map" | "struct" | "free" },
  map: Record<string, unknown>,
  path: PathElement[],
  set: MutableFieldSet,
): void {
  for (const key of Object.keys(map)) {
    const part = partShape(shape, key);
    if (part === undefined) continue;
    const value = map[key];
    path.push(fieldElement(key));
    visit(part, value, path, set);
    const empty = value === null || (isMap(value) && Object.keys(value).length === 0);
    if (empty || shape.type !== "struct") add(set, path);
    path.pop();
  }
}

function visitItems(
  shape: Shape & { type: "set" | "listMap" },
  list: readonly unknown[],
  path: PathElement[],
  set: MutableFieldSet,
): void {
  const elements = list.map((item) => {
    const place = itemElement(shape, item);
    return "element" in place ? place.element : undefined;
  });
  const counts = new Map<PathElement, number>();
  for (const element of elements)
    if (element !== undefined) counts.set(element, (counts.get(element) ?? 0) + 1);
  for (const [at, element] of elements.entries()) {
    if (element === undefined) continue;
    path.push(element);
    if (counts.get(element) === 1) visit(itemShape(shape), list[at], path, set);
    add(set, path);
    path.pop();
  }
}

function add(set: MutableFieldSet, path: readonly PathElement[]): void {
  if (path.length > 0) insertPath(set, path);
}
