/** Requests to one server over kept-alive connections, each with a limit on how long it may take. */
import type { IncomingMessage, RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { ApiError } from "../../api/api-error.ts";
import type { HttpClientConfig } from "./config.ts";
import { connectionError, timeoutError } from "./failure.ts";
import { Agent as HttpAgent, request as httpRequest } from "./node-http.ts";

export interface HttpCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
  /** Until the head of the answer is there, in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

export interface Connection extends Disposable {
  readonly url: string;
  /** The server is on this machine, as far as its address tells. */
  readonly isLoopback: boolean;
  /** The head of the answer; its body is the caller's to read or to destroy. Throws ApiError 503 or 504. */
  open(call: HttpCall): Promise<IncomingMessage>;
}

/** A peer that is gone without a word is noticed this long after the last packet, plus the kernel's 10 probes of a second. */
const KEEPALIVE_DELAY = 15_000;

export function createConnection(config: HttpClientConfig): Connection {
  const url = new URL(config.server);
  const kept = { keepAlive: true, keepAliveMsecs: KEEPALIVE_DELAY, keepAliveInitialDelay: KEEPALIVE_DELAY };
  const tls = url.protocol === "https:";
  const agent = tls
    ? new HttpsAgent({
        ...kept,
        ...(config.ca !== undefined && { ca: config.ca }),
        ...(config.clientCertificate !== undefined && { cert: config.clientCertificate }),
        ...(config.clientKey !== undefined && { key: config.clientKey }),
        ...(config.tlsServerName !== undefined && { servername: config.tlsServerName }),
        rejectUnauthorized: config.insecureSkipTlsVerify !== true,
      })
    : new HttpAgent(kept);
  const send = tls ? httpsRequest : httpRequest;
  /** A server behind a path, as gateways have it. */
  const prefix = url.pathname.replace(/\/$/, "");

  function once(call: HttpCall): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options: RequestOptions = {
      agent,
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port,
      method: call.method,
      path: `${prefix}${call.path}`,
      headers: {
        ...call.headers,
        ...(call.body !== undefined && { "content-length": Buffer.byteLength(call.body) }),
      },
      ...(call.signal !== undefined && { signal: call.signal }),
    };
    const request = send(options, resolve);
    const timer = setTimeout(() => request.destroy(timeoutError(config.server, call.timeout)), call.timeout);
    request.once("response", () => clearTimeout(timer));
    request.once("close", () => clearTimeout(timer));
    request.on("error", (error) => {
      const reused = request.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
      reject(reused ? new StaleSocket(error) : error);
    });
    request.end(call.body);
    return promise;
  }

  return {
    url: config.server,
    isLoopback: /^(127\.|\[::1\]$|localhost$)/.test(url.hostname),
    async open(call) {
      for (let tries = 0; ; tries++)
        try {
          return await once(call);
        } catch (error) {
          // The server closed an idle connection just as we used it. Only what may be said twice is said again.
          const stale = error instanceof StaleSocket;
          if (
            stale &&
            tries < 3 &&
            (call.method === "GET" || call.method === "PUT" || call.method === "DELETE")
          )
            continue;
          const cause = stale ? error.cause : error;
          if (cause instanceof ApiError) throw cause;
          throw connectionError(config.server, cause);
        }
    },
    [Symbol.dispose]() {
      agent.destroy();
    },
  };
}

class StaleSocket extends Error {
  override readonly name = "StaleSocket";

  constructor(cause: unknown) {
    super("a kept-alive connection was closed by the server", { cause });
  }
}
