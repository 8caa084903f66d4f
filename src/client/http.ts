/** The Client contract over HTTP or HTTPS, to any Kubernetes API server. Bodies are JSON. */
import { setTimeout as wait } from "node:timers/promises";
import { pipeline, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";
import { ApiError } from "../api/api-error.ts";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import type { DeleteOptions, KubeList, KubeObject } from "../api/meta/type.ts";
import { subresourceOf } from "../api/subresources.ts";
import type {
  Client,
  ListQuery,
  ObjectName,
  PatchType,
  WatchEvent,
  WatchQuery,
  WriteOptions,
} from "./client.ts";
import type { HttpClientConfig } from "./http/config.ts";
import { createConnection, type HttpCall } from "./http/connection.ts";
import { createCredentialHeaders } from "./http/credentials.ts";
import { connectionError, isStatus, responseError, unreadableError } from "./http/failure.ts";
import { LineSplitter } from "./http/json-lines.ts";
import { queryString, type QueryValue, resourcePath } from "./http/resource-path.ts";
import { withType } from "./typed-object.ts";

export type { HttpClientConfig } from "./http/config.ts";

/** Disposing closes its connections; calls under way fail. */
export interface HttpClient extends Client, Disposable {}

interface Call {
  readonly method: HttpCall["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** The answer may be long: it is asked for in gzip, unless that would only cost time. */
  readonly long?: boolean;
  readonly signal?: AbortSignal;
}

const PATCH_CONTENT: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
};

/** The server ends a watch after this many seconds, or twice as many: at random, so that not all come back at once. */
const WATCH_SECONDS = 300;

export function createHttpClient(config: HttpClientConfig): HttpClient {
  const { requestTimeout = 30_000, watchIdleTimeout = 120_000, retries = 10 } = config;
  const connection = createConnection(config);
  const credentials = createCredentialHeaders(config);

  /** An answer with a good code. Waits and asks again where the server says so. */
  async function open(call: Call): Promise<IncomingMessage> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    for (let tries = 0; ; tries++) {
      const response = await connection.open({
        method: call.method,
        path: `${call.path}${queryString(call.query ?? {})}`,
        headers: {
          accept: "application/json",
          ...(call.long === true && !connection.isLoopback && { "accept-encoding": "gzip" }),
          "user-agent": config.userAgent ?? "fairlead",
          ...(body !== undefined && { "content-type": call.contentType ?? "application/json" }),
          ...(await credentials.headers()),
        },
        ...(body !== undefined && { body }),
        timeout: requestTimeout,
        ...(call.signal !== undefined && { signal: call.signal }),
      });
      const code = response.statusCode!;
      if (code >= 200 && code < 300) return response;
      const error = responseError(connection.url, code, await read(response));
      if (tries >= retries) throw error;
      if (code === 401 && tries === 0 && credentials.refused()) continue;
      const after = retryAfter(response, code);
      if (after === undefined) throw error;
      await wait(after * 1000, undefined, call.signal === undefined ? {} : { signal: call.signal });
    }
  }

  async function read(response: IncomingMessage): Promise<string> {
    const timer = setTimeout(
      () => response.destroy(new Error(`the answer was not whole after ${requestTimeout} ms`)),
      requestTimeout,
    );
    try {
      return await text(decoded(response));
    } catch (error) {
      throw connectionError(connection.url, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function call<R>(request: Call): Promise<R> {
    return parse(await read(await open(request))) as R;
  }

  function parse(body: string): unknown {
    try {
      return JSON.parse(body);
    } catch (error) {
      throw unreadableError(connection.url, body, error);
    }
  }

  async function* watch<T extends KubeObject>(
    kind: Kind<T>,
    { namespace, signal, onOpen, ...query }: WatchQuery,
  ): AsyncGenerator<WatchEvent<T>, void> {
    if (signal.aborted) return;
    try {
      const response = await open({
        method: "GET",
        path: resourcePath(kind, { namespace }),
        query: {
          ...query,
          watch: true,
          allowWatchBookmarks: true,
          timeoutSeconds: Math.round(WATCH_SECONDS * (1 + Math.random())),
        },
        signal,
      });
      onOpen?.();
      for await (const line of lines(response)) yield watchEvent(kind, parse(line) as RawWatchEvent<T>);
    } catch (error) {
      // Cut short by the caller: an end, not a failure.
      if (!signal.aborted) throw error;
    }
  }

  /** The lines of an answer as they come, until it ends or nothing comes any more. */
  async function* lines(response: IncomingMessage): AsyncGenerator<string, void> {
    const splitter = new LineSplitter();
    const idle = setTimeout(
      () => response.destroy(new Error(`nothing came for ${watchIdleTimeout} ms`)),
      watchIdleTimeout,
    );
    try {
      for await (const chunk of decoded(response) as AsyncIterable<Buffer>) {
        idle.refresh();
        yield* splitter.push(chunk);
      }
      if (splitter.rest() !== "") throw new Error("the watch ended in the middle of an event");
    } catch (error) {
      throw connectionError(connection.url, error);
    } finally {
      clearTimeout(idle);
      response.destroy();
    }
  }

  return {
    async get<T extends KubeObject>(kind: Kind<T>, { namespace, name }: ObjectName): Promise<T> {
      return withType(kind, await call<T>({ method: "GET", path: resourcePath(kind, { namespace, name }) }));
    },

    async list<T extends KubeObject>(
      kind: Kind<T>,
      { namespace, ...query }: ListQuery = {},
    ): Promise<KubeList<T>> {
      const list = await call<KubeList<T>>({
        method: "GET",
        path: resourcePath(kind, { namespace }),
        query: { ...query },
        long: true,
      });
      // What is taken for an empty list takes everything away: a proxy's page must not.
      if (!isList(list)) throw unreadableError(connection.url, JSON.stringify(list), "no list");
      return {
        apiVersion: list.apiVersion ?? apiVersionOf(kind),
        kind: list.kind ?? `${kind.kind}List`,
        metadata: list.metadata,
        // Go writes an empty list as null.
        items: (list.items ?? []).map((item) => withType(kind, item)),
      };
    },

    watch,

    create: <T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}) =>
      call<T>({
        method: "POST",
        path: resourcePath(kind, { namespace: object.metadata.namespace }),
        query: writeQuery(options),
        body: withType(kind, object),
      }),

    update: <T extends KubeObject>(
      kind: Kind<T>,
      object: T,
      options: WriteOptions & { readonly subresource?: "status" } = {},
    ) =>
      call<T>({
        method: "PUT",
        path: resourcePath(kind, {
          namespace: object.metadata.namespace,
          name: object.metadata.name!,
          subresource: options.subresource,
        }),
        query: writeQuery(options),
        body: withType(kind, object),
      }),

    patch: <T extends KubeObject>(
      kind: Kind<T>,
      { namespace, name }: ObjectName,
      type: PatchType,
      patch: unknown,
      options: WriteOptions & { readonly subresource?: "status" } = {},
    ) =>
      call<T>({
        method: "PATCH",
        path: resourcePath(kind, { namespace, name, subresource: options.subresource }),
        query: writeQuery(options),
        contentType: PATCH_CONTENT[type],
        body: patch,
      }),

    createSubresource: <T extends KubeObject>(
      kind: Kind<T>,
      { namespace, name }: ObjectName,
      subresource: string,
      body: KubeObject,
      options: WriteOptions = {},
    ) =>
      call<KubeObject>({
        method: "POST",
        path: resourcePath(kind, { namespace, name, subresource }),
        query: writeQuery(options),
        body: withType(subresourceOf(kind, subresource).kind, body),
      }),

    async delete<T extends KubeObject>(
      kind: Kind<T>,
      { namespace, name }: ObjectName,
      options: DeleteOptions = {},
    ): Promise<void> {
      await call({
        method: "DELETE",
        path: resourcePath(kind, { namespace, name }),
        body: { apiVersion: "v1", kind: "DeleteOptions", ...options },
      });
    },

    [Symbol.dispose]() {
      connection[Symbol.dispose]();
    },
  };
}

/** Go writes an empty list's items as null. */
function isList(value: unknown): boolean {
  if (typeof value !== "object" || value === null || isStatus(value)) return false;
  return "metadata" in value && "items" in value && (value.items === null || Array.isArray(value.items));
}

/** The body as it was before gzip. Whoever sits between us and the server may compress without being asked. */
function decoded(response: IncomingMessage): Readable {
  if (response.headers["content-encoding"] !== "gzip") return response;
  const body = createGunzip();
  // Both are destroyed when one fails; the error is the body's.
  pipeline(response, body, () => {});
  return body;
}

interface RawWatchEvent<T extends KubeObject> {
  readonly type: string;
  readonly object: T;
}

/** Throws what an ERROR event says: "too old resource version" is 410 here as it is as an answer. */
function watchEvent<T extends KubeObject>(kind: Kind<T>, { type, object }: RawWatchEvent<T>): WatchEvent<T> {
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: withType(kind, object) };
    case "BOOKMARK":
      return { type, object };
    default: {
      const status: unknown = object;
      if (isStatus(status)) throw new ApiError(status);
      throw responseError(kind.plural, 500, `a watch event of the unknown type ${JSON.stringify(type)}`);
    }
  }
}

function writeQuery({ fieldManager, dryRun }: WriteOptions): Record<string, QueryValue> {
  return { fieldManager, dryRun: dryRun === true ? "All" : undefined };
}

/** Seconds after which the server wants to be asked again; undefined if it does not (client-go: 429 and 5xx that say when). */
function retryAfter(response: IncomingMessage, code: number): number | undefined {
  const header = response.headers["retry-after"];
  if (header === undefined) return code === 429 ? 1 : undefined;
  if (code !== 429 && code < 500) return undefined;
  const seconds = Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
