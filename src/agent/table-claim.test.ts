import assert from "node:assert/strict";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { claimTable, TableTakenError } from "./table-claim.ts";

test("the table of a network namespace is one process's, and the next one's when that has ended", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "table-claim-"));
  const where = { directory: directory.path };
  const first = (await claimTable(undefined, where))!;
  await assert.rejects(
    async () => claimTable(undefined, { ...where, patience: 0 }),
    (error) =>
      error instanceof TableTakenError && error.message.startsWith(`process ${process.pid} programs table`),
  );
  const second = claimTable(undefined, where);
  first[Symbol.dispose]();
  (await second)![Symbol.dispose]();
});

test("where nothing can be kept, nothing is asked", async () => {
  assert.equal(await claimTable(undefined, { directory: "/nowhere/fairlead" }), undefined);
});
