/** The body of a server-side apply: YAML, or JSON, which is YAML too (apiserver pkg/endpoints/handlers/patch.go). */
import { parseDocument } from "yaml";
import type { DecodeOptions } from "../schema/body.ts";
import { badRequest } from "../status-errors.ts";
import { isTooDeep, TOO_DEEP } from "../schema/json/depth.ts";
import { duplicateFields } from "../schema/json/duplicates.ts";
import { isObject } from "./merge-patch.ts";

/** How much YAML may grow by its aliases; a small text with nested aliases can mean gigabytes. */
const MAX_ALIASES = 100;

/** Throws ApiError 400: for what is no YAML object, and under strict validation for keys that occur twice. */
export function parseApplyConfig(
  text: string,
  { fieldValidation, warn }: DecodeOptions,
): Record<string, unknown> {
  const plain = jsonWithoutRepeats(text);
  if (plain !== undefined) return notTooDeep(plain);
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, { uniqueKeys: true, stringKeys: true });
  } catch (error) {
    // Of a text that nests too deep for the parser.
    throw badRequest(`error decoding YAML: ${(error as Error).message}`);
  }
  const duplicates = document.errors.filter((error) => error.code === "DUPLICATE_KEY");
  const broken = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  if (broken !== undefined) throw badRequest(`error decoding YAML: ${broken.message}`);
  let config: unknown;
  try {
    config = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`);
  }
  if (!isObject(config)) throw badRequest("error decoding YAML: what is applied is no object");
  if (duplicates.length > 0 && fieldValidation !== "Ignore") {
    const complaints = duplicates.map(
      ({ linePos, pos: [start] }) =>
        `line ${linePos?.[0].line ?? 0}: key ${JSON.stringify(keyAt(text, start))} already set in map`,
    );
    if (fieldValidation === "Strict")
      throw badRequest(
        `error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  ${complaints.join("\n  ")}`,
      );
    for (const complaint of complaints) warn?.(complaint);
  }
  return notTooDeep(config);
}

function notTooDeep(config: Record<string, unknown>): Record<string, unknown> {
  if (isTooDeep(config)) throw badRequest(`error decoding YAML: ${TOO_DEEP}`);
  return config;
}

/** The short way for the clients that send JSON: JSON.parse is much faster than any YAML parser. */
function jsonWithoutRepeats(text: string): Record<string, unknown> | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Flow style that is YAML but no JSON, or nothing at all: the YAML parser says.
    return undefined;
  }
  return isObject(value) && duplicateFields(text).length === 0 ? value : undefined;
}

/** The key in the text that begins at `start`. */
function keyAt(text: string, start: number): string {
  return /^["']?([^"':\s,}]*)/.exec(text.slice(start))![1]!;
}
