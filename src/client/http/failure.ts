/** Every way in which a call over HTTP can fail, as the one error that callers know. */
import { ApiError } from "../../api/api-error.ts";
import type { Status } from "../../api/meta/type.ts";
import { STATUS_CODES } from "./node-http.ts";

/** metav1.StatusReason for codes of answers that carry no Status: from a proxy, or a server that is not Kubernetes. */
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Gone",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** The most of a foreign body that goes into a message, in characters. */
const EXCERPT = 500;

/** What an answer with an error code says: its Status, or one made from what it says instead. */
export function responseError(url: string, code: number, body: string): ApiError {
  const status = parseStatus(body);
  if (status !== undefined) return new ApiError({ ...status, code: status.code ?? code });
  const said = body.trim().slice(0, EXCERPT);
  const words = `${code} ${STATUS_CODES[code] ?? ""}`.trim();
  return failure(
    code,
    REASONS[code] ?? "Unknown",
    `${url} answered ${words}${said === "" ? "" : `: ${said}`}`,
  );
}

/** The server could not be reached, or the connection ended before the answer did. */
export function connectionError(url: string, cause: unknown): ApiError {
  const why = cause instanceof Error ? describe(cause) : String(cause);
  return failure(503, "ServiceUnavailable", `${url} cannot be reached: ${why}`, cause);
}

/** The server took longer than we wait. */
export function timeoutError(url: string, milliseconds: number): ApiError {
  return failure(504, "Timeout", `${url} did not answer within ${milliseconds} ms`);
}

/** The server answered something that is not what was asked for. */
export function unreadableError(url: string, body: string, cause: unknown): ApiError {
  return failure(
    500,
    "InternalError",
    `${url} answered what cannot be read: ${body.slice(0, EXCERPT)}`,
    cause,
  );
}

export function parseStatus(body: string): Status | undefined {
  try {
    const value = JSON.parse(body) as unknown;
    return isStatus(value) ? value : undefined;
  } catch {
    // Not JSON: not a Status. Whoever asks shows the text itself.
    return undefined;
  }
}

export function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "Status";
}

function failure(code: number, reason: string, message: string, cause?: unknown): ApiError {
  return new ApiError(
    { apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure", message, reason, code },
    cause === undefined ? {} : { cause },
  );
}

/** Node hides the reasons of a failed connection to several addresses in an AggregateError. */
function describe(error: Error): string {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map((inner: Error) => inner.message).join(", ");
  return error.message;
}
