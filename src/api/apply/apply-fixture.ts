/** An object with every way that a list or map can be owned, for tests. Not imported by the product. */
import {
  atomic,
  boolean,
  int32,
  json,
  list,
  object,
  objectSchema,
  pointer,
  required,
  string,
  stringMap,
  strings,
  withDefault,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { applyConfig } from "./apply.ts";
import { type FieldSet, NO_FIELDS, pathsOf } from "./field-set.ts";
import { type Managers, writeManagers } from "./managers.ts";
import { showPath } from "./path-element.ts";
import { type Shape, shapeOfValue } from "./shape.ts";
import { recordUpdate, type Writing } from "./update.ts";

export interface Port {
  port: number;
  protocol?: string;
  name?: string;
}

export interface Inner {
  numeric?: number;
  flag?: boolean;
  labels?: Record<string, string>;
}

export interface Sample {
  name?: string;
  labels?: Record<string, string>;
  selector?: Record<string, string>;
  finalizers?: string[];
  args?: string[];
  ports?: Port[];
  inner?: Inner;
  whole?: Inner;
  any?: Record<string, unknown>;
}

const portSchema: ObjectSchema<Port> = objectSchema("test.v1.Port", "A port.", {
  port: required(int32(1, "Its number.")),
  protocol: withDefault(string(2, "Its protocol."), "TCP"),
  name: string(3, "Its name."),
});

const innerSchema: ObjectSchema<Inner> = objectSchema("test.v1.Inner", "A part.", {
  numeric: pointer(int32(1, "A number.")),
  flag: pointer(boolean(2, "Yes or no.")),
  labels: stringMap(3, "Some labels."),
});

const sampleSchema: ObjectSchema<Sample> = objectSchema("test.v1.Sample", "Everything.", {
  name: string(1, "A scalar."),
  labels: stringMap(2, "A map with an owner for each key."),
  selector: atomic(stringMap(3, "A map with one owner.")),
  finalizers: strings(4, "A set.", { list: { type: "set" } }),
  args: strings(5, "A list with one owner."),
  ports: list(6, portSchema, "A list by keys.", { list: { type: "map", keys: ["port", "protocol"] } }),
  inner: pointer(object(7, innerSchema, "A struct.")),
  whole: pointer(atomic(object(8, innerSchema, "A struct with one owner."))),
  any: json(9, "Any JSON."),
});

export const SAMPLE: Shape = shapeOfValue(sampleSchema);

/** An object, who owns what of it, and the time. */
export interface Scene {
  readonly live: unknown;
  readonly managers: Managers;
}

export const EMPTY: Scene = { live: {}, managers: new Map() };

export function writing(
  manager: string,
  time = "2026-01-02T03:04:05Z",
  ignored: FieldSet = NO_FIELDS,
): Writing {
  return { manager, apiVersion: "v1", subresource: "", time, ignored };
}

/** The scene after an update that makes the object `after`. */
export function updated({ live, managers }: Scene, manager: string, after: unknown, time?: string): Scene {
  const next: Managers = new Map(managers);
  recordUpdate(next, SAMPLE, live, after, writing(manager, time));
  return { live: after, managers: next };
}

/** The scene after an apply, or the conflicts as text. */
export function applied(
  { live, managers }: Scene,
  manager: string,
  config: unknown,
  { force = false, time }: { force?: boolean; time?: string } = {},
): Scene | string[] {
  const result = applyConfig(managers, SAMPLE, live, config, writing(manager, time), force);
  if (result.conflicts === undefined) return { live: result.object ?? {}, managers: result.managers };
  return [...result.conflicts].flatMap(([identity, fields]) =>
    show(fields).map((path) => `${managers.get(identity)!.manager}${path}`),
  );
}

/** As {@link applied}, where there is to be no conflict. */
export function mustApply(...args: Parameters<typeof applied>): Scene {
  const result = applied(...args);
  if (Array.isArray(result)) throw new Error(`conflicts: ${result.join(", ")}`);
  return result;
}

export function show(fields: FieldSet): string[] {
  return [...pathsOf(fields)].map(showPath);
}

/** "manager operation: .path .path" for each manager, in the order of managedFields. */
export function owners({ managers }: Scene): string[] {
  return writeManagers(managers).map(
    ({ manager, operation, fieldsV1 }) => `${manager} ${operation}: ${show(fieldsV1 as FieldSet).join(" ")}`,
  );
}
