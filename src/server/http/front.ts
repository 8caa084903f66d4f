/**
 * HTTPS for HTTP/1.1 and HTTP/2 (chosen by ALPN) in front of one handler. Every request gets an answer: a refusal
 * becomes its Status, a mistake of ours a 500 that is logged. Nothing a client does or leaves undone holds on to more
 * than its own connection, and that not for ever.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerOptions as Http1Options, ServerResponse } from "node:http";
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { ApiError } from "../../api/api-error.ts";
import { internalError, tooManyRequests } from "../../api/status-errors.ts";
import type { Log } from "../../base/log.ts";
import { Connections } from "../flow-control/connections.ts";
import type { KeyPair } from "../security/certificates.ts";
import { type User, userOfConnection } from "../security/authenticate.ts";
import { bindError } from "./bind-error.ts";
import { readBody } from "./body-reader.ts";
import { type Handler, jsonResponse, type Request, type Response } from "./exchange.ts";
import { CHECK_INTERVAL, CLOSE_GRACE, GONE, HEADERS_TIMEOUT, headOf, STALL_TIMEOUT } from "./listening.ts";
import { send } from "./send.ts";

/** Milliseconds for a TLS handshake. */
const HANDSHAKE_TIMEOUT = 10_000;
/** Connections at once; a client-go program uses one or two. */
const MAX_CONNECTIONS = 4096;
/** And of one user: a client of HTTP/1.1 needs one for each watch. */
const MAX_CONNECTIONS_PER_USER = 1024;
const RETRY_CONNECTION_AFTER_SECONDS = 5;
/** Bytes of all headers together. Label selectors in a URL, and users with many groups, make them long. */
const MAX_HEADERS = 128 * 1024;
/** Requests at once on one HTTP/2 connection. Each informer of a program holds one open. */
const MAX_STREAMS = 1000;
/**
 * What one HTTP/2 connection may hold on to, megabytes: answers that its client has not read yet. Node's own limit of
 * 10 resets streams of a program that starts many informers at once.
 */
const MAX_SESSION_MEMORY = 256;
/** How long a client may go on sending a body that has been refused, milliseconds. */
const LINGER = 2000;
/** And how much of it is read, bytes: what comes after that waits in its own queue. */
const LINGER_BYTES = 4 * 1024 * 1024;

export interface FrontOptions {
  readonly bind: { readonly host: string; readonly port: number };
  readonly server: KeyPair;
  /** Whose client certificates are believed, PEM. */
  readonly authority: string;
  readonly handler: Handler;
  readonly log: Log;
  /**
   * How long a connection may be quiet that has shown neither a certificate of ours nor a good token, milliseconds.
   * @default 30_000
   */
  readonly strangerIdle?: number;
  /** Milliseconds for the headers of a request. @default 15_000 */
  readonly headersTimeout?: number;
  /** Milliseconds for the body of a request. @default 30_000 */
  readonly bodyTimeout?: number;
  /** Milliseconds for which a client may take nothing of what it has been sent. @default 60_000 */
  readonly stallTimeout?: number;
  /** @default 4096 */
  readonly maxConnections?: number;
  /** Of one user; of one in system:masters, twice as many. @default 1024 */
  readonly maxConnectionsPerUser?: number;
}

export interface Front {
  readonly host: string;
  readonly port: number;
  /** A connection that another listener has accepted. */
  accept(socket: Socket): void;
  close(): Promise<void>;
}

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

