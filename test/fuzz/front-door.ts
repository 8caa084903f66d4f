/**
 * A server to be fuzzed and what must hold of each of its answers: never a crash, a 500, a hang; always a Status with
 * the right code.
 */
import assert from "node:assert/strict";
import { Agent, request as httpsRequest } from "node:https";
import { type ApiFixture, type Scope, startApi } from "../api-fixture.ts";

/** One request as it goes on the wire; also the form in which the corpus keeps what once went wrong. */
export interface FuzzRequest {
  readonly method: string;
  /** With its query; only characters that an HTTP request line can carry. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64, since it may be any bytes. */
  readonly body?: string;
}

export interface FuzzAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export interface FrontDoor extends ApiFixture {
  send(request: FuzzRequest): Promise<FuzzAnswer>;
  /** Sends, and asserts what must hold of any answer. */
  check(request: FuzzRequest): Promise<FuzzAnswer>;
}

/** A request that has no whole answer by then hangs, milliseconds. Watches are asked to end earlier. */
const DEADLINE = 10_000;

/** Refusals that Kubernetes itself gives with 500, by the beginning of their message. */
const UPSTREAM_500 = [
  "resourceVersion should not be set on objects to be created",
  "Internal error occurred: failed to allocate",
];

export async function openFrontDoor(t: Scope): Promise<FrontDoor> {
  const fixture = await startApi(t);
  const agent = new Agent({ ...fixture.credentials, keepAlive: true });
  t.after(async () => agent.destroy());
  const { host, port } = fixture.server.address;

  const send = (fuzzed: FuzzRequest): Promise<FuzzAnswer> =>
    new Promise((resolve, reject) => {
      const { method, path, headers } = fuzzed;
      const body = fuzzed.body === undefined ? undefined : Buffer.from(fuzzed.body, "base64");
      const request = httpsRequest({
        host,
        port,
        agent,
        method,
        path,
        headers: { ...headers, ...(body !== undefined && { "content-length": body.length }) },
        signal: AbortSignal.timeout(DEADLINE),
      });
      request.on("error", reject);
      request.on("response", (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode!,
            contentType: response.headers["content-type"] ?? "",
            text: Buffer.concat(pieces).toString("latin1"),
          }),
        );
      });
      request.end(body);
    });

  const check = async (fuzzed: FuzzRequest): Promise<FuzzAnswer> => {
    const answer = await send(fuzzed);
    // Taken out, so that the next request is not blamed for this one's.
    const faults = fixture.faults.splice(0);
    assert.deepEqual(faults, [], "the server logged a fault of its own");
    checkAnswer(fuzzed, answer);
    return answer;
  };
  return { ...fixture, send, check };
}

function checkAnswer({ method, path }: FuzzRequest, { status, contentType, text }: FuzzAnswer): void {
  assert.ok(status >= 200 && status < 600, `status ${status}`);
  if (status < 400 || method === "HEAD") {
    assert.notEqual(status, 500);
    return;
  }
  // The pages for people: health checks in text, and paths that can only be read.
  if (contentType.startsWith("text/plain") && /^\/+(healthz|livez|readyz|metrics|version|openapi)/.test(path))
    return;
  if ([405, 417].includes(status)) return;
  assert.equal(contentType, "application/json", `${status} ${text.slice(0, 200)}`);
  const answer = JSON.parse(text) as Record<string, unknown>;
  assert.equal(answer["kind"], "Status");
  assert.equal(answer["status"], "Failure");
  assert.equal(answer["code"], status, "the code in the Status is the answer's");
  const message = answer["message"];
  assert.ok(typeof message === "string" && message !== "", "a Status says what is wrong");
  if (status >= 500 && status !== 504)
    assert.ok(
      UPSTREAM_500.some((begin) => message.startsWith(begin)),
      `${status}: ${message}`,
    );
}
