/**
 * Which values a structural schema allows, in upstream's sentences (kube-openapi pkg/validation/validate, and
 * apiextensions-apiserver pkg/apiserver/validation, which makes field errors of them).
 */
import { isDeepStrictEqual } from "node:util";
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";
import type { FieldError } from "../field-error.ts";
import { duplicate, invalidValue, notSupported, required, tooLong, tooMany } from "../field-error.ts";
import { hasFormat } from "./formats.ts";
import { schemaOf } from "./prune.ts";

type Json = Readonly<Record<string, unknown>>;

/** `path` is empty for the whole object. */
export function validateValue(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  if (value === null && schema.nullable === true) return [];
  const errors = checkType(schema, value, path);
  if (errors.length > 0) return errors;
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => isDeepStrictEqual(one, value)))
    errors.push(
      notSupported(
        path,
        value,
        schema.enum.map((one) => (typeof one === "string" ? one : JSON.stringify(one))),
      ),
    );
  if (typeof value === "string") errors.push(...checkText(schema, value, path));
  else if (typeof value === "number") errors.push(...checkNumber(schema, value, path));
  else if (Array.isArray(value)) errors.push(...checkList(schema, value, path));
  else if (typeof value === "object" && value !== null)
    errors.push(...checkObject(schema, value as Json, path));
  return [...errors, ...checkJunctions(schema, value, path)];
}

function checkType(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  const given = typeOf(value);
  if (schema["x-kubernetes-int-or-string"] === true)
    return given === "integer" || given === "string" ? [] : [wrongType(path, "integer,string", given)];
  const { type = "" } = schema;
  if (type === "" || type === given || (type === "number" && given === "integer")) return [];
  return [wrongType(path, type, given)];
}

function wrongType(path: string, type: string, given: string): FieldError {
  return invalidValue(path, given, `${path} in body must be of type ${type}: "${given}"`);
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function checkText(schema: JSONSchemaProps, text: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  // Go counts code points.
  const { length } = Array.from(text);
  if (schema.maxLength !== undefined && length > schema.maxLength)
    errors.push(tooLong(path, schema.maxLength));
  if (schema.minLength !== undefined && length < schema.minLength)
    errors.push(
      invalidValue(path, text, `${path} in body should be at least ${schema.minLength} chars long`),
    );
  if (schema.pattern !== undefined && compiled(schema.pattern)?.test(text) === false)
    errors.push(invalidValue(path, text, `${path} in body should match '${schema.pattern}'`));
  if (schema.format !== undefined && !hasFormat(schema.format, text))
    errors.push(
      invalidValue(path, text, `${path} in body must be of type ${schema.format}: ${JSON.stringify(text)}`),
    );
  return errors;
}

const patterns = new Map<string, RegExp | undefined>();

/** Undefined if the expression is none of JavaScript's; definitions with such a one are refused. */
export function compiled(pattern: string): RegExp | undefined {
  if (!patterns.has(pattern)) patterns.set(pattern, compile(pattern));
  return patterns.get(pattern);
}

/** Go's RE2 syntax in JavaScript's: inline flags at the start, and \A and \z for the ends of the text. */
function compile(pattern: string): RegExp | undefined {
  const [, flags = "", rest = pattern] = /^\(\?([ims]+)\)(.*)$/s.exec(pattern) ?? [];
  const source = rest.replaceAll("\\A", "^").replaceAll("\\z", "$").replaceAll("(?P<", "(?<");
  for (const mode of [`u${flags}`, flags]) {
    try {
      return new RegExp(source, mode);
    } catch (error) {
      // The stricter mode refuses escapes that Go allows, such as \- outside of a class: then the other one.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

const INT32_LIMIT = 2 ** 31;

function checkNumber(schema: JSONSchemaProps, value: number, path: string): FieldError[] {
  const { maximum, minimum, multipleOf, format } = schema;
  const errors: FieldError[] = [];
  const complain = (what: string): void =>
    void errors.push(invalidValue(path, value, `${path} in body should be ${what}`));
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true) {
      if (value >= maximum) complain(`less than ${maximum}`);
    } else if (value > maximum) complain(`less than or equal to ${maximum}`);
  }
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true) {
      if (value <= minimum) complain(`greater than ${minimum}`);
    } else if (value < minimum) complain(`greater than or equal to ${minimum}`);
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) complain(`a multiple of ${multipleOf}`);
  if (format === "int32" && (value >= INT32_LIMIT || value < -INT32_LIMIT))
    errors.push(
      invalidValue(path, value, `Checked value must be of type integer with format int32 (got ${value})`),
    );
  return errors;
}

