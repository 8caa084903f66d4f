/** What both listeners have alike: how long they wait, and what the head of a request is. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { Request } from "./exchange.ts";

/** Milliseconds for the headers of a request. */
export const HEADERS_TIMEOUT = 15_000;
/** How long a client may take nothing of what it has been sent, milliseconds. */
export const STALL_TIMEOUT = 60_000;
/** How often node:http looks for headers that are late, milliseconds. */
export const CHECK_INTERVAL = 5000;
/** When a listener closes: after this much time, what has not ended by itself is cut off, milliseconds. */
export const CLOSE_GRACE = 2000;

/** Why a request's signal aborts when its answer is closed. Made once: an AbortError with its stack costs 90 µs. */
export const GONE: Error = new Error("the client has gone");

type Head = Pick<Request, "method" | "path" | "query" | "header" | "headerLines" | "headerNames">;

export function headOf(request: IncomingMessage | Http2ServerRequest): Head {
  const text = request.url ?? "/";
  const mark = text.indexOf("?");
  return {
    method: request.method ?? "GET",
    path: mark < 0 ? text : text.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    headerLines: (name) => linesOf(request.rawHeaders, name),
    headerNames: () => Object.keys(request.headers),
  };
}

/** `raw` is names and values in turn, as they came. */
function linesOf(raw: readonly string[], name: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2)
    if (raw[at]!.toLowerCase() === name) lines.push(raw[at + 1]!);
  return lines;
}
