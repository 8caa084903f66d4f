/**
 * The demo's client: a thread that may live in a network namespace of its own and sends requests to a virtual IP,
 * each on a connection of its own, over real sockets.
 */
import { Agent, get } from "node:http";
import { parentPort } from "node:worker_threads";
import type { Tally } from "./picture.ts";

export interface RequestBatch {
  readonly host: string;
  readonly port: number;
  readonly requests: number;
  /** How many are under way at once. */
  readonly concurrency: number;
}

const REQUEST_TIMEOUT_MS = 5_000;

/** The endpoint that answered; rejects if the connection fails or the answer is not the backend's. */
function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const request = get({ host, port, agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () => {
        try {
          resolve((JSON.parse(body) as { endpoint: string }).endpoint);
        } catch (error) {
          reject(error);
        }
      });
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    request.on("error", reject);
  });
}

async function send({ host, port, requests, concurrency }: RequestBatch): Promise<Tally> {
  const byEndpoint: Record<string, number> = {};
  let failed = 0;
  let left = requests;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      try {
        const endpoint = await ask(host, port);
        byEndpoint[endpoint] = (byEndpoint[endpoint] ?? 0) + 1;
      } catch {
        failed += 1; // counted, and shown to the user as a failed request
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return { requests, failed, byEndpoint };
}

parentPort!.on("message", (batch: RequestBatch) => {
  void send(batch).then((tally) => parentPort!.postMessage(tally));
});
