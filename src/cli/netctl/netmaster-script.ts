/** For tests: a netmaster that answers as it is told, remembers what it was asked, and a netctl that asks it. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { runNetctl } from "./main.ts";

/** "METHOD /path": the body of a 200, or a status and a body. */
export type Script = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Asked {
  readonly request: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptedNetmaster extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** Runs netctl with --netmaster of this server. */
  netctl(...args: string[]): Promise<Finished>;
}

/** With `tls` over HTTPS, at the address 127.0.0.1. */
export async function scriptedNetmaster(
  script: Script,
  tls?: { readonly key: string; readonly cert: string },
): Promise<ScriptedNetmaster> {
  const asked: Asked[] = [];
  const answerAll: RequestListener = (request, response) => {
    void (async () => {
      const body = await text(request);
      const line = `${request.method} ${request.url}`;
      asked.push({
        request: line,
        body: body === "" ? undefined : JSON.parse(body),
        headers: request.headers,
      });
      const told = script[line] ?? {
        status: 404,
        body: { error: "not in the script", errors: [], code: 404 },
      };
      const answer = isAnswer(told) ? told : { status: 200, body: told };
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    })();
  };
  const server = tls === undefined ? createServer(answerAll) : createTlsServer(tls, answerAll);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    netctl: async (...args) => netctl(["--netmaster", url, ...args]),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** With nothing of this machine's environment. */
export async function netctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin: string = "",
): Promise<Finished> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = Promise.all([text(stdout), text(stderr)]);
  const code = await runNetctl(args, { env, stdin: Readable.from([stdin]), stdout, stderr });
  stdout.end();
  stderr.end();
  const [out, err] = await texts;
  return { code, stdout: out, stderr: err };
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && "status" in value && "body" in value;
}