export async function listen(options: FrontOptions): Promise<Front> {
  const { bind, log, strangerIdle = 30_000 } = options;
  const closing = new AbortController();
  const sessions = new Set<ServerHttp2Session>();
  const connections = new Connections(
    options.maxConnections ?? MAX_CONNECTIONS,
    options.maxConnectionsPerUser ?? MAX_CONNECTIONS_PER_USER,
  );
  const headersTimeout = options.headersTimeout ?? HEADERS_TIMEOUT;
  const http1Options: Http1Options = {
    maxHeaderSize: MAX_HEADERS,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL, headersTimeout),
  };
  const parts = { ...options, connections };
  const server = createSecureServer({
    allowHTTP1: true,
    key: options.server.key,
    cert: options.server.certificate,
    ca: options.authority,
    minVersion: "TLSv1.2",
    requestCert: true,
    // Who has no certificate, or another's, is answered with a Status instead of a broken handshake.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT,
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADERS },
    maxSessionMemory: MAX_SESSION_MEMORY,
    http1Options,
  });
  Object.assign(server, { headersTimeout, requestTimeout: 60_000, keepAliveTimeout: 90_000 });
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.setNoDelay(true);
  });
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    if (!isKnown(session.socket as TLSSocket, connections))
      session.setTimeout(strangerIdle, () => session.close());
    session.on("error", (err: Error) => log.debug({ err }, "an HTTP/2 connection failed"));
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    // HTTP/2 counts its own time: it reads past the socket.
    if (!isKnown(socket, connections) && socket.alpnProtocol !== "h2")
      socket.setTimeout(strangerIdle, () => socket.destroy());
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => refuseUnreadable(error, socket));
  server.on("tlsClientError", (err) => log.debug({ err }, "a TLS handshake failed"));
  server.on("request", (request: AnyRequest, response: AnyResponse) => {
    void answer(request, response, parts, closing.signal);
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(bind, error)));
    server.listen({ host: bind.host, port: bind.port, backlog: 511 }, resolve);
  });
  server.on("error", (err) => log.error({ err }, "the API's listener failed"));
  const { port } = server.address() as AddressInfo;
  /** Connections that somebody else has accepted: the server does not wait for their end. */
  const injected = new Set<Socket>();
  let injectedGone: (() => void) | undefined;

  return {
    host: bind.host,
    port,
    accept(socket) {
      injected.add(socket);
      socket.once("close", () => {
        injected.delete(socket);
        if (injected.size === 0) injectedGone?.();
      });
      server.emit("connection", socket);
    },
    async close(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      closing.abort();
      for (const session of sessions) session.close();
      const cut = setTimeout(() => {
        connections.destroyAll();
      }, CLOSE_GRACE);
      await closed;
      if (injected.size > 0) await new Promise<void>((resolve) => (injectedGone = resolve));
      clearTimeout(cut);
    },
  };
}

/** Whether its certificate is one of ours, of a user who has not too many connections. */
function isKnown(socket: TLSSocket, connections: Connections): boolean {
  const user = userOfConnection(socket);
  return user !== undefined && connections.introduce(socket, user);
}

interface AnswerParts extends FrontOptions {
  readonly connections: Connections;
}

async function answer(
  request: AnyRequest,
  response: AnyResponse,
  parts: AnswerParts,
  closing: AbortSignal,
): Promise<void> {
  const { handler, log } = parts;
  const started = performance.now();
  const gone = new AbortController();
  response.once("close", () => gone.abort(GONE));
  request.on("error", (err) => log.debug({ err }, "a request broke off"));
  response.on("error", (err: Error) => log.debug({ err }, "an answer could not be sent"));
  const received = requestOf(request, parts, AbortSignal.any([gone.signal, closing]));
  response.setHeader("audit-id", received.auditId);
  let outcome: Response;
  try {
    outcome = await handler(received);
  } catch (error) {
    outcome = refusal(error, request, log);
  }
  try {
    const surplus = surplusConnections.has(connectionOf(request));
    if (surplus && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    await send(request, response, outcome, parts.stallTimeout ?? STALL_TIMEOUT);
    if (surplus) sessionOf(request)?.close();
    if (!request.complete) endUnlessComplete(request, response);
    // What a watch has kept open until now would otherwise stay for the next request.
    if (closing.aborted && request.httpVersionMajor === 1) endWhenSent(request, response);
  } catch (err) {
    // The head may be out already: all that can be done is to break off, so that it does not look complete.
    log.debug({ err, path: request.url }, "an answer broke off");
    response.destroy();
  }
  const { status } = outcome;
  const ms = Math.round(performance.now() - started);
  log.debug({ method: request.method, path: request.url, status, ms }, "answered");
}

/** By the code of an error about a request that HTTP/1.1 could not make out. Any other is a 400. */
const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};
const refusedSockets = new WeakSet<Socket>();

