/** Rules of metadata that all kinds share (apimachinery api/validation/objectmeta.go, core ValidateObjectMeta). */
import type { FieldError } from "../field-error.ts";
import { forbiddenField, immutable, invalidValue, required, tooLong } from "../field-error.ts";
import { checkLabels, checkNonNegative, checkSyntax } from "../validation/checks.ts";
import { dns1123LabelComplaints, qualifiedNameComplaints } from "../validation/names.ts";
import type { ObjectMeta, OwnerReference } from "./type.ts";

/** The most bytes that keys and values of annotations may have together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

export interface ObjectMetaRules {
  readonly namespaced: boolean;
  /** The syntax of the kind's names. */
  readonly nameComplaints: (name: string) => readonly string[];
  /**
   * Finalizers need no domain: so outside of the core's own kinds (of pkg/apis/core/validation ValidateObjectMeta).
   * @default false
   */
  readonly plainFinalizers?: boolean;
}

export function validateObjectMeta(metadata: ObjectMeta, rules: ObjectMetaRules): FieldError[] {
  const { name = "", generateName = "", namespace = "" } = metadata;
  const errors: FieldError[] = [];
  // What is appended to a generateName makes a dash at its end good.
  if (generateName !== "")
    errors.push(
      ...rules
        .nameComplaints(generateName.replace(/(?<=.)-$/, "a"))
        .map((complaint) => invalidValue("metadata.generateName", generateName, complaint)),
    );
  if (name === "") errors.push(required("metadata.name", "name or generateName is required"));
  else errors.push(...checkSyntax("metadata.name", name, rules.nameComplaints));
  if (rules.namespaced) {
    if (namespace === "") errors.push(required("metadata.namespace"));
    else errors.push(...checkSyntax("metadata.namespace", namespace, dns1123LabelComplaints));
  } else if (namespace !== "") errors.push(forbiddenField("metadata.namespace", "not allowed on this type"));
  errors.push(
    ...checkNonNegative("metadata.generation", metadata.generation),
    ...checkLabels("metadata.labels", metadata.labels),
    ...checkAnnotations("metadata.annotations", metadata.annotations),
    ...checkOwners(metadata.ownerReferences ?? []),
    ...checkFinalizers(metadata.finalizers ?? [], rules.plainFinalizers),
  );
  return errors;
}

/** What an update may not change. Both are as stored: the server has filled in what the client left out. */
export function validateObjectMetaUpdate(
  metadata: ObjectMeta,
  old: ObjectMeta,
  { plainFinalizers }: Pick<ObjectMetaRules, "plainFinalizers"> = {},
): FieldError[] {
  const errors: FieldError[] = [];
  const fixed = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ] as const;
  for (const field of fixed)
    if (metadata[field] !== old[field]) errors.push(immutable(`metadata.${field}`, metadata[field]));
  if ((metadata.generation ?? 0) < (old.generation ?? 0))
    errors.push(invalidValue("metadata.generation", metadata.generation ?? 0, "must not be decremented"));
  errors.push(
    ...checkLabels("metadata.labels", metadata.labels),
    ...checkAnnotations("metadata.annotations", metadata.annotations),
    ...checkOwners(metadata.ownerReferences ?? []),
    ...checkFinalizers(metadata.finalizers ?? [], plainFinalizers),
  );
  return errors;
}

/** Keys of annotations, and the size of all together. */
export function checkAnnotations(
  field: string,
  annotations: Readonly<Record<string, string>> = {},
): FieldError[] {
  let bytes = 0;
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(annotations)) {
    // Unlike a label's, an annotation's prefix may have capitals.
    errors.push(...qualifiedNameComplaints(key.toLowerCase()).map((text) => invalidValue(field, key, text)));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(field, MAX_ANNOTATION_BYTES));
  return errors;
}

function checkOwners(owners: readonly OwnerReference[]): FieldError[] {
  const field = "metadata.ownerReferences";
  const errors: FieldError[] = [];
  let controller: OwnerReference | undefined;
  for (const owner of owners) {
    if (owner.apiVersion === "")
      errors.push(invalidValue(`${field}.apiVersion`, owner.apiVersion, "version must not be empty"));
    for (const part of ["kind", "name", "uid"] as const)
      if (owner[part] === "") errors.push(invalidValue(`${field}.${part}`, owner[part], "must not be empty"));
    if (owner.kind === "Event" && owner.apiVersion === "v1")
      errors.push(invalidValue(field, owner, "/v1, Kind=Event is disallowed from being an owner"));
    if (owner.controller !== true) continue;
    if (controller !== undefined) {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller.name} and ${owner.name}`;
      errors.push(invalidValue(field, owners, detail));
    }
    controller ??= owner;
  }
  return errors;
}

/** Finalizers that need no domain. */
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(["kubernetes", "orphan", "foregroundDeletion"]);

function checkFinalizers(finalizers: readonly string[], plain = false): FieldError[] {
  const field = "metadata.finalizers";
  const errors = finalizers.flatMap((name) => {
    const syntax = checkSyntax(field, name, qualifiedNameComplaints);
    if (!plain && !name.includes("/") && !STANDARD_FINALIZERS.has(name)) {
      const detail = "name is neither a standard finalizer name nor is it fully qualified";
      syntax.push(invalidValue(field, name, detail));
    }
    return syntax;
  });
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion"))
    errors.push(
      invalidValue(field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"),
    );
  return errors;
}
