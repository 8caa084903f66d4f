/** Objects in the form that was negotiated (apiserver endpoints/handlers/response.go). */
import { stringify } from "yaml";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { badRequest, failure } from "../../api/status-errors.ts";
import { ApiError } from "../../api/api-error.ts";
import type { Response } from "./exchange.ts";
import { MEDIA_TYPES, type Representation } from "./negotiate.ts";
import { objectMessage, statusMessage } from "./protobuf-forms.ts";
import { type IncludeObject, partialOf, tableOf } from "./table.ts";

export interface Presentation extends Representation {
  readonly include: IncludeObject;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** As sigs.k8s.io/yaml writes it: keys in order, lists not indented, long lines as they are. */
const YAML_STYLE = { sortMapEntries: true, indentSeq: false, lineWidth: 0 } as const;

export function includeObject(query: URLSearchParams): IncludeObject {
  const include = query.get("includeObject") || "Metadata";
  if (include !== "None" && include !== "Metadata" && include !== "Object")
    throw badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  return include;
}

/** One object as a value. Not for protobuf. */
export function presentObject<T extends KubeObject>(kind: Kind<T>, object: T, how: Presentation): unknown {
  if (how.view === "object") return object;
  if (how.view !== "table") return partialOf(object, how.version);
  const { resourceVersion } = object.metadata;
  return tableOf(kind, [object], resourceVersion === undefined ? {} : { resourceVersion }, how);
}

/** Throws ApiError 406 if a list's form is asked for. */
export function objectResponse<T extends KubeObject>(
  kind: Kind<T>,
  status: number,
  object: T,
  how: Presentation,
  headers: Response["headers"] = {},
): Response {
  if (how.view === "metadataList")
    throw wrongForm(
      `you requested PartialObjectMetadataList, but the requested object is not a list (*${kind.version}.${kind.kind})`,
    );
  if (how.encoding === "protobuf")
    return bytesResponse(status, objectMessage(kind, object, how), how, headers);
  return bytesResponse(status, valueText(presentObject(kind, object, how), how), how, headers);
}

/** A list in the form of an object. */
export function notAList<T extends KubeObject>(kind: Kind<T>): ApiError {
  return wrongForm(
    `you requested PartialObjectMetadata, but the requested object is a list (*${kind.version}.${kind.kind}List)`,
  );
}

/** A Status: never in another view, whatever was asked for. */
export function valueResponse(
  status: number,
  value: { readonly kind: string; readonly apiVersion: string },
  how: Representation,
  headers: Response["headers"] = {},
): Response {
  const body = how.encoding === "protobuf" ? statusMessage(value) : valueText(value, how);
  return bytesResponse(status, body, how, headers);
}

/** JSON or YAML. */
export function valueText(value: unknown, { encoding, pretty }: Representation): string {
  if (encoding === "yaml") return stringify(value, YAML_STYLE);
  return pretty ? JSON.stringify(value, null, 2) : `${JSON.stringify(value)}\n`;
}

/** "v1" and "ServiceList", or those of the view. */
export function listType<T extends KubeObject>(
  kind: Kind<T>,
  how: Representation,
): { readonly kind: string; readonly apiVersion: string } {
  switch (how.view) {
    case "table":
      return { kind: "Table", apiVersion: `meta.k8s.io/${how.version}` };
    case "object":
      return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind) };
    default:
      return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${how.version}` };
  }
}

function bytesResponse(
  status: number,
  body: string | Uint8Array,
  how: Representation,
  headers: Response["headers"],
): Response {
  return {
    status,
    headers: { "content-type": MEDIA_TYPES[how.encoding], ...headers },
    body,
    compressible: true,
  };
}

function wrongForm(message: string): ApiError {
  return new ApiError(failure(406, "NotAcceptable", message));
}
