/** The rules of metadata that are the same for all kinds (apiserver pkg/registry/rest and pkg/api/validation). */
import { randomInt, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from "../../api/field-error.ts";
import type { KindName } from "../../api/kind.ts";
import type { KubeObject, Time } from "../../api/meta/type.ts";
import { badRequest } from "../../api/status-errors.ts";
import type { ObjectKey } from "../registry.ts";

/** Thousands of writes happen in one second, and formatting it is a good part of what their metadata costs. */
const latest = { second: Number.NaN, text: "" };

/** RFC 3339 in UTC with second precision. */
export function formatTime(milliseconds: number): Time {
  const second = Math.floor(milliseconds / 1000);
  if (second !== latest.second) {
    latest.second = second;
    latest.text = `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
  }
  return latest.text;
}

/** Letters that make no words: what upstream ends generated names with (apimachinery util/rand). */
const SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;
const MAX_GENERATED_NAME = 63;

/** `base` with five random letters, cut so that the whole is a DNS label. */
export function generateName(base: string): string {
  let suffix = "";
  for (let i = 0; i < SUFFIX_LENGTH; i++) suffix += SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)]!;
  return base.slice(0, MAX_GENERATED_NAME - SUFFIX_LENGTH) + suffix;
}

/** Checks the namespace of the object against that of the request, and fills it in. Throws 400. */
export function placeInNamespace(kind: KindName, namespace: string | undefined, object: KubeObject): void {
  const { metadata } = object;
  if (!kind.namespaced) {
    if (metadata.namespace !== undefined && metadata.namespace !== "")
      throw badRequest("namespace may not be set on an object that belongs to none");
    delete metadata.namespace;
    return;
  }
  if (namespace === undefined || namespace === "")
    throw badRequest("an empty namespace may not be set during creation");
  if (metadata.namespace !== undefined && metadata.namespace !== "" && metadata.namespace !== namespace)
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  metadata.namespace = namespace;
}

/** Checks the name of the object against that of the request, and fills it in. Throws 400. */
export function checkName(object: KubeObject, name: string): void {
  const given = object.metadata.name ?? "";
  if (given !== "" && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  object.metadata.name = name;
}

/** What the server decides about a new object, whatever the client wrote. */
export function startMetadata({ metadata }: KubeObject, now: number, counted: boolean): void {
  metadata.uid = randomUUID();
  metadata.creationTimestamp = formatTime(now);
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.managedFields;
  if (counted) metadata.generation = 1;
  else delete metadata.generation;
}

/** What an update cannot change comes from the stored object. */
export function keepMetadata({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  metadata.name = old.name!;
  metadata.uid = old.uid!;
  metadata.creationTimestamp = old.creationTimestamp!;
  if (old.namespace !== undefined) metadata.namespace = old.namespace;
  if (old.generation === undefined) delete metadata.generation;
  else metadata.generation = old.generation;
  if (old.deletionTimestamp === undefined) delete metadata.deletionTimestamp;
  else metadata.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds === undefined) delete metadata.deletionGracePeriodSeconds;
  else metadata.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds;
  delete metadata.resourceVersion;
  delete metadata.managedFields;
}

/** Counts a change of anything but metadata and status. */
export function countGeneration(object: KubeObject, old: KubeObject): void {
  if (!isDeepStrictEqual(desired(object), desired(old)))
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

function desired(object: KubeObject): Record<string, unknown> {
  const rest: Record<string, unknown> = { ...object };
  for (const name of ["metadata", "status", "kind", "apiVersion"]) delete rest[name];
  return rest;
}

/** Of a new object: it must have a name by now. */
export function validateNewMetadata({ metadata }: KubeObject): FieldError[] {
  if (metadata.name === undefined || metadata.name === "")
    return [required("metadata.name", "name or generateName is required")];
  return [];
}

/** The most bytes of a field manager's name (metav1validation.FieldManagerMaxLength), and of a subresource's. */
const MAX_MANAGER = 128;
const MAX_SUBRESOURCE = 256;

/** Of entries that a client made up: those that mean nothing have been left out already (ValidateManagedFields). */
export function validateManagedFields({ metadata: { managedFields = [] } }: KubeObject): FieldError[] {
  return managedFields.flatMap(({ manager = "", subresource = "" }, at) => {
    const field = `metadata.managedFields[${at}]`;
    const errors: FieldError[] = [];
    if (Buffer.byteLength(manager) > MAX_MANAGER) errors.push(tooLong(`${field}.manager`, MAX_MANAGER));
    // Each write comes by here, and nearly every name is plain: the classes of Unicode take 2 µs.
    const unprintable = /^[ -~]*$/.test(manager) ? null : /[^\P{C}]|[^\P{Z} ]/u.exec(manager);
    if (unprintable !== null) {
      const code = unprintable[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
      const position = Buffer.byteLength(manager.slice(0, unprintable.index));
      const detail = `invalid character U+${code} (at position ${position})`;
      errors.push(invalidValue(`${field}.manager`, manager, detail));
    }
    if (Buffer.byteLength(subresource) > MAX_SUBRESOURCE)
      errors.push(tooLong(`${field}.subresource`, MAX_SUBRESOURCE));
    return errors;
  });
}

/** Of an update: finalizers cannot be added to an object that is going (ValidateObjectMetaAccessorUpdate). */
export function validateMetadataUpdate(
  { metadata }: KubeObject,
  { metadata: old }: KubeObject,
): FieldError[] {
  if (old.deletionTimestamp === undefined) return [];
  const known = new Set(old.finalizers);
  const added = (metadata.finalizers ?? []).filter((finalizer) => !known.has(finalizer));
  if (added.length === 0) return [];
  const shown = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
  return [
    forbiddenField(
      "metadata.finalizers",
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown}}`,
    ),
  ];
}

export function keyOf({ metadata: { namespace, name } }: KubeObject): ObjectKey {
  return namespace === undefined ? { name: name! } : { namespace, name: name! };
}
