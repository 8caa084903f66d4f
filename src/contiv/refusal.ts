/** How netmaster's REST says no: Contiv's texts, with the right status and with each thing that is wrong. */
import type { ApiError } from "../api/api-error.ts";
import type { StatusCause } from "../api/meta/type.ts";
import { jsonResponse, type Response, textResponse } from "../server/http/exchange.ts";
import type { Refusal } from "./wire.ts";

export interface Problem {
  /** "ports[1]" */
  readonly field?: string;
  readonly message: string;
}

/** A request is refused. Nothing of it was done. */
export class ContivError extends Error {
  override readonly name = "ContivError";
  /** The HTTP status code. */
  readonly code: number;
  readonly problems: readonly Problem[];

  constructor(code: number, problems: string | readonly Problem[], options?: ErrorOptions) {
    const all = typeof problems === "string" ? [{ message: problems }] : problems;
    // Two things may be wrong in the same words: said once in the sentence, and with each field beside it.
    super([...new Set(all.map(({ message }) => message))].join("; "), options);
    this.code = code;
    this.problems = all;
  }
}

/** What of a request decides the form of its refusal. */
export interface Asked {
  readonly query: URLSearchParams;
  readonly header: (name: string) => string | undefined;
}

/** Whether the client wants errors as Contiv had them: status 500 and plain text, whatever was wrong. */
function wantsPlain({ query, header }: Asked): boolean {
  return query.get("errors") === "plain" || header("x-contiv-errors")?.trim().toLowerCase() === "plain";
}

export function refusalResponse(
  error: ContivError,
  asked: Asked,
  headers: Response["headers"] = {},
): Response {
  if (wantsPlain(asked)) {
    // http.Error of Go, which Contiv used, ends the text with a new line.
    const plain = textResponse(500, `${error.message}\n`);
    return { ...plain, headers: { ...plain.headers, ...headers } };
  }
  const body: Refusal = { error: error.message, errors: error.problems, code: error.code };
  return jsonResponse(error.code, body, headers);
}

/** Kubernetes' fields by Contiv's, the longest first. */
const FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^spec\.clusterIPs?\b.*/, "ipAddress"],
  [/^spec\.ports(\[\d+\])?.*/, "ports$1"],
  [/^spec\.selector\b.*/, "selectors"],
  [/^metadata\.annotations\[fairlead\.dev\/network\].*/, "networkName"],
  [/^metadata\.annotations\[fairlead\.dev\/balance\].*/, "balance"],
  [/^spec\.range$/, "subnet"],
  [/^spec\.type$/, "nwType"],
  [/^spec\.encapsulation$/, "encap"],
  [/^spec\.packetTag$/, "pktTag"],
  [/^spec\.tag$/, "cfgdTag"],
  [/^spec\.(subnet|gateway|ipv6Subnet|ipv6Gateway)$/, "$1"],
];

/** What somebody or something else has, in the server's words (server/allocation). */
const TAKEN =
  /already allocated|is taken|range is full|exhaust|conflicts with|it is (the|an) (gateway|address)|containers of network \S+ draw/i;

/** What the API server refused, in its own words; an address that is taken and a range that is full are conflicts. */
export function fromApiError(error: ApiError): ContivError {
  const { code, message, status } = error;
  const causes = status.details?.causes ?? [];
  const isTaken = code === 422 && TAKEN.test(message);
  const problems =
    code === 422 && causes.length > 0 ? causes.map(problemOf) : [{ message: withoutFrame(message) }];
  const mapped = isTaken ? 409 : code === 422 ? 400 : code;
  return new ContivError(mapped, problems, { cause: error });
}

function problemOf({ field, message = "" }: StatusCause): Problem {
  const words = withoutFrame(message);
  if (field === undefined) return { message: words };
  for (const [pattern, ours] of FIELDS)
    if (pattern.test(field)) return { field: field.replace(pattern, ours), message: words };
  return { field, message: words };
}

/**
 * What the server says without what Kubernetes puts around it, so that Contiv's words come first. The value that was wrong
 * stays.
 */
function withoutFrame(message: string): string {
  const conflict = /^Operation cannot be fulfilled on \S+ "[^"]*": (.+)$/s.exec(message);
  if (conflict !== null) return conflict[1]!;
  const [, value, detail] = /^Invalid value: ("(?:[^"\\]|\\.)*"|\S+): (.+)$/s.exec(message) ?? [];
  if (value === undefined || detail === undefined) return message;
  // Contiv's sentence ends with the subnet.
  if (detail.includes("address exhaustion")) return detail;
  const bare = value.replaceAll(/^[["]+|[\]"]+$/g, "");
  return detail.includes(bare) ? detail : `${detail}: ${value}`;
}
