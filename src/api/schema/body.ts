/**
 * Request bodies: JSON, YAML or protobuf in, a canonical object of the kind out, with the refusals and warnings of the
 * API server (apiserver pkg/endpoints/handlers: create.go, rest.go transformDecodeError).
 */
import { parseDocument } from "yaml";
import { apiVersionOf } from "../kind.ts";
import type { Kind, KindName } from "../kind.ts";
import type { ApiError } from "../api-error.ts";
import type { KubeObject } from "../meta/type.ts";
import { badRequest, unsupportedMediaType } from "../status-errors.ts";
import { isTooDeep, TOO_DEEP } from "./json/depth.ts";
import { duplicateFields } from "./json/duplicates.ts";
import { structure, StructureError } from "./json/structure.ts";
import { decodeMessage } from "./protobuf/decode.ts";
import { openEnvelope, PROTOBUF_MEDIA_TYPE } from "./protobuf/envelope.ts";
import { WireError } from "./protobuf/wire.ts";
import type { ObjectSchema } from "./schema.ts";

/** What to do about fields that do not exist or occur twice: refuse, warn, or nothing. */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

export interface DecodeOptions {
  readonly fieldValidation: FieldValidation;
  /** Receives texts for `Warning:` headers. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** The media types of objects in request bodies, as a 415 lists them. */
export const OBJECT_MEDIA_TYPES: readonly string[] = [
  "application/json",
  "application/yaml",
  PROTOBUF_MEDIA_TYPE,
];

type Json = Record<string, unknown>;

/** A body before it is known what it is. */
interface RawBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly value: unknown;
  /** What strict validation refuses, found while reading the text. */
  readonly complaints: () => string[];
}

/**
 * The object in a request body. `mediaType` without parameters. Missing apiVersion and kind are filled in.
 * Throws ApiError: 400 when the body is not an object of this kind, 415 for another media type.
 */
export function decodeBody<T extends KubeObject>(
  kind: Kind<T>,
  mediaType: string,
  body: Uint8Array,
  options: DecodeOptions,
): T {
  const raw = readBody(kind, kind.schema, mediaType, body);
  const apiVersion = apiVersionOf(kind);
  if (raw.apiVersion !== "" && raw.apiVersion !== apiVersion)
    throw badRequest(
      `the API version in the data (${raw.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  if (raw.kind !== "" && raw.kind !== kind.kind)
    throw cannotBeHandled(
      { ...kind, kind: raw.kind },
      kind,
      `converting (${kind.version}.${raw.kind}) to (${kind.version}.${kind.kind}): unknown conversion`,
    );
  return structureObject(kind, raw.value, raw.complaints, options);
}

/**
 * A value that is already parsed, such as the outcome of a patch, as an object of the kind.
 * Throws ApiError 400.
 */
export function objectFromValue<T extends KubeObject>(
  kind: Kind<T>,
  value: unknown,
  options: DecodeOptions,
): T {
  return structureObject(kind, value, () => [], options);
}

function structureObject<T extends KubeObject>(
  kind: Kind<T>,
  value: unknown,
  textComplaints: () => string[],
  { fieldValidation, warn }: DecodeOptions,
): T {
  let structured;
  try {
    structured = structure(kind.schema, value);
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    throw cannotBeHandled(kind, kind, error.message, error);
  }
  if (fieldValidation !== "Ignore") {
    const complaints = [...structured.unknownFields, ...textComplaints()];
    if (complaints.length > 0 && fieldValidation === "Strict")
      throw cannotBeHandled(kind, kind, `strict decoding error: ${complaints.join(", ")}`);
    for (const complaint of complaints) warn?.(complaint);
  }
  const type = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  const { object } = structured;
  // Where they were missing they would come last: lists of stored objects build on their being the first.
  return object.apiVersion === undefined || object.kind === undefined
    ? { ...type, ...object, ...type }
    : Object.assign(object, type);
}

/** Options and the like, of no served kind: {@link decodeBody} without the check of the kind and without strictness. */
export function decodeOptions<T>(schema: ObjectSchema<T>, mediaType: string, body: Uint8Array): T {
  const name = schema.name.split(".").at(-1)!;
  const kind = { group: "", version: "v1", kind: name, plural: "", namespaced: false };
  try {
    return structure(schema, readBody(kind, schema, mediaType, body).value).object;
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    throw cannotBeHandled(kind, kind, error.message, error);
  }
}

function readBody(
  kind: KindName,
  schema: ObjectSchema<unknown>,
  mediaType: string,
  body: Uint8Array,
): RawBody {
  switch (mediaType) {
    case "application/json":
      return readJson(kind, body);
    case "application/yaml":
      return readYaml(kind, body);
    case PROTOBUF_MEDIA_TYPE:
      return readProtobuf(kind, schema, body);
    default:
      throw unsupportedMediaType(OBJECT_MEDIA_TYPES);
  }
}

function readJson(kind: KindName, body: Uint8Array): RawBody {
  const text = decodeText(kind, body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unrecognized(
      kind,
      `couldn't get version/kind; json parse error: ${(error as Error).message}`,
      body,
    );
  }
  return rawBody(kind, value, body, () => duplicateFields(text));
}

