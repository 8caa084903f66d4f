/**
 * The schema of a JSON Schema inside a CustomResourceDefinition (apiextensions/v1 types_jsonschema.go). It contains
 * itself, and it is sent as JSON only, so its fields have no wire numbers.
 */
import {
  any,
  boolean,
  double,
  int64,
  list,
  object,
  objectSchema,
  pointer,
  string,
  strings,
} from "../schema/fields.ts";
import type { FieldSchema, ObjectSchema } from "../schema/schema.ts";
import type { JSONSchemaProps, ValidationRule } from "./type.ts";

const PREFIX = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";

const validationRuleSchema: ObjectSchema<ValidationRule> = objectSchema(
  `${PREFIX}ValidationRule`,
  "A rule in the Common Expression Language. It is kept and published, but not evaluated here.",
  {
    rule: { ...string(0, "The expression."), required: true },
    message: string(0, "What is said when it does not hold."),
    messageExpression: string(0, "An expression for the message."),
    reason: pointer(string(0, "The reason in the refusal.")),
    fieldPath: string(0, "The field that the refusal is about."),
    optionalOldSelf: pointer(boolean(0, "Whether the rule also runs on creation.")),
  },
);

/** Filled below: a schema has schemas inside. */
const fields = new Map<string, FieldSchema>();

export const jsonSchemaPropsSchema: ObjectSchema<JSONSchemaProps> = {
  type: "object",
  name: `${PREFIX}JSONSchemaProps`,
  description: "What values there may be: JSON Schema as Kubernetes knows it.",
  fields,
  wire: new Map(),
  atomic: false,
};

const schemaMap = (description: string): FieldSchema => ({
  number: 0,
  value: { type: "map", values: jsonSchemaPropsSchema },
  description,
  required: false,
  pointer: false,
});
const schemas = (description: string): FieldSchema =>
  list(0, jsonSchemaPropsSchema, description, { list: { type: "atomic" } });
const oneSchema = (description: string): FieldSchema =>
  pointer(object(0, jsonSchemaPropsSchema, description));

const EXTERNAL_DOCS = objectSchema<{ description?: string; url?: string }>(
  `${PREFIX}ExternalDocumentation`,
  "Where more is said.",
  { description: string(0, "What it is."), url: string(0, "Where it is.") },
);

const OWN: Readonly<Record<keyof JSONSchemaProps, FieldSchema>> = {
  id: string(0, "Not supported."),
  $schema: string(0, "The dialect; of no effect."),
  $ref: pointer(string(0, "Not supported.")),
  description: string(0, "What the value is, for kubectl explain."),
  type: string(0, "object, array, string, integer, number or boolean."),
  format: string(0, "A kind of string or number, such as date-time or int32."),
  title: string(0, "A short description."),
  default: any(0, "The value where none is given."),
  maximum: pointer(double(0, "The greatest number.")),
  exclusiveMaximum: boolean(0, "Numbers must be less than `maximum`, not equal."),
  minimum: pointer(double(0, "The least number.")),
  exclusiveMinimum: boolean(0, "Numbers must be more than `minimum`, not equal."),
  maxLength: pointer(int64(0, "The most characters.")),
  minLength: pointer(int64(0, "The fewest characters.")),
  pattern: string(0, "A regular expression that strings must match somewhere."),
  maxItems: pointer(int64(0, "The most items.")),
  minItems: pointer(int64(0, "The fewest items.")),
  uniqueItems: boolean(0, "Not supported; see x-kubernetes-list-type."),
  multipleOf: pointer(double(0, "Numbers must be multiples of this.")),
  enum: { ...any(0, "The values there are."), list: { type: "atomic" } },
  maxProperties: pointer(int64(0, "The most properties.")),
  minProperties: pointer(int64(0, "The fewest properties.")),
  required: strings(0, "Properties that must be there.", { list: { type: "atomic" } }),
  items: oneSchema("What items of an array are like."),
  allOf: schemas("All of these must hold."),
  oneOf: schemas("Exactly one of these must hold."),
  anyOf: schemas("At least one of these must hold."),
  not: oneSchema("This must not hold."),
  properties: schemaMap("What the properties of an object are like."),
  additionalProperties: any(0, "What properties without a schema of their own are like."),
  patternProperties: schemaMap("Not supported."),
  dependencies: any(0, "Not supported."),
  additionalItems: any(0, "Not supported."),
  definitions: schemaMap("Not supported."),
  externalDocs: pointer(object(0, EXTERNAL_DOCS, "Where more is said.")),
  example: any(0, "A value, for people."),
  nullable: boolean(0, "Whether null is a value."),
  "x-kubernetes-preserve-unknown-fields": pointer(
    boolean(0, "Fields without a schema are kept instead of being dropped."),
  ),
  "x-kubernetes-embedded-resource": boolean(0, "The value is an object with apiVersion, kind and metadata."),
  "x-kubernetes-int-or-string": boolean(0, "The value is a number or a string."),
  "x-kubernetes-list-map-keys": strings(
    0,
    "The fields by which items of a list of type map are told apart.",
    {
      list: { type: "atomic" },
    },
  ),
  "x-kubernetes-list-type": pointer(string(0, "How lists are merged: atomic, set or map.")),
  "x-kubernetes-map-type": pointer(string(0, "How objects are merged: granular or atomic.")),
  "x-kubernetes-validations": list(0, validationRuleSchema, "Rules in CEL, kept but not evaluated.", {
    list: { type: "map", keys: ["rule"] },
    patch: { strategy: "merge", key: "rule" },
  }),
};
for (const [name, field] of Object.entries(OWN)) fields.set(name, field);
