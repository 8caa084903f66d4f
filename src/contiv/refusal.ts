/** How netmaster's REST says no: Contiv's texts, with the right status and with each thing that is wrong. */
import type { ApiError } from "../api/api-error.ts";
import { jsonResponse, type Response, textResponse } from "../server/http/exchange.ts";
import { problemOf } from "./field-sentence.ts";
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

/** A conflict without what Kubernetes puts around it: it is a sentence already, and Contiv's words come first. */
function withoutFrame(message: string): string {
  return /^Operation cannot be fulfilled on \S+ "[^"]*": (.+)$/s.exec(message)?.[1] ?? message;
}
