/** What the program keeps of its compiled code between starts: where only this user can put anything, or nowhere. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempDisposableSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const BIN = join(import.meta.dirname, "../bin/fairlead");

/** Runs `fairlead --version` with its cache below `caches`. */
function run(caches: string): string {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  return execFileSync(process.execPath, [BIN, "--version"], {
    env: { ...env, XDG_CACHE_HOME: caches },
    encoding: "utf8",
  });
}

const files = (directory: string): number =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;

test("compiled code is kept in a directory that only this user can write, and in no other", () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "fairlead-compiled-"));
  const own = join(directory.path, "own");
  const version = run(own);
  assert.match(version, /^\d+\.\d+\.\d+\n$/);
  assert.ok(files(own) > 10, "something was kept");
  assert.equal(run(own), version);

  const shared = join(directory.path, "shared");
  const compiled = join(shared, "fairlead/compiled");
  mkdirSync(compiled, { recursive: true });
  chmodSync(compiled, 0o777);
  assert.equal(run(shared), version);
  assert.equal(files(shared), 0, "anybody could write there");

  // A link may lead to what is somebody else's tomorrow.
  const linked = join(directory.path, "linked");
  mkdirSync(join(linked, "fairlead"), { recursive: true });
  mkdirSync(join(directory.path, "target"));
  symlinkSync(join(directory.path, "target"), join(linked, "fairlead/compiled"));
  assert.equal(run(linked), version);
  assert.equal(files(join(directory.path, "target")), 0);

  const file = join(directory.path, "file");
  writeFileSync(file, "");
  assert.equal(run(file), version, "where nothing can be kept it works too");
});
