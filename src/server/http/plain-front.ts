/**
 * Plain HTTP/1.1 in front of one handler, for a listener without authentication on this machine. What a page in a browser could be
 * made to send is refused by withoutPages(): names that DNS may have been made to lead here, and requests of pages from
 * elsewhere. Bodies, headers and connections have the bounds that they have on the other listener.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ApiError } from "../../api/api-error.ts";
import { failure, internalError } from "../../api/status-errors.ts";
import { parseIp } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { bindError } from "./bind-error.ts";
import { readBody } from "./body-reader.ts";
import type { Handler, Request, Response } from "./exchange.ts";
import { CHECK_INTERVAL, CLOSE_GRACE, GONE, HEADERS_TIMEOUT, headOf, STALL_TIMEOUT } from "./listening.ts";
import { send } from "./send.ts";

/** Milliseconds. */
const KEEP_ALIVE = 30_000;
/** Bytes of all headers. */
const MAX_HEADERS = 32 * 1024;
const MAX_CONNECTIONS = 256;

export interface PlainFrontOptions {
  readonly bind: { readonly host: string; readonly port: number };
  /** Names the option that has `bind`, for refusals: "--netmaster". */
  readonly option: string;
  readonly handler: Handler;
  /** What a refusal of ours looks like. */
  readonly refuse: (error: ApiError, request: Pick<Request, "query" | "header">) => Response;
  readonly log: Log;
}

export interface PlainFront {
  /** "http://127.0.0.1:9999" */
  readonly url: string;
  close(): Promise<void>;
}

/** Throws BindError. */
export async function listenPlain(options: PlainFrontOptions): Promise<PlainFront> {
  const { bind, log } = options;
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  const server = createServer({
    maxHeaderSize: MAX_HEADERS,
    headersTimeout: HEADERS_TIMEOUT,
    requestTimeout: 60_000,
    keepAliveTimeout: KEEP_ALIVE,
    connectionsCheckingInterval: CHECK_INTERVAL,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("request", (request, response) => void answer(request, response, options, closing.signal));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(bind, error, options.option)));
    server.listen({ host: bind.host, port: bind.port }, resolve);
  });
  server.on("error", (err) => log.error({ err }, "the plain listener failed"));
  const { port } = server.address() as AddressInfo;
  const host = bind.host.includes(":") ? `[${bind.host}]` : bind.host;

  return {
    url: `http://${host}:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      closing.abort();
      server.closeIdleConnections();
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, CLOSE_GRACE);
      await closed;
      clearTimeout(cut);
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { handler, refuse, log }: PlainFrontOptions,
  closing: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(GONE));
  request.on("error", (err) => log.debug({ err }, "a request broke off"));
  response.on("error", (err) => log.debug({ err }, "an answer could not be sent"));
  const received = requestOf(request, AbortSignal.any([gone.signal, closing]));
  response.setHeader("audit-id", received.auditId);
  // A page that has been shown an answer as something else than it is, might run it.
  response.setHeader("x-content-type-options", "nosniff");
  let outcome: Response;
  try {
    outcome = await handler(received);
  } catch (error) {
    if (!(error instanceof ApiError))
      log.error({ err: error, method: request.method, path: request.url }, "a request failed by our fault");
    const refused = error instanceof ApiError ? error : internalError(String(error));
    outcome = refuse(refused, received);
  }
  try {
    if (closing.aborted || !request.complete) response.setHeader("connection", "close");
    await send(request, response, outcome, STALL_TIMEOUT);
  } catch (err) {
    log.debug({ err, path: request.url }, "an answer broke off");
    response.destroy();
  }
}

/** The handler, for those who are here: to pages from elsewhere it throws ApiError 403. */
export function withoutPages(handler: Handler): Handler {
  return async (request) => {
    refuseForeign(request);
    return handler(request);
  };
}

/**
 * Throws ApiError 403 for what only a page from elsewhere sends. A name with a dot may have been led here by its owner (DNS
 * rebinding); addresses and names without one are nobody's in DNS.
 */
function refuseForeign(request: Request): void {
  const header = (name: string): string | undefined => request.header(name);
  const host = hostOf(header("host") ?? "");
  if (host === undefined || !isNobodys(host))
    throw refusal(
      `the Host header ${JSON.stringify(header("host") ?? "")} is no address and no name without dots: ask by one of these`,
    );
  const origin = header("origin");
  if (origin !== undefined && origin !== `http://${header("host")}`)
    throw refusal(
      `requests of pages from elsewhere are not answered: the Origin is ${JSON.stringify(origin)}`,
    );
  const site = header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none")
    throw refusal(
      `requests of pages from elsewhere are not answered: Sec-Fetch-Site is ${JSON.stringify(site)}`,
    );
}

function refusal(message: string): ApiError {
  return new ApiError(failure(403, "Forbidden", message));
}

/** Without the port; undefined if it is neither name nor address. */
function hostOf(text: string): string | undefined {
  return /^(?:\[([0-9A-Fa-f:.]+)\]|([-\w.]+))(?::\d+)?$/.exec(text)?.slice(1).find(Boolean);
}

function isNobodys(host: string): boolean {
  return parseIp(host) !== undefined || !host.includes(".") || host.toLowerCase().endsWith(".localhost");
}

function requestOf(request: IncomingMessage, signal: AbortSignal): Request {
  return {
    ...headOf(request),
    user: undefined,
    becomeKnown() {},
    remoteAddress: request.socket.remoteAddress ?? "",
    auditId: randomUUID(),
    body: async () => readBody(request),
    signal,
  };
}
