/** Patches of any kind: from a request's body to the patched object, with the API server's refusals. */
import type { ApiError } from "../api-error.ts";
import { invalidValue } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { structure, StructureError } from "../schema/json/structure.ts";
import { isTooDeep, TOO_DEEP } from "../schema/json/depth.ts";
import { duplicateFields } from "../schema/json/duplicates.ts";
import type { DecodeOptions } from "../schema/body.ts";
import { badRequest, invalid, unsupportedMediaType } from "../status-errors.ts";
import { apiVersionOf } from "../kind.ts";
import { goFormat } from "./go-format.ts";
import { parseApplyConfig } from "./apply-config.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";

export type PatchType = "json" | "merge" | "strategic";

export interface Patch {
  readonly type: PatchType;
  readonly patch: unknown;
}

/** What is to be applied on the server; src/api/apply says what that means. */
export interface ApplyConfig {
  readonly type: "apply";
  readonly patch: unknown;
}

/** The media types of patch bodies. */
export const PATCH_MEDIA_TYPES: Readonly<Record<string, PatchType | "apply">> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** Those that custom resources have, as a 415 lists them. */
const CUSTOM_PATCH_MEDIA_TYPES: readonly string[] = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/apply-patch+yaml",
];

/**
 * Reads the body of a PATCH. `mediaType` without parameters.
 * Throws ApiError: 415 for another media type, 400 for malformed JSON, or duplicate keys under strict validation.
 */
export function parsePatch(
  mediaType: string,
  body: Uint8Array,
  { fieldValidation, warn }: DecodeOptions,
): Patch | ApplyConfig {
  const type = Object.hasOwn(PATCH_MEDIA_TYPES, mediaType) ? PATCH_MEDIA_TYPES[mediaType] : undefined;
  if (type === undefined) throw unsupportedMediaType(Object.keys(PATCH_MEDIA_TYPES));
  const text = decodeText(body);
  if (type === "apply") return { type, patch: parseApplyConfig(text, { fieldValidation, warn }) };
  let patch: unknown;
  try {
    patch = JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
  if (isTooDeep(patch)) throw badRequest(`error decoding patch: ${TOO_DEEP}`);
  if (fieldValidation !== "Ignore") {
    const duplicates = duplicateFields(text);
    if (duplicates.length > 0 && fieldValidation === "Strict")
      throw badRequest(`error decoding patch: strict decoding error: ${duplicates.join(", ")}`);
    for (const duplicate of duplicates) warn?.(duplicate);
  }
  return { type, patch };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decodeText(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch {
    throw badRequest("error decoding patch: the body is not valid UTF-8");
  }
}

/**
 * The object that the patch makes of `current`, canonical but not validated; `current` is not changed.
 * Throws ApiError: 400 for a patch that makes no sense, 413, or 422 when it does not apply or its result is no object of
 * the kind.
 */
export function applyPatch<T extends KubeObject>(
  kind: Kind<T>,
  current: T,
  { type, patch }: Patch,
  options: DecodeOptions,
): T {
  const patched = patchedValue(kind, current, type, patch);
  // What upstream shows as the refused value: the result, or for a strategic merge the patch.
  const shown = type === "strategic" ? goFormat(patch) : JSON.stringify(patched);
  let structured;
  try {
    structured = structure(kind.schema, patched);
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    throw notAnObject(shown, error.message);
  }
  if (options.fieldValidation !== "Ignore" && structured.unknownFields.length > 0) {
    if (options.fieldValidation === "Strict")
      throw notAnObject(shown, `strict decoding error: ${structured.unknownFields.join(", ")}`);
    for (const text of structured.unknownFields) options.warn?.(text);
  }
  const { object } = structured;
  if (
    (object.apiVersion ?? apiVersionOf(kind)) !== apiVersionOf(kind) ||
    (object.kind ?? kind.kind) !== kind.kind
  )
    throw notAnObject(
      shown,
      `a patch cannot make a ${kind.kind} into ${object.apiVersion ?? ""} ${object.kind ?? ""}`,
    );
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  return object;
}

function patchedValue(kind: Kind, current: KubeObject, type: PatchType, patch: unknown): unknown {
  switch (type) {
    case "json":
      return applyJsonPatch(current, patch);
    case "merge":
      if (typeof patch !== "object" || patch === null || Array.isArray(patch))
        throw badRequest("a merge patch of an object is a JSON object");
      return applyMergePatch(current, patch);
    case "strategic":
      // It goes by a built-in type's merge keys, which custom resources do not have.
      if (kind.custom === true) throw unsupportedMediaType(CUSTOM_PATCH_MEDIA_TYPES);
      return applyStrategicMerge(kind.schema, current as unknown as Record<string, unknown>, patch);
    default:
      return type satisfies never;
  }
}

function notAnObject(shown: string, why: string): ApiError {
  return invalid({ group: "", kind: "" }, "", [invalidValue("patch", shown, why)]);
}
