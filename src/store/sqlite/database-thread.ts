/** The thread in which the database is read and written, so that a slow disk never stops the event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { StoreDatabase } from "./database.ts";
import { type ThreadReply, type ThreadRequest, takeApart, unpackRows } from "./thread-messages.ts";

/** How many rows are sent at once while opening. */
const CHUNK = 1000;

const port = parentPort!;

try {
  open((workerData as { readonly path: string }).path);
} catch (error) {
  reply({ type: "failed", error: takeApart(error) });
}

function open(path: string): void {
  using opening = new DisposableStack();
  const database = opening.use(new StoreDatabase(path));
  let rows = [];
  for (const row of database.rows()) {
    rows.push(row);
    if (rows.length < CHUNK) continue;
    reply({ type: "rows", rows });
    rows = [];
  }
  reply({ type: "rows", rows });
  reply({ type: "opened", compacted: database.compacted });
  opening.move();
  port.on("message", (request: ThreadRequest) => serve(database, request));
}

function serve(database: StoreDatabase, request: ThreadRequest): void {
  try {
    if (request.type === "write") database.write(unpackRows(request.rows));
    else if (request.type === "forget") database.forget(request.compacted, request.rows);
    else database[Symbol.dispose]();
    reply({ type: "done" });
  } catch (error) {
    reply({ type: "failed", error: takeApart(error) });
  }
  if (request.type === "close") port.close();
}

function reply(message: ThreadReply): void {
  port.postMessage(message);
}
