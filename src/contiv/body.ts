/** The body of a request as JSON. */
import { isTooDeep, TOO_DEEP } from "../api/schema/json/depth.ts";
import type { Request } from "../server/http/exchange.ts";
import { ContivError } from "./refusal.ts";

const JSON_TYPE = /^application\/([-\w.]+\+)?json\s*(;.*)?$/i;

/** Throws ContivError 400 or 415, or ApiError 408 or 413. */
export async function readBody(request: Pick<Request, "header" | "body">): Promise<unknown> {
  // A page in a browser cannot send this type to another's server unasked.
  const type = request.header("content-type");
  if (type === undefined || !JSON_TYPE.test(type))
    throw new ContivError(
      415,
      `the body must be JSON, and say so: send the header Content-Type: application/json${type === undefined ? "" : `, not ${type.slice(0, 100)}`}`,
    );
  const bytes = await request.body();
  const body = parse(bytes);
  if (isTooDeep(body)) throw new ContivError(400, `the body cannot be read: ${TOO_DEEP}`);
  return body;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ContivError(400, `the body is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
