/**
 * The API on the durable store, in a process of its own that can be killed: `node api-server-child.ts <folder> <port>`.
 * Prints one line when it answers, and ends when its standard input does or by SIGTERM.
 */
import { join } from "node:path";
import { startServer } from "../../src/server/start.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

const [dataDir, port] = process.argv.slice(2) as [string, string];
await using stack = new AsyncDisposableStack();
const store = stack.use(await openSqliteStore({ dataDir: join(dataDir, "store") }));
const server = await startServer({ store, bind: { host: "127.0.0.1", port: Number(port) }, dataDir });
stack.defer(async () => server.close());
await server.writeKubeconfig(join(dataDir, "kubeconfig"));
const ended = new Promise<void>((resolve) => {
  process.once("SIGTERM", resolve);
  process.stdin.once("end", resolve).resume();
});
process.stdout.write(`${server.url}\n`);
await ended;
process.stdin.destroy();
