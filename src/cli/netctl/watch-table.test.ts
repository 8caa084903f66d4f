import assert from "node:assert/strict";
import { test } from "node:test";
import { createWatchTable } from "./watch-table.ts";

test("the head comes once, columns grow with what comes, and the last one says what became of it", () => {
  const table = createWatchTable<readonly string[]>({
    head: ["Name\tTenant", "----\t------"],
    row: (cells) => cells.join("\t"),
  });
  assert.equal(
    table.line(["app", "default"], "ADDED"),
    "Name  Tenant   Change\n----  ------   ------\napp   default  ADDED\n",
  );
  assert.equal(table.line(["longer", "x"], "MODIFIED"), "longer  x        MODIFIED\n");
  assert.equal(table.line(["app", "default"], "DELETED"), "app     default  DELETED\n");
});
