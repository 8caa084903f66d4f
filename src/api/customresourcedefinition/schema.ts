/** The schema of apiextensions.k8s.io/v1 CustomResourceDefinition (apiextensions/v1 types.go). Sent as JSON only. */
import { kindSchema } from "../meta/kind-schema.ts";
import {
  boolean,
  int32,
  int64,
  json,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  strings,
  time,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import { jsonSchemaPropsSchema } from "./json-schema-props.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionStatus,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceSubresourceScale,
  JSONSchemaProps,
  SelectableField,
} from "./type.ts";

const PREFIX = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";
const ATOMIC = { list: { type: "atomic" } } as const;

const namesSchema: ObjectSchema<CustomResourceDefinitionNames> = objectSchema(
  `${PREFIX}CustomResourceDefinitionNames`,
  "What the kind and its resource are called.",
  {
    plural: required(string(0, "The resource in URLs, lower case.")),
    singular: string(0, "For one object; the kind in lower case if it is not given."),
    shortNames: strings(0, "Shorter names for kubectl.", ATOMIC),
    kind: required(string(0, "The kind, in CamelCase.")),
    listKind: string(0, "The kind of lists; the kind with List after it if it is not given."),
    categories: strings(0, "Groups that kubectl get shows together, such as all.", ATOMIC),
  },
);

const columnSchema: ObjectSchema<CustomResourceColumnDefinition> = objectSchema(
  `${PREFIX}CustomResourceColumnDefinition`,
  "A column of kubectl get.",
  {
    name: required(string(0, "The heading.")),
    type: required(string(0, "integer, number, string, boolean or date.")),
    format: string(0, "A kind of the type, such as int32."),
    description: string(0, "What the column says."),
    priority: int32(0, "Above 0 only with -o wide."),
    jsonPath: required(string(0, "Where the value is, such as .spec.replicas.")),
  },
);

const scaleSchema: ObjectSchema<CustomResourceSubresourceScale> = objectSchema(
  `${PREFIX}CustomResourceSubresourceScale`,
  "Where the parts of a Scale are.",
  {
    specReplicasPath: required(string(0, "The wanted replicas, under .spec.")),
    statusReplicasPath: required(string(0, "The replicas there are, under .status.")),
    labelSelectorPath: pointer(string(0, "The selector as text, under .status or .spec.")),
  },
);

const subresourcesSchema: ObjectSchema<CustomResourceSubresources> = objectSchema(
  `${PREFIX}CustomResourceSubresources`,
  "Parts of an object with paths of their own.",
  {
    status: pointer(json(0, "If it is there, /status is served, and the main path ignores status.")),
    scale: pointer(object(0, scaleSchema, "If it is there, /scale is served.")),
  },
);

const validationSchema: ObjectSchema<{ openAPIV3Schema?: JSONSchemaProps }> = objectSchema(
  `${PREFIX}CustomResourceValidation`,
  "What the objects are like.",
  { openAPIV3Schema: pointer(object(0, jsonSchemaPropsSchema, "The schema of the objects.")) },
);

const versionSchema: ObjectSchema<CustomResourceDefinitionVersion> = objectSchema(
  `${PREFIX}CustomResourceDefinitionVersion`,
  "One version of the kind.",
  {
    name: required(string(0, "The version's name in URLs, such as v1.")),
    served: required(boolean(0, "Whether the version is served.")),
    storage: required(boolean(0, "Whether objects are stored in this version. True for exactly one.")),
    deprecated: boolean(0, "Whether requests get a warning."),
    deprecationWarning: pointer(string(0, "The text of that warning.")),
    schema: pointer(object(0, validationSchema, "What the objects of this version are like.")),
    subresources: pointer(object(0, subresourcesSchema, "Parts of an object with paths of their own.")),
    additionalPrinterColumns: list(
      0,
      columnSchema,
      "The columns of kubectl get; age if none are given.",
      ATOMIC,
    ),
    selectableFields: list(
      0,
      objectSchema<SelectableField>(`${PREFIX}SelectableField`, "A field for field selectors.", {
        jsonPath: required(string(0, "Where the value is, such as .spec.color.")),
      }),
      "Fields that field selectors may name.",
      ATOMIC,
    ),
  },
);

const conversionSchema: ObjectSchema<CustomResourceConversion> = objectSchema(
  `${PREFIX}CustomResourceConversion`,
  "How objects of one version become objects of another.",
  {
    strategy: required(string(0, "None: only apiVersion changes. Webhooks are not supported.")),
    webhook: pointer(json(0, "Not supported.")),
  },
);

const specSchema: ObjectSchema<CustomResourceDefinitionSpec> = objectSchema(
  `${PREFIX}CustomResourceDefinitionSpec`,
  "The kind.",
  {
    group: required(string(0, "The API group, a domain name.")),
    names: required(object(0, namesSchema, "What the kind and its resource are called.")),
    scope: required(string(0, "Cluster or Namespaced.")),
    versions: required(list(0, versionSchema, "The versions of the kind.", ATOMIC)),
    conversion: pointer(object(0, conversionSchema, "How versions become each other.")),
    preserveUnknownFields: boolean(0, "Must not be true any more."),
  },
);

const conditionSchema: ObjectSchema<CustomResourceDefinitionCondition> = objectSchema(
  `${PREFIX}CustomResourceDefinitionCondition`,
  "One aspect of a definition's state.",
  {
    type: required(string(0, "NamesAccepted, Established or Terminating.")),
    status: required(oneOf(0, ["True", "False", "Unknown"], "Whether it holds.")),
    lastTransitionTime: time(0, "When the status changed last."),
    reason: string(0, "Why, as one word for programs."),
    message: string(0, "Why, for people."),
    observedGeneration: int64(0, "The generation that this was true of."),
  },
);

const statusSchema: ObjectSchema<CustomResourceDefinitionStatus> = objectSchema(
  `${PREFIX}CustomResourceDefinitionStatus`,
  "Whether the kind is served, and under what names.",
  {
    conditions: {
      ...required(
        list(0, conditionSchema, "Aspects of the state.", { list: { type: "map", keys: ["type"] } }),
      ),
      optional: true,
    },
    acceptedNames: { ...required(object(0, namesSchema, "The names in use.")), optional: true },
    storedVersions: {
      ...required(strings(0, "The versions that objects were ever stored in.", ATOMIC)),
      optional: true,
    },
  },
);

export const customResourceDefinitionSchema: ObjectSchema<CustomResourceDefinition> = kindSchema(
  `${PREFIX}CustomResourceDefinition`,
  "A kind of objects that this server serves though it was not built in. Its name is <plural>.<group>.",
  {
    spec: required(object(0, specSchema, "The kind.")),
    status: object(0, statusSchema, "Whether the kind is served; written by the system."),
  },
);