/** How much YAML may grow by its aliases; a small text with nested aliases can mean gigabytes. */
const MAX_YAML_ALIASES = 100;

function readYaml(kind: KindName, body: Uint8Array): RawBody {
  const complain = (why: string): ApiError =>
    unrecognized(
      kind,
      `couldn't get version/kind; json parse error: error converting YAML to JSON: yaml: ${why}`,
      body,
    );
  const text = decodeText(kind, body);
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, { uniqueKeys: true, stringKeys: true });
  } catch (error) {
    // Of a text that nests too deep for the parser.
    throw complain((error as Error).message);
  }
  const duplicates = document.errors.filter((error) => error.code === "DUPLICATE_KEY");
  const broken = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  if (broken !== undefined) throw complain(broken.message);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_YAML_ALIASES });
  } catch (error) {
    throw complain((error as Error).message);
  }
  return rawBody(kind, value, body, () =>
    duplicates.map((error) => `yaml: line ${error.linePos?.[0].line ?? 0}: key already set in map`),
  );
}

function rawBody(kind: KindName, value: unknown, body: Uint8Array, complaints: () => string[]): RawBody {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unrecognized(kind, "couldn't get version/kind; json parse error: the body is no object", body);
  if (isTooDeep(value))
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${TOO_DEEP}`, body);
  const { apiVersion, kind: given } = value as Json;
  return {
    apiVersion: typeof apiVersion === "string" ? apiVersion : "",
    kind: typeof given === "string" ? given : "",
    value,
    complaints,
  };
}

function readProtobuf(kind: KindName, schema: ObjectSchema<unknown>, body: Uint8Array): RawBody {
  try {
    const { apiVersion, kind: given, raw } = openEnvelope(body);
    // A message of another kind would be read as nonsense; the caller refuses it by its name.
    const value = given === "" || given === kind.kind ? decodeMessage(schema, raw) : {};
    return { apiVersion, kind: given, value, complaints: () => [] };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw unrecognized(kind, error.message, body);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decodeText(kind: KindName, body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch {
    throw unrecognized(kind, "the body is not valid UTF-8", body);
  }
}

function cannotBeHandled(given: KindName, expected: KindName, why: string, cause?: unknown): ApiError {
  const error = badRequest(
    `${given.kind} in version "${given.version}" cannot be handled as a ${expected.kind}: ${why}`,
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

function unrecognized(kind: KindName, why: string, body: Uint8Array): ApiError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind.kind}): ${why} (${summarize(body)})`,
  );
}

/** The first bytes of a body, as upstream shows them: text if it looks like JSON, hexadecimal otherwise. */
function summarize(body: Uint8Array): string {
  const MAX_SHOWN = 30;
  if (body.length === 0) return "<empty>";
  const start = Buffer.from(body.subarray(0, MAX_SHOWN));
  const shown = body[0] === 0x7b ? start.toString("utf8") : start.toString("hex");
  return body.length > MAX_SHOWN ? `${shown} ...` : shown;
}
