import assert from "node:assert/strict";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockFile, lockHolder } from "./file-lock.ts";

test("a file is one's alone until it is given back, and says whose it is", () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "file-lock-"));
  const path = join(directory.path, "lock");
  {
    using first = lockFile(path);
    assert.notEqual(first, undefined);
    assert.equal(lockHolder(path), process.pid);
    assert.equal(lockFile(path), undefined);
    using other = lockFile(`${path}2`);
    assert.notEqual(other, undefined);
  }
  using again = lockFile(path);
  assert.notEqual(again, undefined);
});

test("where no file can be made, that is said", () => {
  assert.throws(() => lockFile("/nowhere/lock"), { code: "ENOENT" });
});
