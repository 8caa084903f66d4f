/** Which CustomResourceDefinitions are acceptable (apiextensions/validation ValidateCustomResourceDefinition and its kin). */
import type { FieldError } from "../field-error.ts";
import { duplicate, forbiddenField, immutable, invalidValue, required } from "../field-error.ts";
import { isSimplePath } from "../customresource/simple-path.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkOneOf, checkSyntax } from "../validation/checks.ts";
import { dns1035LabelComplaints, dns1123SubdomainComplaints } from "../validation/names.ts";
import { checkDefinitionSchema } from "./schema-validation.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionStatus,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "./type.ts";
import { isConditionTrue } from "./type.ts";

const PLAIN = { plainFinalizers: true };
const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];

export function validateDefinition({ metadata, spec, status }: CustomResourceDefinition): FieldError[] {
  const name = `${spec.names.plural}.${spec.group}`;
  const nameComplaints = (text: string): string[] =>
    text === name ? [] : ['must be spec.names.plural+"."+spec.group'];
  return [
    ...validateObjectMeta(metadata, { namespaced: false, nameComplaints, ...PLAIN }),
    ...checkSpec(spec),
    ...checkStoredVersions(spec, status),
  ];
}

export function validateDefinitionUpdate(
  { metadata, spec, status }: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors = [
    ...validateObjectMetaUpdate(metadata, old.metadata, PLAIN),
    ...checkSpec(spec),
    ...checkStoredVersions(spec, status),
  ];
  const { names } = spec;
  // Where objects are in the store, and what they are, hangs on these.
  if (isConditionTrue(old, "Established")) {
    if (spec.scope !== old.spec.scope) errors.push(immutable("spec.scope", spec.scope));
    if (names.kind !== old.spec.names.kind) errors.push(immutable("spec.names.kind", names.kind));
  }
  if (spec.group !== old.spec.group) errors.push(immutable("spec.group", spec.group));
  if (names.plural !== old.spec.names.plural) errors.push(immutable("spec.names.plural", names.plural));
  return errors;
}

export function validateDefinitionStatusUpdate(
  { metadata, spec, status }: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  return [...validateObjectMetaUpdate(metadata, old.metadata, PLAIN), ...checkStoredVersions(spec, status)];
}

/** Warnings for what is accepted but has no effect here. */
export function definitionWarnings({ spec }: CustomResourceDefinition): string[] {
  return spec.versions
    .filter(({ schema }) => JSON.stringify(schema ?? {}).includes('"x-kubernetes-validations":['))
    .map(
      ({ name }) =>
        `spec.versions: the x-kubernetes-validations (CEL rules) of version ${JSON.stringify(name)} are kept but not evaluated: objects that break them are accepted`,
    );
}

function checkSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  const errors: FieldError[] = [];
  const { group, versions, conversion } = spec;
  if (group === "") errors.push(required("spec.group"));
  else {
    errors.push(...checkSyntax("spec.group", group, dns1123SubdomainComplaints));
    if (!group.includes("."))
      errors.push(invalidValue("spec.group", group, "should be a domain with at least one dot"));
  }
  errors.push(...checkOneOf("spec.scope", spec.scope, ["Cluster", "Namespaced"]));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalidValue("spec.versions", versions, "must have exactly one version marked as storage version"),
    );
  if (new Set(versions.map(({ name }) => name)).size !== versions.length)
    errors.push(invalidValue("spec.versions", versions, "must contain unique version names"));
  errors.push(
    ...versions.flatMap((version, i) => checkVersion(`spec.versions[${i}]`, version)),
    ...checkNames("spec.names", spec.names),
  );
  if (spec.preserveUnknownFields === true)
    errors.push(
      invalidValue(
        "spec.preserveUnknownFields",
        true,
        "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
      ),
    );
  const strategy = conversion?.strategy;
  if (strategy === "Webhook")
    errors.push(
      forbiddenField(
        "spec.conversion.strategy",
        "this server has no conversion webhooks; only None is supported",
      ),
    );
  else {
    errors.push(...checkOneOf("spec.conversion.strategy", strategy, ["None", "Webhook"]));
    if (conversion?.webhook !== undefined)
      errors.push(
        forbiddenField("spec.conversion.webhook", "should not be set when strategy is not set to Webhook"),
      );
  }
  return errors;
}

