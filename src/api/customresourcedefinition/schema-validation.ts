/**
 * Which schemas a CustomResourceDefinition may have: structural ones (apiextensions-apiserver
 * pkg/apis/apiextensions/validation and pkg/apiserver/schema/validation.go). A schema is structural if every value has a
 * type that stands outside of allOf, anyOf, oneOf and not.
 */
import { compiled, validateValue } from "../customresource/validation.ts";
import type { FieldError } from "../field-error.ts";
import { forbiddenField, invalidValue, notSupported, required } from "../field-error.ts";
import { additionalPropertiesComplaint } from "./additional-properties.ts";
import type { JSONSchemaProps } from "./type.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
/** Parts of JSON Schema that are none of structural schemas. */
const UNSUPPORTED = [
  "$ref",
  "additionalItems",
  "definitions",
  "dependencies",
  "id",
  "patternProperties",
] as const;
/** What may not be said again, or otherwise, inside of allOf, anyOf, oneOf and not. */
const STRUCTURAL = [
  "type",
  "description",
  "title",
  "default",
  "nullable",
  "additionalProperties",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
] as const;

export function checkDefinitionSchema(field: string, schema: JSONSchemaProps): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type !== "object")
    errors.push(invalidValue(`${field}.type`, schema.type ?? "", "must be object at the root"));
  if (schema.nullable === true)
    errors.push(forbiddenField(`${field}.nullable`, "nullable cannot be true at the root"));
  const { metadata, apiVersion, kind } = schema.properties ?? {};
  if (metadata !== undefined) {
    const others = Object.keys(metadata.properties ?? {}).filter(
      (name) => name !== "name" && name !== "generateName",
    );
    if (others.length > 0)
      errors.push(
        forbiddenField(
          `${field}.properties[metadata]`,
          "must not specify anything other than name and generateName, but metadata is implicitly specified",
        ),
      );
  }
  for (const [name, part] of Object.entries({ apiVersion, kind }))
    if (part !== undefined && part.type !== "string")
      errors.push(invalidValue(`${field}.properties[${name}].type`, part.type ?? "", "must be string"));
  return [...errors, ...checkNode(field, schema, "root")];
}

/** `where` is what the schema is of, for the sentence about a missing type. */
function checkNode(field: string, schema: JSONSchemaProps, where: "root" | "field" | "item"): FieldError[] {
  const errors = [...checkKeywords(field, schema), ...checkExtensions(field, schema)];
  const { type = "", items, properties, additionalProperties } = schema;
  const typeless =
    schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (type === "" && !typeless && where !== "root")
    errors.push(
      required(
        `${field}.type`,
        `must not be empty for specified ${where === "item" ? "array items" : "object fields"}`,
      ),
    );
  if (type !== "" && !TYPES.includes(type)) errors.push(notSupported(`${field}.type`, type, TYPES));
  if (type === "array" && items === undefined) errors.push(required(`${field}.items`, "must be specified"));
  if (items !== undefined) errors.push(...checkNode(`${field}.items`, items, "item"));
  for (const [name, part] of Object.entries(properties ?? {}))
    errors.push(...checkNode(`${field}.properties[${name}]`, part, "field"));
  if (additionalProperties === false)
    errors.push(
      forbiddenField(`${field}.additionalProperties`, "additionalProperties cannot be set to false"),
    );
  if (additionalProperties !== undefined && Object.keys(properties ?? {}).length > 0)
    errors.push(
      forbiddenField(
        `${field}.additionalProperties`,
        "additionalProperties and properties are mutual exclusive",
      ),
    );
  if (
    typeof additionalProperties === "object" &&
    additionalPropertiesComplaint(additionalProperties) === undefined
  )
    errors.push(...checkNode(`${field}.additionalProperties`, additionalProperties, "field"));
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  for (const [name, parts] of Object.entries({ allOf, anyOf, oneOf }))
    for (const [i, part] of parts.entries())
      errors.push(...checkJunction(`${field}.${name}[${i}]`, part, schema));
  if (not !== undefined) errors.push(...checkJunction(`${field}.not`, not, schema));
  if (schema.default !== undefined) errors.push(...validateValue(schema, schema.default, `${field}.default`));
  return errors;
}

