/** A real server on a free loopback port with a store in memory, and a plain HTTPS client for it. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, type RequestOptions } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { cidr } from "../src/base/ip.ts";
import { type Log, silentLog } from "../src/base/log.ts";
import type { RunningServer, ServerOptions } from "../src/server/server.ts";
import { startServer } from "../src/server/start.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import type { Store } from "../src/store/store.ts";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The body as JSON. */
  readonly json: () => Record<string, unknown>;
}

export interface Call {
  readonly method?: string;
  readonly body?: string | Uint8Array | object;
  readonly headers?: Record<string, string>;
  /** @default with the administrator's certificate */
  readonly anonymous?: boolean;
}

export interface ApiFixture extends Omit<HttpsClient, "close"> {
  readonly server: RunningServer;
  readonly store: Store;
  readonly directory: string;
  readonly kubeconfig: string;
  /** Errors that the server logged: its own faults. */
  readonly faults: unknown[];
}

export interface HttpsClient {
  readonly credentials: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly call: (path: string, call?: Call) => Promise<Reply>;
  /** The answer as soon as its head is there. */
  readonly open: (path: string, call?: Call) => Promise<IncomingMessage>;
  /** Ends its connections. */
  readonly close: () => void;
}

/** Where to say what must be undone: a test's context, or node:test itself in a suite. */
export interface Scope {
  readonly after: (undo: () => Promise<void>) => void;
}

/** Keeps in `faults` what the server logs as its own fault, and nothing else. */
export function logOfFaults(faults: unknown[]): Log {
  return { ...silentLog, error: (fields, message) => void faults.push(message, fields) };
}

/** Started for one test file or test; stopped after it. The server must have logged no fault of its own by then. */
export async function startApi(t: Scope, options: Partial<ServerOptions> = {}): Promise<ApiFixture> {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-api-"));
  const store = options.store ?? createMemoryStore();
  const faults: unknown[] = [];
  const log = logOfFaults(faults);
  const server = await startServer({
    store,
    bind: { host: "127.0.0.1", port: 0 },
    dataDir: directory,
    serviceCidrs: [cidr("10.96.0.0/16")],
    log,
    ...options,
  });
  const kubeconfig = join(directory, "kubeconfig");
  await server.writeKubeconfig(kubeconfig);
  const client = connect(server.url, server.kubeconfig());
  t.after(async () => {
    client.close();
    await server.close();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  return { server, store, directory, kubeconfig, faults, ...client };
}

/** A plain HTTPS client with the administrator's certificate from a kubeconfig's text. */
export function connect(url: string, kubeconfig: string): HttpsClient {
  const config = parse(kubeconfig) as {
    users: { user: Record<string, string> }[];
    clusters: { cluster: Record<string, string> }[];
  };
  const decode = (text: string | undefined): string => Buffer.from(text!, "base64").toString();
  const { user } = config.users[0]!;
  const credentials = {
    ca: decode(config.clusters[0]!.cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  };
  const known = new Agent({ ...credentials, keepAlive: true });
  const anonymous = new Agent({ ca: credentials.ca });
  const open = async (path: string, call: Call = {}): Promise<IncomingMessage> => {
    const { body } = call;
    const bytes =
      body === undefined || typeof body === "string" || body instanceof Uint8Array
        ? body
        : JSON.stringify(body);
    const requestOptions: RequestOptions = {
      method: call.method ?? "GET",
      agent: call.anonymous === true ? anonymous : known,
      headers: {
        ...(bytes !== undefined && { "content-type": "application/json" }),
        ...(bytes !== undefined &&
          call.headers?.["transfer-encoding"] === undefined && {
            "content-length": Buffer.byteLength(bytes),
          }),
        ...call.headers,
      },
    };
    const request = httpsRequest(`${url}${path}`, requestOptions);
    request.end(bytes);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return response;
  };
  return {
    credentials,
    close() {
      known.destroy();
      anonymous.destroy();
    },
    open,
    call: async (path, call) => readReply(await open(path, call)),
  };
}

/** All of an answer. */
export async function readReply(response: IncomingMessage): Promise<Reply> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  return {
    status: response.statusCode!,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  };
}

/** Reads JSON lines of a watch as they come. */
export async function* watchLines(
  response: AsyncIterable<Buffer>,
): AsyncGenerator<{ type: string; object: Record<string, unknown> & { metadata: Record<string, unknown> } }> {
  let rest = "";
  for await (const piece of response) {
    rest += piece.toString();
    const lines = rest.split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as never;
  }
}
