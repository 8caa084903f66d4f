/**
 * A day with kubectl: every command that people use, by every kubectl on this machine, against what a Kubernetes server
 * would have made it print. The day is test/kubectl-daily/transcript.txt.
 */
import assert from "node:assert/strict";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startCluster } from "./conformance/cluster.ts";
import { matches, parseTranscript } from "./kubectl-daily/transcript.ts";
import { findKubectls, kubectlFor } from "./kubectl-fixture.ts";

const transcript = parseTranscript(
  await readFile(new URL("kubectl-daily/transcript.txt", import.meta.url), "utf8"),
);
const versions = findKubectls();
const cluster = await startCluster();
if (versions.length === 0) test("a day with kubectl", { skip: "no kubectl on this machine" }, () => {});

for (const version of versions)
  test(`a day with kubectl ${version.version}`, { timeout: 120_000 }, async () => {
    await using cache = await mkdtempDisposable(join(tmpdir(), "fairlead-kubectl-"));
    const kubectl = kubectlFor(version, cluster.kubeconfig, cache.path);
    const minor = Number(version.version.split(".")[1]);
    const wrong: string[] = [];
    for (const command of transcript) {
      const [from, to] = command.versions;
      if (minor < from || minor > to) continue;
      const { code, stdout, stderr } = await kubectl.run(command.args, { input: command.input });
      const printed = `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
      const expected = command.expected.filter((line) => line.trim() !== "");
      const same =
        printed.length === expected.length && printed.every((line, i) => matches(line, expected[i]!));
      if (same && code === command.code) continue;
      wrong.push(
        `line ${command.line}: kubectl ${command.args.join(" ")}\nprinted:\n${printed.join("\n")}\n[exit ${code}]\nexpected:\n${expected.join("\n")}\n[exit ${command.code}]`,
      );
    }
    assert.equal(wrong.length, 0, wrong.join("\n\n"));
  });
