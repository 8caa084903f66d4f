/** Reads request bodies, and refuses what is too large or too slow. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { ApiError } from "../../api/api-error.ts";
import { failure, requestEntityTooLarge, unsupportedMediaType } from "../../api/status-errors.ts";

/** As kube-apiserver has it (MaxRequestBodyBytes), bytes. */
export const MAX_BODY: number = 3 * 1024 * 1024;
/** From the first byte asked for to the last, milliseconds. */
const BODY_TIMEOUT = 30_000;

/** Throws ApiError: 408, 413 or 415. */
export async function readBody(request: IncomingMessage | Http2ServerRequest): Promise<Uint8Array> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw unsupportedMediaType(["uncompressed bodies"]);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY) throw requestEntityTooLarge(MAX_BODY);
  const timeout = setTimeout(() => request.destroy(timedOut()), BODY_TIMEOUT);
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    // Not destroyed when too long: the client must be able to read the refusal, which it does after it has sent everything.
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > MAX_BODY) throw requestEntityTooLarge(MAX_BODY);
      pieces.push(piece);
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  } catch (error) {
    // The rest is read and dropped, or the connection could not be used for the next request.
    request.resume();
    if (error instanceof ApiError) throw error;
    throw brokenOff(error as Error);
  } finally {
    clearTimeout(timeout);
  }
}

function timedOut(): ApiError {
  return new ApiError(
    failure(408, "Timeout", `the body did not arrive within ${BODY_TIMEOUT / 1000} seconds`),
  );
}

/** The client left in the middle; nobody will read this, but it is no fault of ours. */
function brokenOff(cause: Error): ApiError {
  return new ApiError(failure(400, "BadRequest", `the body broke off: ${cause.message}`), { cause });
}
