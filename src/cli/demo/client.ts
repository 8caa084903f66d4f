/** The demo's client as seen from the main thread: a worker that sends batches of requests. */
import { Worker } from "node:worker_threads";
import { once } from "node:events";
import { callInNetns } from "../../sys/netns.ts";
import type { RequestBatch } from "./client-worker.ts";
import type { Tally } from "./picture.ts";

export interface DemoClient extends AsyncDisposable {
  send(batch: RequestBatch): Promise<Tally>;
}

/** A client in the network namespace `netns`, or in the process's own. */
export function startClient(netns: string | undefined): DemoClient {
  const worker = callInNetns(netns, () => new Worker(new URL("./client-worker.ts", import.meta.url)));
  return {
    async send(batch) {
      worker.postMessage(batch);
      // `once` rejects if the worker fails, so a client that cannot start is an error and not a wait.
      const [tally] = (await once(worker, "message")) as [Tally];
      return tally;
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
