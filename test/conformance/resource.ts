/** One resource of the API, by its path: the verbs that client-go's typed clients have, on plain HTTPS. */
import { STATUS_CODES } from "node:http";
import type { Call, HttpsClient, Reply } from "../api-fixture.ts";
import { Watching } from "./watching.ts";

/** An object as it is on the wire: the generated types with times as text, and with apiVersion and kind. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

export interface List<T> {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: Wire<T>[];
}

/** The query of a list or a watch, as Kubernetes names its parts. */
export interface Query {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly timeoutSeconds?: number;
}

export interface WriteQuery {
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly fieldValidation?: string;
  readonly dryRun?: "All";
  readonly force?: boolean;
}

/** The types of patches and their media types. "apply" takes YAML, of which JSON is a part. */
const PATCHES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

export interface Status {
  readonly kind: "Status";
  readonly status: string;
  readonly code: number;
  readonly reason?: string;
  readonly message: string;
  readonly metadata?: { readonly continue?: string };
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The server refused, with a Status. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: number;
  readonly status: Status;

  constructor(what: string, reply: Reply) {
    const status = parseStatus(reply);
    super(`${what}: ${reply.status} ${STATUS_CODES[reply.status] ?? ""}: ${status.message}`);
    this.code = reply.status;
    this.status = status;
  }
}

/** Every refusal must be a Status that repeats its code: anything else fails the test that caused it. */
function parseStatus(reply: Reply): Status {
  const status = reply.json() as unknown as Status;
  if (status.kind !== "Status" || status.code !== reply.status)
    throw new Error(`an answer with ${reply.status} that is no Status of that code: ${reply.text}`);
  return status;
}

export function isRefused(error: unknown, code: number): error is Refused {
  return error instanceof Refused && error.code === code;
}

export class ApiClient {
  readonly #https: Pick<HttpsClient, "call" | "open">;

  constructor(https: Pick<HttpsClient, "call" | "open">) {
    this.#https = https;
  }

  /** A resource of the group "" version v1. Without a namespace: of the cluster, or of all namespaces. */
  core<T>(plural: string, namespace?: string): Resource<T> {
    return this.of<T>("v1", plural, namespace);
  }

  /** `groupVersion` as in apiVersion: "v1", "apps/v1". */
  of<T>(groupVersion: string, plural: string, namespace?: string): Resource<T> {
    const root = `${groupVersion.includes("/") ? "/apis" : "/api"}/${groupVersion}`;
    const path = `${root}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${plural}`;
    return new Resource<T>(this.#https, path);
  }

  /** The body of an answer that must be a success. */
  async json<T>(path: string, call: Call = {}): Promise<T> {
    const reply = await this.#https.call(path, call);
    if (reply.status >= 300) throw new Refused(`${call.method ?? "GET"} ${path}`, reply);
    return reply.json() as T;
  }

  /** If discovery has the resource. */
  async serves(groupVersion: string, plural: string): Promise<boolean> {
    const path = `${groupVersion.includes("/") ? "/apis" : "/api"}/${groupVersion}`;
    try {
      const { resources } = await this.json<{ resources: { name: string }[] }>(path);
      return resources.some(({ name }) => name === plural);
    } catch (error) {
      if (isRefused(error, 404)) return false;
      throw error;
    }
  }
}

/** All verbs throw Refused when the server refuses. */
export class Resource<T> {
  readonly path: string;
  readonly #https: Pick<HttpsClient, "call" | "open">;

  constructor(https: Pick<HttpsClient, "call" | "open">, path: string) {
    this.#https = https;
    this.path = path;
  }

  create(object: object, query: WriteQuery = {}): Promise<Wire<T>> {
    return this.#send("POST", this.#to("", query), object);
  }

  get(name: string, subresource?: string): Promise<Wire<T>> {
    return this.#send("GET", this.#to(name, subresource === undefined ? {} : { subresource }));
  }

  /** Undefined if there is none of that name. */
  async find(name: string): Promise<Wire<T> | undefined> {
    try {
      return await this.get(name);
    } catch (error) {
      if (isRefused(error, 404)) return undefined;
      throw error;
    }
  }

  list(query: Query = {}): Promise<List<T>> {
    return this.#send("GET", `${this.path}${search(query)}`);
  }

  /** Replaces the object that is named in `object`. */
  update(object: object, query: WriteQuery = {}): Promise<Wire<T>> {
    const { name } = (object as { metadata: { name: string } }).metadata;
    return this.#send("PUT", this.#to(name, query), object);
  }

  /** As RetryOnConflict does: reads, changes and writes again as long as somebody else was faster. */
  async change(name: string, edit: (object: Wire<T>) => void, query: WriteQuery = {}): Promise<Wire<T>> {
    for (let tries = 5; ; tries--) {
      const object = await this.get(name, query.subresource);
      edit(object);
      try {
        return await this.update(object as object, query);
      } catch (error) {
        if (tries === 0 || !isRefused(error, 409)) throw error;
      }
    }
  }

  patch(
    name: string,
    type: keyof typeof PATCHES,
    patch: object | string,
    query: WriteQuery = {},
  ): Promise<Wire<T>> {
    return this.#send("PATCH", this.#to(name, query), patch, PATCHES[type]);
  }

  delete(name: string, options?: object): Promise<Wire<T> | Status> {
    return this.#send("DELETE", this.#to(name, {}), options);
  }

  deleteCollection(query: Query, options?: object): Promise<List<T> | Status> {
    return this.#send("DELETE", `${this.path}${search(query)}`, options);
  }

  /** Resolves when the server has accepted it. Leave it with `await using`. */
  async watch(query: Query = {}): Promise<Watching<Wire<T>>> {
    const path = `${this.path}${search({ ...query, watch: true })}`;
    const response = await this.#https.open(path);
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`watch of ${path}: ${response.statusCode}`);
    }
    return new Watching<Wire<T>>(response, path);
  }

  #to(name: string, { subresource, ...query }: WriteQuery): string {
    const object = name === "" ? "" : `/${encodeURIComponent(name)}`;
    return `${this.path}${object}${subresource === undefined ? "" : `/${subresource}`}${search(query)}`;
  }

  async #send<R>(
    method: string,
    path: string,
    body?: object | string,
    contentType = "application/json",
  ): Promise<R> {
    const call: Call =
      body === undefined ? { method } : { method, body, headers: { "content-type": contentType } };
    const reply = await this.#https.call(path, call);
    if (reply.status >= 300) throw new Refused(`${method} ${path}`, reply);
    return reply.json() as R;
  }
}

function search(query: object): string {
  const pairs = Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}
