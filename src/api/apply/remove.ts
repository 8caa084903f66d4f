/** An object without some of its fields (structured-merge-diff typed/remove.go). */
import { below, type FieldSet, isEmptySet, isOwned } from "./field-set.ts";
import { fieldElement } from "./path-element.ts";
import { isMap, itemElement, itemShape, partShape, type Shape } from "./shape.ts";

/** `value` is not changed; parts that stay are shared. What loses all its parts becomes null. */
export function removeFields(shape: Shape, value: unknown, fields: FieldSet): unknown {
  if (isEmptySet(fields)) return value;
  switch (shape.type) {
    case "set":
    case "listMap":
      return Array.isArray(value) ? removeItems(shape, value as unknown[], fields) : null;
    case "map":
    case "struct":
    case "free":
      return isMap(value) ? removeParts(shape, value, fields) : null;
    default:
      return value;
  }
}

function removeItems(
  shape: Shape & { type: "set" | "listMap" },
  list: readonly unknown[],
  fields: FieldSet,
): unknown {
  const kept: unknown[] = [];
  for (const item of list) {
    const place = itemElement(shape, item);
    if ("complaint" in place) kept.push(item);
    else if (!isOwned(fields, place.element))
      kept.push(removeFields(itemShape(shape), item, below(fields, place.element)));
  }
  return kept.length > 0 ? kept : null;
}

function removeParts(
  shape: Shape & { type: "map" | "struct" | "free" },
  map: Record<string, unknown>,
  fields: FieldSet,
): unknown {
  const kept: [string, unknown][] = [];
  for (const [key, value] of Object.entries(map)) {
    const element = fieldElement(key);
    if (isOwned(fields, element)) continue;
    const part = partShape(shape, key);
    kept.push([key, part === undefined ? value : removeFields(part, value, below(fields, element))]);
  }
  // fromEntries, so that a key "__proto__" is one like any other.
  return kept.length > 0 ? Object.fromEntries(kept) : null;
}
