/** How long a request may take: a minute, or less if the client says so (apiserver filters/request_deadline.go, timeout.go). */
import { ApiError } from "../../api/api-error.ts";
import { badRequest, failure } from "../../api/status-errors.ts";

/** kube-apiserver's --request-timeout, milliseconds. */
const REQUEST_TIMEOUT = 60_000;

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const DURATION = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Milliseconds that the request has: of `?timeout=30s`, but never more than a minute. Throws ApiError 400. */
export function requestTimeout(query: URLSearchParams): number {
  const text = query.get("timeout") ?? "";
  if (text === "") return REQUEST_TIMEOUT;
  const asked = parseDuration(text);
  if (asked === undefined)
    throw badRequest(
      `invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`,
    );
  return asked <= 0 || asked > REQUEST_TIMEOUT ? REQUEST_TIMEOUT : asked;
}

/** Milliseconds of a Go duration, "1m30s"; undefined if it is none. */
function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)([a-zµμ]+)/g)) sum += Number(number) * UNITS[unit!]!;
  return text.startsWith("-") ? -sum : sum;
}

/**
 * The outcome of `work`, or ApiError 504 when it takes longer than `milliseconds`. What `work` does after that is lost:
 * the client must look at what has become of a write.
 */
export async function withinTime<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new ApiError(failure(504, "Timeout", TOO_LATE, {}))),
    milliseconds,
  );
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const TOO_LATE = "Timeout: request did not complete within the allotted timeout";
