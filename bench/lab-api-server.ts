/**
 * The other process of bench/api.ts: the real server on the real store, and beside it the least that could do the same
 * work: node's own HTTPS server that sends bytes it has in memory. Prints its addresses as one line of JSON.
 */
import { mkdtempDisposable } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startServer } from "../src/server/start.ts";
import { openPki } from "../src/server/security/pki.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";

await using stack = new AsyncDisposableStack();
const directory = stack.use(await mkdtempDisposable("/tmp/fairlead-bench-"));
const store = await openSqliteStore({ dataDir: join(directory.path, "store") });
stack.use(store);
const server = await startServer({ store, bind: { host: "127.0.0.1", port: 0 }, dataDir: directory.path });
stack.defer(async () => server.close());

const pki = await openPki({ dataDir: directory.path, names: ["127.0.0.1"], now: Date.now() });
const streams = new Set<ServerResponse>();
let bytes = Buffer.alloc(0);
const plain = createServer(
  { key: pki.server.key, cert: pki.server.certificate, ca: pki.authority.certificate, requestCert: true },
  (request, response) => {
    if (request.url === "/stream") {
      streams.add(response);
      response.flushHeaders();
      return;
    }
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => void pieces.push(piece));
    request.on("end", () => {
      if (request.method === "PUT") bytes = Buffer.concat(pieces);
      if (request.method === "POST") for (const stream of streams) stream.write(Buffer.concat(pieces));
      response.end(request.method === "GET" ? bytes : "");
    });
  },
);
await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
stack.defer(async () => {
  plain.closeAllConnections();
  await new Promise((resolve) => plain.close(resolve));
});
const { port } = plain.address() as AddressInfo;
process.stdout.write(
  `${JSON.stringify({ api: server.url, plain: `https://127.0.0.1:${port}`, kubeconfig: server.kubeconfig() })}\n`,
);
// Ends when bench/api.ts does.
for await (const _ of process.stdin);
