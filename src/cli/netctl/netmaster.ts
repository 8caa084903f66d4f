/** The REST of contiv/wire.ts as calls. */
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import type { HttpClientConfig } from "../../client/http/config.ts";
import { createConnection, type HttpCall } from "../../client/http/connection.ts";
import { createCredentialHeaders } from "../../client/http/credentials.ts";
import { LineSplitter } from "../../client/http/json-lines.ts";
import type { Key } from "../../contiv/wire.ts";
import { EXIT, NetctlError } from "./failure.ts";
import { refusalLines } from "./refusal.ts";
import { findServer, type ServerFlags } from "./server.ts";
import type { Stdio } from "./stdio.ts";
import { unreachable } from "./unreachable.ts";

export type Plural = "networks" | "tenants" | "serviceLBs" | "endpoints";

/** Each call throws NetctlError: EXIT.request where there is no answer, EXIT.invalid where there is a refusal. */
export interface Netmaster extends Disposable {
  /** As --netmaster has it. */
  readonly url: string;
  /** Of one tenant, or of all: who may see one alone may ask for that one. */
  list<T>(plural: Plural, tenant?: string): Promise<readonly T[]>;
  get<T>(plural: Plural, key: Key): Promise<T>;
  inspect<T>(plural: Plural, key: Key): Promise<T>;
  inspectAll<T>(plural: Plural, tenant?: string): Promise<readonly T[]>;
  describe<T>(plural: "serviceLBs", key: Key): Promise<T>;
  post(plural: Plural, key: Key, body: object): Promise<void>;
  /** A merge patch (RFC 7396). */
  patch(plural: Plural, key: Key, body: object): Promise<void>;
  delete(plural: Plural, key: Key): Promise<void>;
  /** What the server says of itself. */
  version(): Promise<Readonly<Record<string, string>>>;
  /** Until `signal` is aborted, which ends it without an error. */
  watch<T>(plural: Plural, tenant: string | undefined, signal: AbortSignal): AsyncGenerator<T, void>;
}

/** Milliseconds. Writes wait for the container engine, which makes or removes a network first. */
const READ_TIMEOUT = 30_000;
const WRITE_TIMEOUT = 120_000;

/** The one that the command line, the environment or the kubeconfig says. Throws NetctlError. */
export async function netmasterOf(command: Command, { env }: Stdio): Promise<Netmaster> {
  return createNetmaster(await findServer(command.optsWithGlobals<ServerFlags>(), env));
}

export function createNetmaster(config: HttpClientConfig): Netmaster {
  const connection = createConnection(config);
  const credentials = createCredentialHeaders(config);

  async function open(
    method: HttpCall["method"],
    path: string,
    body: object | undefined,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const timeout = config.requestTimeout ?? (method === "GET" ? READ_TIMEOUT : WRITE_TIMEOUT);
    let response: IncomingMessage;
    try {
      response = await connection.open({
        method,
        path,
        headers: {
          accept: "application/json",
          "user-agent": config.userAgent ?? "netctl",
          ...(body !== undefined && {
            "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
          }),
          ...(await credentials.headers()),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        timeout,
        ...(signal !== undefined && { signal }),
      });
    } catch (cause) {
      throw unreachable(config.server, (cause as Error).message, cause);
    }
    const code = response.statusCode!;
    if (code >= 200 && code < 300) return response;
    const lines = refusalLines(config.server, code, await read(response));
    throw new NetctlError(EXIT.invalid, lines, { status: code });
  }

  async function call<T>(method: HttpCall["method"], path: string, body?: object): Promise<T> {
    const answer = await read(await open(method, path, body));
    try {
      return JSON.parse(answer) as T;
    } catch (cause) {
      const message = `${config.server} answered what is no JSON to ${method} ${path}: ${answer.slice(0, 200)}`;
      throw new NetctlError(EXIT.invalid, message, { cause });
    }
  }

  async function read(response: IncomingMessage): Promise<string> {
    try {
      return await text(response);
    } catch (cause) {
      throw unreachable(
        config.server,
        `${config.server} ended the connection within its answer: ${(cause as Error).message}`,
        cause,
      );
    }
  }

  return {
    url: config.server,
    list: async (plural, tenant) => call("GET", `/api/v1/${plural}/${query({ tenant })}`),
    get: async (plural, key) => call("GET", `/api/v1/${plural}/${keyPath(key)}/`),
    inspect: async (plural, key) => call("GET", `/api/v1/inspect/${plural}/${keyPath(key)}/`),
    inspectAll: async (plural, tenant) => call("GET", `/api/v1/inspect/${plural}/${query({ tenant })}`),
    describe: async (plural, key) => call("GET", `/api/v1/describe/${plural}/${keyPath(key)}/`),
    post: async (plural, key, body) => call("POST", `/api/v1/${plural}/${keyPath(key)}/`, body),
    patch: async (plural, key, body) => call("PATCH", `/api/v1/${plural}/${keyPath(key)}/`, body),
    delete: async (plural, key) => call("DELETE", `/api/v1/${plural}/${keyPath(key)}/`),
    version: async () => call("GET", "/version"),
    async *watch<T>(plural: Plural, tenant: string | undefined, signal: AbortSignal) {
      try {
        const response = await open(
          "GET",
          `/api/v1/${plural}/${query({ watch: "true", tenant })}`,
          undefined,
          signal,
        );
        const lines = new LineSplitter();
        for await (const chunk of response as AsyncIterable<Uint8Array>)
          for (const line of lines.push(chunk)) yield JSON.parse(line) as T;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof NetctlError) throw error;
        throw unreachable(
          config.server,
          `the watch of ${config.server} broke off: ${(error as Error).message}`,
          error,
        );
      }
      if (!signal.aborted)
        throw new NetctlError(EXIT.request, `${config.server} ended the watch: run it again`);
    },
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

/** `tenant:name` in a path. What a user types as a name may hold anything. */
function keyPath(key: Key): string {
  return key.split(":").map(encodeURIComponent).join(":");
}

function query(fields: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}
