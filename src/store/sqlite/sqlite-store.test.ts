import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeCompliance } from "../compliance.ts";
import type { Store } from "../store.ts";
import { openSqliteStore } from "./sqlite-store.ts";

storeCompliance("the store on SQLite", makeStore, { histories: 40 });

async function makeStore(): Promise<Store> {
  const directory = await mkdtempDisposable(join(tmpdir(), "fairlead-store-"));
  const store = await openSqliteStore({ dataDir: directory.path, retention: { intervalMs: 0 } });
  return removingAfter(store, directory);
}

/** The same store, whose directory goes when it is closed. */
function removingAfter(store: Store, directory: AsyncDisposable): Store {
  const close = store[Symbol.asyncDispose].bind(store);
  let closed: Promise<void> | undefined;
  store[Symbol.asyncDispose] = async () => {
    closed ??= close().then(async () => directory[Symbol.asyncDispose]());
    await closed;
  };
  return store;
}