/** With room for what binary fractions cannot say. */
function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return Math.abs(times - Math.round(times)) < 1e-9;
}

function checkList(schema: JSONSchemaProps, list: readonly unknown[], path: string): FieldError[] {
  const { maxItems, minItems, items } = schema;
  const errors: FieldError[] = [];
  if (maxItems !== undefined && list.length > maxItems) errors.push(tooMany(path, list.length, maxItems));
  if (minItems !== undefined && list.length < minItems)
    errors.push(invalidValue(path, list, `${path} in body should have at least ${minItems} items`));
  if (items !== undefined)
    errors.push(...list.flatMap((item, i) => validateValue(items, item, `${path}[${i}]`)));
  return [...errors, ...checkDistinct(schema, list, path)];
}

/** Items of sets, and keys of items of maps, occur once. */
function checkDistinct(schema: JSONSchemaProps, list: readonly unknown[], path: string): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const [i, item] of list.entries()) {
    const key = type === "set" ? item : keyOf(schema, item);
    const text = JSON.stringify(key);
    if (seen.has(text)) errors.push(duplicate(`${path}[${i}]`, key));
    seen.add(text);
  }
  return errors;
}

function keyOf(schema: JSONSchemaProps, item: unknown): Json {
  const names = schema["x-kubernetes-list-map-keys"] ?? [];
  const object = (typeof item === "object" && item !== null ? item : {}) as Json;
  return Object.fromEntries(names.filter((name) => name in object).map((name) => [name, object[name]]));
}

function checkObject(schema: JSONSchemaProps, object: Json, path: string): FieldError[] {
  const { maxProperties, minProperties } = schema;
  const names = Object.keys(object);
  const errors = (schema.required ?? [])
    .filter((name) => !Object.hasOwn(object, name))
    .map((name) => required(join(path, name)));
  if (maxProperties !== undefined && names.length > maxProperties)
    errors.push(tooMany(path, names.length, maxProperties));
  if (minProperties !== undefined && names.length < minProperties)
    errors.push(
      invalidValue(path, object, `${path} in body should have at least ${minProperties} properties`),
    );
  for (const name of names) {
    // The metadata of the whole object has rules of its own.
    if (path === "" && name === "metadata") continue;
    const part = schemaOf(schema, name);
    if (part !== undefined) errors.push(...validateValue(part, object[name], join(path, name)));
  }
  return errors;
}

/** allOf, anyOf, oneOf and not. */
function checkJunctions(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  const { allOf = [], anyOf, oneOf, not } = schema;
  const holds = (part: JSONSchemaProps): boolean => validateValue(part, value, path).length === 0;
  const complain = (what: string): FieldError =>
    invalidValue(path, "", `${JSON.stringify(path)} must ${what}`);
  const errors = allOf.flatMap((part) => validateValue(part, value, path));
  if (allOf.length > 0 && errors.length > 0) errors.push(complain("validate all the schemas (allOf)"));
  if (anyOf !== undefined && anyOf.length > 0 && !anyOf.some(holds))
    errors.push(complain("validate at least one schema (anyOf)"));
  if (oneOf !== undefined && oneOf.length > 0) {
    const valid = oneOf.filter(holds).length;
    if (valid !== 1)
      errors.push(
        complain(
          `validate one and only one schema (oneOf). Found ${valid === 0 ? "none valid" : `${valid} valid alternatives`}`,
        ),
      );
  }
  if (not !== undefined && holds(not)) errors.push(complain("not validate the schema (not)"));
  return errors;
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