/** Says once what is wrong with what came, and ends the connection; not at once, or the client might not read it. */
function refuseUnreadable({ code = "" }: NodeJS.ErrnoException, socket: Socket): void {
  if (refusedSockets.has(socket)) return;
  refusedSockets.add(socket);
  // Without TLS nothing can be said: what is written when the handshake comes late would answer a request that was never read.
  const isUnheard = code === "ECONNRESET" || code.startsWith("ERR_TLS_");
  if (!socket.writable || isUnheard) return void socket.destroy();
  socket.end(
    `HTTP/1.1 ${UNREADABLE[code] ?? "400 Bad Request"}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
  );
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once("close", () => clearTimeout(timer));
}

/**
 * The client still sends a body that nobody wants. It may go on for a while, or closing would take the answer from it
 * before it is read; then the connection ends, or the stream where there are others beside it.
 */
function endUnlessComplete(request: AnyRequest, response: AnyResponse): void {
  const end = (): void => {
    if (request.complete) return;
    if ("stream" in request) request.stream.close(constants.NGHTTP2_NO_ERROR);
    else request.socket.destroy();
  };
  let dropped = 0;
  request.on("data", (piece: Buffer) => {
    dropped += piece.length;
    if (dropped > LINGER_BYTES) request.pause();
  });
  const timer = setTimeout(end, LINGER);
  const clear = (): void => clearTimeout(timer);
  // Also of what has ended otherwise.
  if ("stream" in request) request.stream.once("close", clear);
  else request.socket.once("close", clear);
  request.once("end", () => {
    clear();
    // A connection that is kept has many requests.
    if (!("stream" in request)) request.socket.off("close", clear);
  });
  if (response.destroyed) clearTimeout(timer);
}

function endWhenSent({ socket }: AnyRequest, response: AnyResponse): void {
  if (response.writableFinished) socket.end();
  else response.once("finish", () => socket.end());
}

function refusal(error: unknown, request: AnyRequest, log: Log): Response {
  if (!(error instanceof ApiError))
    log.error({ err: error, method: request.method, path: request.url }, "a request failed by our fault");
  const { status } =
    error instanceof ApiError ? error : internalError(error instanceof Error ? error.message : String(error));
  const retry = status.details?.retryAfterSeconds;
  const headers: Record<string, string> = {};
  if (retry !== undefined) headers["retry-after"] = String(retry);
  return jsonResponse(status.code ?? 500, status, headers);
}

function requestOf(request: AnyRequest, parts: AnswerParts, signal: AbortSignal): Request {
  const connection = connectionOf(request);
  return {
    ...headOf(request),
    user: userOfConnection(connection),
    becomeKnown: (user) => becomeKnown(request, user, parts.connections),
    remoteAddress: connection.remoteAddress ?? "",
    auditId: auditIdOf(request),
    body: async () => readBody(request, parts.bodyTimeout),
    signal,
  };
}

/** Connections that need not be introduced again with each request. */
const knownConnections = new WeakSet<TLSSocket>();
/** Those of a user who has too many: they end when their requests are answered. */
const surplusConnections = new WeakSet<TLSSocket>();

/** Throws ApiError 429 if the user has too many connections. */
function becomeKnown(request: AnyRequest, user: User, connections: Connections): void {
  const connection = connectionOf(request);
  if (knownConnections.has(connection)) return;
  if (!connections.introduce(connection, user)) {
    surplusConnections.add(connection);
    throw tooManyRequests(
      `Too many connections: ${JSON.stringify(user.name)} has as many open as one user may, please try again later.`,
      RETRY_CONNECTION_AFTER_SECONDS,
    );
  }
  knownConnections.add(connection);
  (sessionOf(request) ?? connection).setTimeout(0);
}

/** The one that the client gave, so that its own log can be matched to ours, or else a new one. */
function auditIdOf({ headers }: AnyRequest): string {
  const given = headers["audit-id"];
  return typeof given === "string" && /^[-A-Za-z0-9]{1,64}$/.test(given) ? given : randomUUID();
}

function sessionOf(request: AnyRequest): Http2Session | undefined {
  return "stream" in request ? request.stream.session : undefined;
}

function connectionOf(request: AnyRequest): TLSSocket {
  return (sessionOf(request)?.socket ?? request.socket) as TLSSocket;
}