function checkVersion(field: string, version: CustomResourceDefinitionVersion): FieldError[] {
  const errors = checkSyntax(`${field}.name`, version.name, dns1035LabelComplaints);
  const schema = version.schema?.openAPIV3Schema;
  const at = `${field}.schema.openAPIV3Schema`;
  if (schema === undefined) errors.push(required(at, "schemas are required"));
  else errors.push(...checkDefinitionSchema(at, schema));
  const { additionalPrinterColumns = [], selectableFields = [], subresources } = version;
  if ((version.deprecationWarning ?? "") !== "" && version.deprecated !== true)
    errors.push(
      invalidValue(
        `${field}.deprecationWarning`,
        version.deprecationWarning,
        "can only be set for deprecated versions",
      ),
    );
  errors.push(
    ...additionalPrinterColumns.flatMap((column, i) =>
      checkColumn(`${field}.additionalPrinterColumns[${i}]`, column),
    ),
  );
  const paths = new Set<string>();
  for (const [i, { jsonPath }] of selectableFields.entries()) {
    const path = `${field}.selectableFields[${i}].jsonPath`;
    errors.push(...checkPath(path, jsonPath, []));
    if (paths.has(jsonPath)) errors.push(duplicate(path, jsonPath));
    paths.add(jsonPath);
  }
  if (subresources?.scale !== undefined)
    errors.push(...checkScale(`${field}.subresources.scale`, subresources.scale));
  return errors;
}

function checkColumn(field: string, { name, type, jsonPath }: CustomResourceColumnDefinition): FieldError[] {
  const errors = name === "" ? [required(`${field}.name`)] : [];
  errors.push(...checkOneOf(`${field}.type`, type, COLUMN_TYPES));
  if (jsonPath === "") errors.push(required(`${field}.jsonPath`));
  else if (!jsonPath.startsWith("."))
    errors.push(invalidValue(`${field}.jsonPath`, jsonPath, "must be a json path that starts with a dot"));
  return errors;
}

function checkScale(field: string, scale: CustomResourceSubresourceScale): FieldError[] {
  return [
    ...checkPath(`${field}.specReplicasPath`, scale.specReplicasPath, [".spec."]),
    ...checkPath(`${field}.statusReplicasPath`, scale.statusReplicasPath, [".status."]),
    ...(scale.labelSelectorPath === undefined
      ? []
      : checkPath(`${field}.labelSelectorPath`, scale.labelSelectorPath, [".status.", ".spec."])),
  ];
}

/** A path of names only, under one of `roots` if there are any. */
function checkPath(field: string, path: string, roots: readonly string[]): FieldError[] {
  if (path === "") return [required(field)];
  if (!isSimplePath(path))
    return [invalidValue(field, path, "must be a simple json path: a dot before each field name")];
  if (roots.length === 0 || roots.some((root) => path.startsWith(root))) return [];
  const names = roots.map((root) => root.slice(0, -1));
  const where = names.length > 1 ? `either ${names.join(" or ")}` : names[0]!;
  return [invalidValue(field, path, `should be a json path under ${where}`)];
}

function checkNames(field: string, names: CustomResourceDefinitionNames): FieldError[] {
  const { plural, singular = "", kind, listKind = "", shortNames = [], categories = [] } = names;
  const errors: FieldError[] = [];
  const mixed = (text: string): string[] =>
    dns1035LabelComplaints(text.toLowerCase()).map(
      (complaint) => `may have mixed case, but should otherwise match: ${complaint}`,
    );
  if (plural === "") errors.push(required(`${field}.plural`));
  else errors.push(...checkSyntax(`${field}.plural`, plural, dns1035LabelComplaints));
  if (singular === "") errors.push(required(`${field}.singular`));
  else errors.push(...checkSyntax(`${field}.singular`, singular, dns1035LabelComplaints));
  if (kind === "") errors.push(required(`${field}.kind`));
  else errors.push(...checkSyntax(`${field}.kind`, kind, mixed));
  if (listKind === "") errors.push(required(`${field}.listKind`));
  else errors.push(...checkSyntax(`${field}.listKind`, listKind, mixed));
  for (const [name, texts] of Object.entries({ shortNames, categories }))
    for (const [i, text] of texts.entries())
      errors.push(...checkSyntax(`${field}.${name}[${i}]`, text, dns1035LabelComplaints));
  if (kind !== "" && kind === listKind)
    errors.push(invalidValue(`${field}.listKind`, listKind, "kind and listKind may not be the same"));
  return errors;
}

function checkStoredVersions(
  { versions }: CustomResourceDefinitionSpec,
  status: CustomResourceDefinitionStatus | undefined,
): FieldError[] {
  const field = "status.storedVersions";
  const stored = status?.storedVersions ?? [];
  const storage = versions.find((version) => version.storage);
  const errors = stored.flatMap((name, i) =>
    versions.some((version) => version.name === name)
      ? []
      : [invalidValue(`${field}[${i}]`, name, "must appear in spec.versions")],
  );
  if (stored.length === 0 && storage !== undefined)
    errors.push(invalidValue(field, stored, "must have at least one stored version"));
  else if (storage !== undefined && !stored.includes(storage.name))
    errors.push(invalidValue(field, stored, `must have the storage version ${storage.name}`));
  return errors;
}