function checkKeywords(field: string, schema: JSONSchemaProps): FieldError[] {
  const errors: FieldError[] = UNSUPPORTED.filter((name) => schema[name] !== undefined).map((name) =>
    forbiddenField(`${field}.${name}`, `${name} is not supported`),
  );
  if (schema.uniqueItems === true)
    errors.push(
      forbiddenField(
        `${field}.uniqueItems`,
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  const { pattern } = schema;
  if (pattern !== undefined && compiled(pattern) === undefined)
    errors.push(
      invalidValue(
        `${field}.pattern`,
        pattern,
        "must be a valid regular expression, but isn't: it cannot be compiled",
      ),
    );
  if (schema.enum !== undefined && !Array.isArray(schema.enum))
    errors.push(invalidValue(`${field}.enum`, schema.enum, "must be an array"));
  const complaint = additionalPropertiesComplaint(schema.additionalProperties);
  if (complaint !== undefined)
    errors.push(invalidValue(`${field}.additionalProperties`, schema.additionalProperties, complaint));
  return errors;
}

function checkExtensions(field: string, schema: JSONSchemaProps): FieldError[] {
  const errors: FieldError[] = [];
  const { type = "", items } = schema;
  const listType = schema["x-kubernetes-list-type"];
  const mapType = schema["x-kubernetes-map-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    errors.push(
      invalidValue(`${field}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"),
    );
  if (schema["x-kubernetes-int-or-string"] === true && type !== "")
    errors.push(invalidValue(`${field}.type`, type, "must be empty if x-kubernetes-int-or-string is true"));
  if (schema["x-kubernetes-embedded-resource"] === true) {
    if (type !== "object")
      errors.push(
        invalidValue(`${field}.type`, type, "must be object if x-kubernetes-embedded-resource is true"),
      );
    if (schema["x-kubernetes-preserve-unknown-fields"] !== true && schema.properties === undefined)
      errors.push(
        required(
          `${field}.properties`,
          "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ),
      );
  }
  if (listType !== undefined) {
    if (type !== "array")
      errors.push(
        invalidValue(`${field}.type`, type, "must be array if x-kubernetes-list-type is specified"),
      );
    if (!["atomic", "set", "map"].includes(listType))
      errors.push(notSupported(`${field}.x-kubernetes-list-type`, listType, ["atomic", "set", "map"]));
  }
  if (listType === "map") {
    if (keys.length === 0)
      errors.push(
        required(`${field}.x-kubernetes-list-map-keys`, "must not be empty if x-kubernetes-list-type is map"),
      );
    if (items?.type !== "object")
      errors.push(
        invalidValue(
          `${field}.items.type`,
          items?.type ?? "",
          "must be object if parent array's x-kubernetes-list-type is map",
        ),
      );
    for (const [i, key] of keys.entries())
      if (items?.properties?.[key] === undefined)
        errors.push(
          invalidValue(
            `${field}.x-kubernetes-list-map-keys[${i}]`,
            key,
            "entries must all be names of item properties",
          ),
        );
  } else if (keys.length > 0)
    errors.push(
      forbiddenField(
        `${field}.x-kubernetes-list-map-keys`,
        "must be empty if x-kubernetes-list-type is not map",
      ),
    );
  if (mapType !== undefined) {
    if (type !== "object")
      errors.push(
        invalidValue(`${field}.type`, type, "must be object if x-kubernetes-map-type is specified"),
      );
    if (!["atomic", "granular"].includes(mapType))
      errors.push(notSupported(`${field}.x-kubernetes-map-type`, mapType, ["atomic", "granular"]));
  }
  return errors;
}

/** A part of allOf and the like: it may only narrow what `parent` has. */
function checkJunction(field: string, schema: JSONSchemaProps, parent: JSONSchemaProps): FieldError[] {
  const errors: FieldError[] = checkKeywords(field, schema);
  const intOrString = parent["x-kubernetes-int-or-string"] === true;
  for (const name of STRUCTURAL) {
    // The one use of a type there: "a number or a string", spelled out.
    if (name === "type" && intOrString) continue;
    if (schema[name] !== undefined && schema[name] !== false)
      errors.push(forbiddenField(`${field}.${name}`, "must be empty to be structural"));
  }
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const known = parent.properties?.[name];
    if (known === undefined && parent["x-kubernetes-preserve-unknown-fields"] !== true)
      errors.push(
        required(
          fieldOfParent(field, name),
          "because it is defined in a part of the schema that only narrows it",
        ),
      );
    errors.push(...checkJunction(`${field}.properties[${name}]`, part, known ?? {}));
  }
  if (schema.items !== undefined)
    errors.push(...checkJunction(`${field}.items`, schema.items, parent.items ?? {}));
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  for (const [name, parts] of Object.entries({ allOf, anyOf, oneOf }))
    for (const [i, part] of parts.entries())
      errors.push(...checkJunction(`${field}.${name}[${i}]`, part, parent));
  if (not !== undefined) errors.push(...checkJunction(`${field}.not`, not, parent));
  return errors;
}

/** The property that is missing outside of the junction. */
function fieldOfParent(field: string, name: string): string {
  return `${field.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\].*$|\.not.*$/, "")}.properties[${name}]`;
}
