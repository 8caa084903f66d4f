/** Starts lab-api-server.ts in a process of its own, and speaks to it with the administrator's certificate. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

interface Body {
  readonly body: string | Buffer;
  readonly type?: string;
}

export interface Lab extends AsyncDisposable {
  /** "https://127.0.0.1:40001": the API, and the server that does nothing but send. */
  readonly api: string;
  readonly plain: string;
  /** In the store, bytes of memory. */
  readonly bytesEach: { readonly services: number; readonly slices: number };
  /** The answer as soon as its head is there. */
  readonly open: (
    url: string,
    method?: string,
    body?: Body,
    headers?: Record<string, string>,
  ) => Promise<IncomingMessage>;
  /** The whole body. Throws for a refusal. */
  readonly call: (...args: Parameters<Lab["open"]>) => Promise<Buffer>;
  /** How long the server's event loop stood still at the most since this was called last, milliseconds. */
  readonly stall: () => Promise<number>;
  /** Processor time that the server's process has used so far, microseconds. */
  readonly cpu: () => Promise<number>;
  /** What it uses after garbage collection, bytes. */
  readonly memory: () => Promise<number>;
}

/** `providers`: Pods of each Service, with EndpointSlices of their own. */
export async function startLab(
  services: number,
  slices: number,
  sockets: number,
  providers = 0,
): Promise<Lab> {
  const server = fileURLToPath(new URL("lab-api-server.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--expose-gc", server, ...[services, slices, providers].map(String)],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { api, plain, kubeconfig, bytesEach } = JSON.parse(line.toString()) as Pick<
    Lab,
    "api" | "plain" | "bytesEach"
  > & {
    kubeconfig: string;
  };
  const config = parse(kubeconfig) as {
    users: { user: Record<string, string> }[];
    clusters: { cluster: Record<string, string> }[];
  };
  const decode = (text: string | undefined): string => Buffer.from(text!, "base64").toString();
  const agent = new Agent({
    ca: decode(config.clusters[0]!.cluster["certificate-authority-data"]),
    cert: decode(config.users[0]!.user["client-certificate-data"]),
    key: decode(config.users[0]!.user["client-key-data"]),
    keepAlive: true,
    maxSockets: sockets,
  });

  const open: Lab["open"] = async (url, method = "GET", body, headers = {}) => {
    const request = httpsRequest(url, {
      method,
      agent,
      headers: {
        ...headers,
        ...(body !== undefined && {
          "content-type": body.type ?? "application/json",
          "content-length": Buffer.byteLength(body.body),
        }),
      },
    });
    request.end(body?.body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return response;
  };
  const call: Lab["call"] = async (...args) => {
    const response = await open(...args);
    const pieces: Buffer[] = [];
    for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
    const all = Buffer.concat(pieces);
    if (response.statusCode! >= 300) throw new Error(`${args[0]}: ${response.statusCode} ${all.toString()}`);
    return all;
  };
  const number = (path: string) => async (): Promise<number> =>
    Number((await call(`${plain}/${path}`)).toString());
  return {
    api,
    plain,
    bytesEach,
    open,
    call,
    stall: number("stall"),
    cpu: number("cpu"),
    memory: number("memory"),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

/** The value below which this part of the values is. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

export function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
