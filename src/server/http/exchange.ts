/** A request and its answer as the handlers see them: the same for HTTP/1.1 and HTTP/2. */
import type { AuditNotes } from "../audit/notes.ts";
import type { User } from "../security/authenticate.ts";

export interface Request {
  readonly method: string;
  /** Decoded no further than URL has it: "/api/v1/namespaces/default/services". */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The value of a header, its lines joined by commas; undefined if it is not there. Names in lower case. */
  header(name: string): string | undefined;
  /** The header's lines one by one: a value may itself hold a comma. Names in lower case. */
  headerLines(name: string): readonly string[];
  /** The names of all headers, in lower case, each once. */
  headerNames(): readonly string[];
  /** Who the client's certificate says is asking; undefined if there is none of ours. */
  readonly user: User | undefined;
  /** Throws ApiError 403 if the user may not create what the request would then create instead of changing it. */
  readonly authorizeCreate?: () => void;
  /**
   * Called when it is clear who is asking: the connection may be quiet for long from now on, as a watch is. Throws
   * ApiError 429 if that user has too many connections.
   */
  becomeKnown(user: User): void;
  /** The address that the connection comes from, "127.0.0.1". */
  readonly remoteAddress: string;
  /** Names the request in the audit and in the header Audit-Id of its answer. */
  readonly auditId: string;
  /** What the handler tells the audit about a request as it learns it. */
  readonly audit?: AuditNotes;
  /** Reads the body, once. Throws ApiError 413 or 408. */
  body(): Promise<Uint8Array>;
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

export interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Whole, or as it comes: then each piece is sent before the next is asked for. */
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array> | LiveBody;
  /** Whether a large body may be compressed on the way. @default false */
  readonly compressible?: boolean;
}

/** A body that speaks up by itself, for long: a watch. A thousand of them cost a thousand writes, and no promises. */
export interface LiveBody {
  /** Once. From then on it writes to `outlet`, until it ends it. */
  start(outlet: Outlet): void;
  /** The reader has taken what was written. */
  resume(): void;
  /** The reader has gone. */
  close(): void;
  /** Resolves when the body has ended or has been closed. */
  readonly over: Promise<void>;
}

/** Where a live body goes. */
export interface Outlet {
  /** `piece` may be shared and is never changed. False: the reader does not keep up, and nothing more is to be written before `resume`. */
  write(piece: Uint8Array): boolean;
  end(): void;
}

/** Throws ApiError: the front makes a Status of it. */
export type Handler = (request: Request) => Promise<Response>;

export function jsonResponse(status: number, value: unknown, headers: Response["headers"] = {}): Response {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: `${JSON.stringify(value)}\n`,
    compressible: true,
  };
}

export function textResponse(status: number, text: string): Response {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
    body: text,
  };
}
