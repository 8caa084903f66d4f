/**
 * The refusals of the API in Kubernetes' words, codes and reasons (apimachinery pkg/api/errors): kubectl, client-go and
 * people's scripts match on them.
 */
import { ApiError } from "./api-error.ts";
import { formatFieldError } from "./field-error.ts";
import type { FieldError } from "./field-error.ts";
import type { KindName } from "./kind.ts";
import type { Status, StatusCause, StatusDetails } from "./meta/type.ts";

/** A resource in messages: "services", or "endpointslices.discovery.k8s.io" outside the core group. */
export type ResourceName = Pick<KindName, "group" | "plural">;

/** A Failure Status; `details` and `message` as given. */
export function failure(code: number, reason: string, message: string, details?: StatusDetails): Status {
  const status: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message };
  if (reason !== "") status.reason = reason;
  if (details !== undefined) status.details = details;
  status.code = code;
  return status;
}

/** "services" or "endpointslices.discovery.k8s.io" (schema.GroupResource.String). */
export function qualifiedResource({ group, plural }: ResourceName): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** Details as upstream fills them: the resource in `kind`, the group only when it is not the core one. */
function resourceDetails({ group, plural }: ResourceName, name: string): StatusDetails {
  const details: StatusDetails = {};
  if (name !== "") details.name = name;
  if (group !== "") details.group = group;
  details.kind = plural;
  return details;
}

/** 404: the object does not exist. */
export function notFound(resource: ResourceName, name: string): ApiError {
  return new ApiError(
    failure(
      404,
      "NotFound",
      `${qualifiedResource(resource)} "${name}" not found`,
      resourceDetails(resource, name),
    ),
  );
}

/** 404: no such path is served. */
export function pathNotFound(): ApiError {
  return new ApiError(failure(404, "NotFound", "the server could not find the requested resource", {}));
}

/** 409: create of a name that is taken. */
export function alreadyExists(resource: ResourceName, name: string): ApiError {
  return new ApiError(
    failure(
      409,
      "AlreadyExists",
      `${qualifiedResource(resource)} "${name}" already exists`,
      resourceDetails(resource, name),
    ),
  );
}

/** 409: the name that generateName made is taken, several times over. */
export function generateNameConflict(
  resource: ResourceName,
  name: string,
  retryAfterSeconds: number,
): ApiError {
  const message = `${qualifiedResource(resource)} "${name}" already exists, the server was not able to generate a unique name for the object`;
  return new ApiError(
    failure(409, "AlreadyExists", message, { ...resourceDetails(resource, name), retryAfterSeconds }),
  );
}

/** What a conflict says when the resourceVersion of an update is not the newest. */
export const OBJECT_MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

/** 409: somebody else wrote first, or a precondition does not hold. */
export function conflict(resource: ResourceName, name: string, why: string = OBJECT_MODIFIED): ApiError {
  return new ApiError(
    failure(
      409,
      "Conflict",
      `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${why}`,
      resourceDetails(resource, name),
    ),
  );
}

/** The causes of a 422, one a field error. */
export function causesOf(errors: readonly FieldError[]): StatusCause[] {
  return errors.map((error) => ({
    reason: error.type === "Internal" ? "InternalError" : `FieldValue${error.type}`,
    message: formatFieldError({ ...error, field: "" }),
    field: error.field,
  }));
}

/** 422: the object is well formed but its fields are not acceptable. */
export function invalid(
  kind: Pick<KindName, "group" | "kind">,
  name: string,
  errors: readonly FieldError[],
): ApiError {
  const qualified = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  const texts = [...new Set(errors.map(formatFieldError))];
  const joined = texts.length === 1 ? texts[0]! : `[${texts.join(", ")}]`;
  const details: StatusDetails = {};
  if (name !== "") details.name = name;
  if (kind.group !== "") details.group = kind.group;
  details.kind = kind.kind;
  details.causes = causesOf(errors);
  const message =
    errors.length === 0
      ? `${qualified} "${name}" is invalid`
      : `${qualified} "${name}" is invalid: ${joined}`;
  return new ApiError(failure(422, "Invalid", message, details));
}

/** 400: the request itself is wrong. */
export function badRequest(message: string): ApiError {
  return new ApiError(failure(400, "BadRequest", message));
}

/** 401: no or wrong credentials. */
export function unauthorized(message = "Unauthorized"): ApiError {
  return new ApiError(failure(401, "Unauthorized", message));
}

/** 403 with upstream's sentence: `services "x" is forbidden: <why>`. */
export function forbidden(resource: ResourceName, name: string, why: string): ApiError {
  const qualified = qualifiedResource(resource);
  const subject =
    resource.plural === ""
      ? "forbidden"
      : name === ""
        ? `${qualified} is forbidden`
        : `${qualified} "${name}" is forbidden`;
  return new ApiError(failure(403, "Forbidden", `${subject}: ${why}`, resourceDetails(resource, name)));
}

/** 405: the verb is not served on this resource. */
export function methodNotSupported(resource: ResourceName, verb: string): ApiError {
  return new ApiError(
    failure(
      405,
      "MethodNotAllowed",
      `${verb} is not supported on resources of kind "${qualifiedResource(resource)}"`,
      resourceDetails(resource, ""),
    ),
  );
}

/** 410: a version or continue token that is too old; clients list again. */
export function expired(message: string): ApiError {
  return new ApiError(failure(410, "Expired", message));
}

/** 410 as a watch or list at a compacted version gets it. */
export function tooOldResourceVersion(requested: string | number, oldest: string | number): ApiError {
  return expired(`too old resource version: ${requested} (${oldest})`);
}

/** 504 with the cause ResourceVersionTooLarge: a version of the future; clients wait and try again. */
export function tooLargeResourceVersion(requested: string | number, current: string | number): ApiError {
  return new ApiError(
    failure(504, "Timeout", `Timeout: Too large resource version: ${requested}, current: ${current}`, {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    }),
  );
}

/** 415: a body in a form that is not understood. */
export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError(
    failure(
      415,
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
    ),
  );
}

/** 406: none of the forms the client accepts can be made. */
export function notAcceptable(offered: readonly string[]): ApiError {
  return new ApiError(
    failure(406, "NotAcceptable", `only the following media types are accepted: ${offered.join(", ")}`),
  );
}

/** 413: the body is larger than `limit` bytes. */
export function requestEntityTooLarge(limit: number): ApiError {
  return new ApiError(failure(413, "RequestEntityTooLarge", `Request entity too large: limit is ${limit}`));
}

/** 429: come back later. */
export function tooManyRequests(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError(failure(429, "TooManyRequests", message, { retryAfterSeconds }));
}

/** 500: our fault. The cause stays on the error for the log, its message goes to the client. */
export function internalError(message: string, options?: ErrorOptions): ApiError {
  return new ApiError(
    failure(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] }),
    options,
  );
}

/** 503: not serving now, e.g. while starting or stopping. */
export function serviceUnavailable(message: string): ApiError {
  return new ApiError(failure(503, "ServiceUnavailable", message));
}

/** 504: it took too long. */
export function timeout(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError(failure(504, "Timeout", `Timeout: ${message}`, { retryAfterSeconds }));
}
