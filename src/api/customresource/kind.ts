/** A version of a CustomResourceDefinition as a kind like any other. */
import { isDeepStrictEqual } from "node:util";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
  JSONSchemaProps,
} from "../customresourcedefinition/type.ts";
import type { FieldError } from "../field-error.ts";
import type { FieldReader, Kind, ScaleSubresource, Verb } from "../kind.ts";
import { apiVersionOf } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import { customColumns } from "./columns.ts";
import { setSchemaDefaults } from "./defaulting.ts";
import { customObjectSchema } from "./object-schema.ts";
import { parsePath, setAt, valueAt, valuesAt } from "./simple-path.ts";
import { validateValue } from "./validation.ts";

type CustomObject = KubeObject & { status?: unknown };

/** While a definition is going, no objects of it can be made, not by patches either (which the catalog cannot tell). */
const TERMINATING_VERBS: readonly Verb[] = [
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

/**
 * The kinds of a definition's served versions. Objects are stored in the storage version; the others show the same ones
 * with another apiVersion (conversion strategy None). The storage version comes first, whether it is served or not.
 */
export function customResourceKinds(definition: CustomResourceDefinition): {
  readonly stored: Kind;
  readonly served: readonly Kind[];
} {
  const { versions } = definition.spec;
  const storage = versions.find((version) => version.storage)!;
  const stored = kindOf(definition, storage);
  const served = versions
    .filter((version) => version.served)
    .map((version) => (version === storage ? stored : viewOf(kindOf(definition, version), stored)));
  return { stored, served };
}

/** The kind of a definition that is going. Its schema is the same, so watches of it stay open for the last objects. */
export function terminating(kind: Kind): Kind {
  return { ...kind, verbs: TERMINATING_VERBS };
}

function viewOf(kind: Kind, of: Kind): Kind {
  const as =
    (to: Kind) =>
    (object: KubeObject): KubeObject => ({ ...object, apiVersion: apiVersionOf(to), kind: to.kind });
  return { ...kind, view: { of, fromStored: as(kind), toStored: as(of) } };
}

function kindOf(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): Kind {
  const { group, names, scope } = definition.spec;
  const schema: JSONSchemaProps = version.schema?.openAPIV3Schema ?? { type: "object" };
  const namespaced = scope === "Namespaced";
  const status = version.subresources?.status !== undefined;
  const scale = version.subresources?.scale;
  const reversed = group.split(".").reverse().join(".");
  const rules = { namespaced, nameComplaints: dns1123SubdomainComplaints, plainFinalizers: true };
  const warning = deprecationOf(definition, version);
  const kind: Kind<CustomObject> = {
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced,
    schema: customObjectSchema(`${reversed}.${version.name}.${names.kind}`, schema),
    columns: customColumns(version),
    subresources: { ...(status && { status }), ...(scale !== undefined && { scale: scaleOf(scale) }) },
    ...(status && { statusResets: [["metadata"]] }),
    protobuf: false,
    custom: true,
    generation: true,
    selectableFields: selectableFieldsOf(version),
    setDefaults(object) {
      object.apiVersion = `${group}/${version.name}`;
      setSchemaDefaults(schema, object);
    },
    prepareForCreate(object) {
      if (status) delete object.status;
    },
    prepareForUpdate(object, old) {
      if (status) restore(object, old, "status");
      // Without the subresource a status is a part of what is wanted.
      else if (!isDeepStrictEqual(object.status, old.status))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    prepareForStatusUpdate(object, old) {
      for (const name of new Set([...Object.keys(object), ...Object.keys(old)]))
        if (!["apiVersion", "kind", "metadata", "status"].includes(name)) restore(object, old, name);
      const { resourceVersion, managedFields } = object.metadata;
      object.metadata = structuredClone(old.metadata);
      delete object.metadata.resourceVersion;
      if (resourceVersion !== undefined) object.metadata.resourceVersion = resourceVersion;
      if (managedFields !== undefined) object.metadata.managedFields = managedFields;
    },
    validate: (object) => [
      ...validateObjectMeta(object.metadata, rules),
      ...validateMetadata(schema, object),
      ...validateValue(schema, object, ""),
      ...(scale === undefined ? [] : validateScale(scale, object)),
    ],
    validateUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata, rules),
      ...validateValue(schema, object, ""),
      ...(scale === undefined ? [] : validateScale(scale, object)),
    ],
    validateStatusUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata, rules),
      ...validateValue(schema, object, ""),
      ...(scale === undefined ? [] : validateScale(scale, object)),
    ],
    ...(warning !== undefined && { deprecation: warning }),
  };
  return kind;
}

/** Gives a field the value it had, or takes it away if it had none. Mutates. */
function restore(object: CustomObject, old: CustomObject, name: string): void {
  const to = object as unknown as Record<string, unknown>;
  const from = old as unknown as Record<string, unknown>;
  if (from[name] === undefined) delete to[name];
  else to[name] = structuredClone(from[name]);
}

/** What the schema says about the object's own name (nothing else of metadata may be in a schema). */
function validateMetadata(schema: JSONSchemaProps, { metadata }: KubeObject): FieldError[] {
  const rules = schema.properties?.["metadata"];
  if (rules === undefined) return [];
  const { name, generateName } = metadata;
  const given = Object.entries({ name, generateName }).filter(([, text]) => text !== undefined);
  return validateValue({ ...rules, type: "object" }, Object.fromEntries(given), "metadata");
}

function validateScale(scale: CustomResourceSubresourceScale, object: KubeObject): FieldError[] {
  return [scale.specReplicasPath, scale.statusReplicasPath].flatMap((path) => {
    const replicas = valueAt(path, object);
    return typeof replicas === "number" && replicas < 0
      ? [
          {
            type: "Invalid" as const,
            field: path.slice(1),
            value: replicas,
            detail: "should be a non-negative integer",
          },
        ]
      : [];
  });
}

function scaleOf({
  specReplicasPath,
  statusReplicasPath,
  labelSelectorPath,
}: CustomResourceSubresourceScale): ScaleSubresource<KubeObject> {
  const count = (path: string, object: KubeObject): number => {
    const value = valueAt(path, object);
    return typeof value === "number" ? value : 0;
  };
  return {
    read(object) {
      const selector = labelSelectorPath === undefined ? "" : valueAt(labelSelectorPath, object);
      return {
        replicas: count(specReplicasPath, object),
        ready: count(statusReplicasPath, object),
        selector: typeof selector === "string" ? selector : "",
      };
    },
    write(object, replicas) {
      setAt(specReplicasPath, object as unknown as Record<string, unknown>, replicas);
    },
  };
}

function selectableFieldsOf({
  selectableFields = [],
}: CustomResourceDefinitionVersion): Record<string, FieldReader<CustomObject>> {
  return Object.fromEntries(
    selectableFields.map(({ jsonPath }) => {
      const steps = parsePath(jsonPath) ?? [];
      const read: FieldReader<CustomObject> = (object) => {
        const [value] = valuesAt(steps, object);
        if (typeof value === "string") return value;
        return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
      };
      return [jsonPath.slice(1), read];
    }),
  );
}

function deprecationOf(
  { spec: { group, names } }: CustomResourceDefinition,
  { name, deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
): string | undefined {
  if (deprecated !== true) return undefined;
  return deprecationWarning ?? `${group}/${name} ${names.kind} is deprecated`;
}
