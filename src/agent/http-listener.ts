/** Small HTTP servers of the node: health and metrics, answered in the network namespace that is programmed. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { formatIp, parseIp } from "../base/ip.ts";
import { bindInNetns, bindToAllInNetns, listenOn } from "../sys/netns-listener.ts";

/** What is answered. The body is JSON unless the headers say otherwise. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Undefined: there is nothing at this path. */
export type Answer = (path: string) => HttpAnswer | undefined | Promise<HttpAnswer | undefined>;

export interface HttpListenerOptions {
  /** An IP address; undefined: all of the namespace. */
  readonly host: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  readonly netns: string | undefined;
}

export interface HttpListener extends Disposable {
  readonly port: number;
}

/** Seconds for a request: whoever asks for health sends one line. */
const REQUEST_TIMEOUT = 10_000;

/** Throws SystemError (EADDRINUSE, EADDRNOTAVAIL, EACCES). Disposing closes the port and its connections. */
export async function listenHttp(
  { host, port, netns }: HttpListenerOptions,
  answer: Answer,
): Promise<HttpListener> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT, keepAliveTimeout: 5000 },
    (request, response) => void respond(request, response, answer),
  );
  const address = host === undefined ? undefined : parseIp(host);
  if (host !== undefined && address === undefined) throw new RangeError(`${host} is no IP address`);
  const fd = address === undefined ? bindToAllInNetns(netns, port) : bindInNetns(netns, address, port);
  const bound = await listenOn(server, fd);
  return {
    port: bound.port,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const { method = "GET", url = "/" } = request;
  let found: HttpAnswer | undefined;
  try {
    found =
      method === "GET" || method === "HEAD"
        ? await answer(new URL(url, "http://node").pathname)
        : { status: 405, headers: { allow: "GET, HEAD" }, body: "" };
  } catch (error) {
    // A path that is no URL is the asker's mistake; anything else would be ours, and is told as it is.
    found = { status: error instanceof TypeError ? 400 : 500, body: JSON.stringify(String(error)) };
  }
  const { status, headers = {}, body } = found ?? { status: 404, body: "" };
  response.writeHead(status, {
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(method === "HEAD" ? undefined : body);
}

/** For messages: "127.0.0.1:10256", "[::1]:10256". */
export function hostPort(host: string, port: number): string {
  const address = parseIp(host);
  return address?.family === 6 ? `[${formatIp(address)}]:${port}` : `${host}:${port}`;
}
