/** Clients that nobody here wrote, in other languages, as Debian packages them: they must not notice the difference. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";
import { startApi } from "./api-fixture.ts";

const run = promisify(execFile);
const script = (name: string): string => fileURLToPath(new URL(`clients/${name}`, import.meta.url));

/** Debian's own interpreters: only they see Debian's packages. */
const PYTHON = "/usr/bin/python3";
const RUBY = "/usr/bin/ruby";
const noPython = lacks("python3-kubernetes");
const noRuby = lacks("ruby-kubeclient");

/** Why a test that needs this Debian package is skipped; false if it can run. */
function lacks(debianPackage: string): string | false {
  return (
    !existsSync(`/usr/share/doc/${debianPackage}`) && `the Debian package ${debianPackage} is not installed`
  );
}

interface Step {
  readonly step: string;
  readonly [seen: string]: unknown;
}

/** What each step saw, in order. */
async function steps(
  program: string,
  args: readonly string[],
): Promise<Map<string, Record<string, unknown>>> {
  const { stdout } = await run(program, args, { timeout: 120_000 });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Step);
  return new Map(lines.map(({ step, ...seen }) => [step, seen]));
}

test(
  "the official Python client: creates, patches, conflicts, pages, watches, the dynamic client",
  { skip: noPython },
  async (t) => {
    const { kubeconfig } = await startApi(t);
    const seen = await steps(PYTHON, [script("services.py"), kubeconfig]);
    assert.match(String(seen.get("version")!["git"]), /^v1\.\d+\./);
    const created = seen.get("create")!;
    assert.match(String(created["ip"]), /^10\.96\./);
    assert.ok(Number(created["port"]) >= 30000);
    assert.equal(created["affinity"], "None");
    assert.deepEqual(seen.get("patch"), { ports: [80, 443], same: true });
    assert.deepEqual(seen.get("conflict"), { status: 409, reason: "Conflict" });
    assert.deepEqual(seen.get("invalid"), { status: 422, field: "spec.sessionAffinity" });
    assert.deepEqual(seen.get("pages"), { names: 25, ordered: true });
    assert.deepEqual(seen.get("slices"), { ports: true, addresses: true });
    assert.deepEqual(seen.get("dynamic"), { kind: "Service", ip: true });
    assert.deepEqual(seen.get("configmap"), { data: { a: "é\n" } });
    assert.deepEqual(seen.get("watch"), { ended: true, added: 27, deleted: 27 });
    assert.deepEqual(seen.get("gone"), { status: 404 });
  },
);

test("the Ruby client kubeclient: creates, patches, updates, watches", { skip: noRuby }, async (t) => {
  const { kubeconfig } = await startApi(t);
  const seen = await steps(RUBY, [script("services.rb"), kubeconfig]);
  assert.deepEqual(seen.get("discovery"), { services: true });
  assert.deepEqual(seen.get("create"), { ip: true, type: "ClusterIP" });
  assert.deepEqual(seen.get("again"), { code: 409, message: 'services "ruby-web" already exists' });
  assert.deepEqual(seen.get("patch"), { colour: "red" });
  assert.deepEqual(seen.get("update"), { port: 81 });
  assert.deepEqual(seen.get("gone"), { code: 404 });
  assert.deepEqual(seen.get("watch"), { types: ["ADDED", "MODIFIED", "MODIFIED", "DELETED"] });
});
