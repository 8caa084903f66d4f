/** Whether what is applied fits the schema (structured-merge-diff typed/validate.go): in its words. */
import { goFormat } from "../patch/go-format.ts";
import type { ScalarSchema, ValueSchema } from "../schema/schema.ts";
import { fieldElement, type PathElement, showPath } from "./path-element.ts";
import { fieldShape, isMap, itemElement, type Shape, shapeOfValue } from "./shape.ts";

/** What is wrong, a line each: `.spec.foo: field not declared in schema`. A few dozen say enough. */
const MAX_COMPLAINTS = 50;

export function checkApplied(shape: Shape, value: unknown): string[] {
  const checker = new Checker();
  checker.value(shape, value);
  return checker.complaints;
}

class Checker {
  readonly complaints: string[] = [];
  readonly #path: PathElement[] = [];

  value(shape: Shape, value: unknown): void {
    if (value === null || value === undefined || this.complaints.length >= MAX_COMPLAINTS) return;
    switch (shape.type) {
      case "scalar":
        this.#scalar(shape.scalar, value);
        return;
      case "set":
      case "listMap":
        this.#items(shape, value);
        return;
      case "map":
        if (this.#isMap(value))
          for (const [key, part] of Object.entries(value)) this.#below(fieldElement(key), shape.values, part);
        return;
      case "struct":
        this.#struct(shape.schema, value);
        return;
      case "atomic":
        this.#atomic(shape.value, value);
        return;
      default:
    }
  }

  #struct(schema: ValueSchema & { type: "object" }, value: unknown): void {
    if (!this.#isMap(value)) return;
    for (const [key, part] of Object.entries(value)) {
      const shape = fieldShape(schema, key);
      if (shape !== undefined) this.#below(fieldElement(key), shape, part);
      else this.#complain("field not declared in schema", fieldElement(key));
    }
  }

  /** Owned as one thing, but its parts have types all the same. */
  #atomic(schema: ValueSchema, value: unknown): void {
    if (schema.type === "list") {
      if (!this.#isList(value)) return;
      for (const [at, item] of value.entries()) this.#below(`i:${at}`, shapeOfValue(schema.items), item);
    } else if (schema.type === "map") {
      if (this.#isMap(value))
        for (const [key, part] of Object.entries(value))
          this.#below(fieldElement(key), shapeOfValue(schema.values), part);
    } else if (schema.type === "object") this.#struct(schema, value);
  }

  #items(shape: Shape & { type: "set" | "listMap" }, value: unknown): void {
    if (!this.#isList(value)) return;
    const seen = new Set<PathElement>();
    for (const [at, item] of value.entries()) {
      const place = itemElement(shape, item);
      if ("complaint" in place) {
        this.#complain(`element ${at}: ${place.complaint}`);
        continue;
      }
      if (seen.has(place.element)) this.#complain(`duplicate entries for key ${showPath([place.element])}`);
      seen.add(place.element);
      this.#below(place.element, shapeOfValue(shape.items), item);
    }
  }

  #below(element: PathElement, shape: Shape, value: unknown): void {
    this.#path.push(element);
    this.value(shape, value);
    this.#path.pop();
  }

  #scalar({ type }: ScalarSchema, value: unknown): void {
    switch (type) {
      case "string":
      case "bytes":
        if (typeof value !== "string") this.#complain(`expected string, got ${goValue(value)}`);
        return;
      case "boolean":
        if (typeof value !== "boolean") this.#complain(`expected boolean, got ${goValue(value)}`);
        return;
      case "int32":
      case "int64":
      case "double":
        if (typeof value !== "number")
          this.#complain(`expected numeric (int or float), got ${goTypeOf(value)}`);
        return;
      default:
        if (typeof value === "object") this.#complain(`expected any scalar, got &{${goFormat(value)}}`);
    }
  }

  #isMap(value: unknown): value is Record<string, unknown> {
    if (isMap(value)) return true;
    this.#complain(`expected map, got &{${goFormat(value)}}`);
    return false;
  }

  #isList(value: unknown): value is unknown[] {
    if (Array.isArray(value)) return true;
    this.#complain(`expected list, got &{${goFormat(value)}}`);
    return false;
  }

  #complain(why: string, ...below: PathElement[]): void {
    const path = showPath([...this.#path, ...below]);
    this.complaints.push(path === "" ? why : `${path}: ${why}`);
  }
}

/** As Go's %#v shows the value that upstream has at hand. */
function goValue(value: unknown): string {
  return `&value.valueUnstructured{Value:${typeof value === "object" ? goFormat(value) : JSON.stringify(value)}}`;
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "object") return "map[string]interface {}";
  return typeof value === "boolean" ? "bool" : typeof value;
}
