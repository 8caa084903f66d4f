/** Reads request bodies, and refuses what is too large or too slow. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { ApiError } from "../../api/api-error.ts";
import { failure, requestEntityTooLarge, unsupportedMediaType } from "../../api/status-errors.ts";

/** As kube-apiserver has it (MaxRequestBodyBytes), bytes. */
export const MAX_BODY: number = 3 * 1024 * 1024;
/** From the first byte asked for to the last, milliseconds. */
export const BODY_TIMEOUT = 30_000;

/**
 * Throws ApiError: 408, 413 or 415. What is still to come of a refused body is dropped as it comes, so that the client
 * gets to read the refusal; when it has been sent, the front ends what does not end by itself.
 */
export async function readBody(
  request: IncomingMessage | Http2ServerRequest,
  timeout: number = BODY_TIMEOUT,
): Promise<Uint8Array> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw unsupportedMediaType(["uncompressed bodies"]);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY) throw requestEntityTooLarge(MAX_BODY);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const pieces: Buffer[] = [];
  let length = 0;
  const take = (piece: Buffer): void => {
    length += piece.length;
    if (length > MAX_BODY) reject(requestEntityTooLarge(MAX_BODY));
    else pieces.push(piece);
  };
  const fail = (error: Error): void => reject(brokenOff(error));
  // Before its end only: each request is closed, and two errors with their stacks cost more than reading its body.
  const closed = (): void => reject(brokenOff(new Error("the connection was closed")));
  const finish = (): void => {
    request.off("close", closed);
    resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  };
  const timer = setTimeout(() => reject(timedOut(timeout)), timeout);
  request.on("data", take).once("end", finish).once("error", fail).once("close", closed);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.off("data", take).off("end", finish).off("error", fail).off("close", closed);
    request.resume();
  }
}

function timedOut(timeout: number): ApiError {
  return new ApiError(failure(408, "Timeout", `the body did not arrive within ${timeout / 1000} seconds`));
}

/** The client left in the middle; nobody will read this, but it is no fault of ours. */
function brokenOff(cause: Error): ApiError {
  return new ApiError(failure(400, "BadRequest", `the body broke off: ${cause.message}`), { cause });
}
