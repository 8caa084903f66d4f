/** The rules that ConfigMap and Secret share: keys, size, and what `immutable` forbids. */
import { isDeepStrictEqual } from "node:util";
import type { FieldError } from "../field-error.ts";
import { forbiddenField, invalidValue } from "../field-error.ts";
import { configMapKeyComplaints } from "../validation/names.ts";

/** The most bytes that all values may have together (core.MaxSecretSize). */
export const MAX_DATA_BYTES: number = 1024 * 1024;

type Data = Readonly<Record<string, string>>;

/** Each key must be good as a file's name: pods get them as files. */
export function checkKeys(field: string, data: Data): FieldError[] {
  return Object.keys(data).flatMap((key) =>
    configMapKeyComplaints(key).map((complaint) => invalidValue(`${field}[${key}]`, key, complaint)),
  );
}

/** How many bytes the values are: text in UTF-8, or what base64 text stands for. */
export function sizeOf(data: Data, encoding: "utf8" | "base64"): number {
  let bytes = 0;
  for (const value of Object.values(data)) bytes += Buffer.byteLength(value, encoding);
  return bytes;
}

/** Once an object is immutable it stays so, and `fields` stay as they are. */
export function checkImmutable<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const changed = fields.filter((field) => !isDeepStrictEqual(object[field], old[field]));
  return [...(object.immutable === true ? [] : ["immutable"]), ...changed].map((field) =>
    forbiddenField(field, "field is immutable when `immutable` is set"),
  );
}
