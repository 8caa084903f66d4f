/** Puts an answer on the wire, piece by piece as the client takes it, compressed where that is worth it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { constants, createGzip, gzip } from "node:zlib";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import type { LiveBody, Response } from "./exchange.ts";

/** From this size on compression pays (kube-apiserver's threshold), bytes. */
const COMPRESS_FROM = 128 * 1024;
const COMPRESSION = { level: constants.Z_BEST_SPEED };
const compress = promisify(gzip);
/** How much of a list is made before the client has taken what came before it, bytes. Of a watch: nothing. */
const AHEAD = 1024 * 1024;

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;
/** What both have in common, in a form that can be called. */
type Sink = ServerResponse;

/**
 * Resolves when all is handed to the connection. Throws what the body throws, and if the connection breaks. Who takes
 * nothing of what has been sent for `patience` milliseconds is cut off.
 */
export async function send(
  request: AnyRequest,
  response: AnyResponse,
  answer: Response,
  patience: number,
): Promise<void> {
  const { status, headers, body, compressible = false } = answer;
  response.statusCode = status;
  response.setHeader("cache-control", "no-cache, private");
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, typeof value === "string" ? value : [...value]);
  const gzipped = compressible && acceptsGzip(request);
  if (compressible) response.setHeader("vary", "Accept-Encoding, Accept");
  if (typeof body === "string" || body instanceof Uint8Array) {
    let bytes = typeof body === "string" ? Buffer.from(body) : body;
    if (gzipped && bytes.length >= COMPRESS_FROM) {
      bytes = await compress(bytes, COMPRESSION);
      response.setHeader("content-encoding", "gzip");
    }
    if (status !== 304 && status !== 204) response.setHeader("content-length", bytes.length);
    if (request.method === "HEAD") response.end();
    else response.end(bytes);
    return;
  }
  if ("start" in body) {
    if (request.method !== "HEAD") return sendLive(response as Sink, body, patience);
    body.close();
    response.end();
    return;
  }
  if (request.method === "HEAD") {
    await body[Symbol.asyncIterator]().return?.();
    response.end();
    return;
  }
  const pieces = gzipped ? await maybeCompressed(response, body) : body;
  await sendPieces(response as Sink, pieces, compressible ? AHEAD : 0, patience);
}

/** Collects until it is known whether the body is large, then sends it compressed or as it is. */
async function maybeCompressed(
  response: AnyResponse,
  body: AsyncIterable<string | Uint8Array>,
): Promise<AsyncIterable<string | Uint8Array>> {
  const pieces = body[Symbol.asyncIterator]();
  const first: (string | Uint8Array)[] = [];
  let length = 0;
  for (;;) {
    const next = await pieces.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
    if (length >= COMPRESS_FROM) break;
  }
  const whole = chain(first, pieces);
  if (length < COMPRESS_FROM) return whole;
  response.setHeader("content-encoding", "gzip");
  const source = Readable.from(whole, { objectMode: false });
  const compressed = createGzip(COMPRESSION);
  source.on("error", (error) => compressed.destroy(error));
  return source.pipe(compressed) as AsyncIterable<Uint8Array>;
}

async function* chain(
  first: readonly (string | Uint8Array)[],
  rest: AsyncIterator<string | Uint8Array>,
): AsyncGenerator<string | Uint8Array> {
  yield* first;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

async function sendPieces(
  response: Sink,
  body: AsyncIterable<string | Uint8Array>,
  ahead: number,
  patience: number,
): Promise<void> {
  response.flushHeaders();
  const closed = once(response, "close");
  for await (const piece of body) {
    if (response.destroyed) return;
    const taken = response.write(piece);
    if (taken || response.writableLength <= ahead) continue;
    const cut = cutOffAfter(patience, response);
    await Promise.race([once(response, "drain"), closed]);
    clearTimeout(cut);
  }
  response.end();
}

async function sendLive(response: Sink, body: LiveBody, patience: number): Promise<void> {
  // A watch may have nothing to say for minutes, but the client must know at once that it has begun.
  response.flushHeaders();
  let cut: NodeJS.Timeout | undefined;
  const taken = (): void => {
    clearTimeout(cut);
    cut = undefined;
    body.resume();
  };
  response.on("drain", taken);
  response.once("close", () => {
    clearTimeout(cut);
    body.close();
  });
  // It may have gone before anybody listened.
  if (isGone(response)) body.close();
  body.start({
    write(piece) {
      const socket = chunkSocket(response);
      const room = socket === undefined ? response.write(piece) : socket.write(chunkOf(piece));
      if (room || response.writableLength === 0) return true;
      socket?.once("drain", taken);
      cut ??= cutOffAfter(patience, response);
      return false;
    },
    end() {
      response.end();
    },
  });
  await body.over;
}

/**
 * The connection, if a chunk of HTTP/1.1 can be put on it as it is: the head is out, and nothing waits before it. What
 * node:http makes of a piece is four writes that are gathered at the end of the turn, a fifth of what sending costs;
 * and whoever shares the turn out among many watches must see what each costs.
 */
function chunkSocket({ chunkedEncoding, headersSent, socket, writableLength }: Sink): Socket | undefined {
  // HTTP/2 has neither, and forbids its socket.
  if (chunkedEncoding !== true || !headersSent || socket === null) return undefined;
  return socket.writableLength === writableLength && socket.writableCorked === 0 ? socket : undefined;
}

/** By piece: one is mostly sent to many. */
const chunks = new WeakMap<Uint8Array, Uint8Array>();

/** RFC 9112, 7.1: the length in hexadecimal, the piece. */
function chunkOf(piece: Uint8Array): Uint8Array {
  let chunk = chunks.get(piece);
  if (chunk === undefined) {
    chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, CRLF]);
    chunks.set(piece, chunk);
  }
  return chunk;
}

const CRLF = Buffer.from("\r\n");

function isGone(response: AnyResponse): boolean {
  return "stream" in response ? (response.stream?.destroyed ?? true) : response.destroyed;
}

function cutOffAfter(patience: number, response: Sink): NodeJS.Timeout {
  return setTimeout(
    () => response.destroy(new Error(`the client took nothing for ${patience / 1000} seconds`)),
    patience,
  );
}

function acceptsGzip({ headers }: AnyRequest): boolean {
  const accept = headers["accept-encoding"];
  return typeof accept === "string" && /(^|,)\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$))|,|$)/.test(accept);
}
