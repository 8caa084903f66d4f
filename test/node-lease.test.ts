/** `fairlead up` keeps a Lease for its node, and kubectl shows it. Needs kubectl. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findKubectls, kubectlFor } from "./kubectl-fixture.ts";
import { fairleadUp } from "./lab/fairlead.ts";

const found = findKubectls();
const skip = found.length === 0 && process.env["CI"] === undefined && "no kubectl on this machine";

/** Nothing of the machine's is touched. */
const QUIET = ["--bind", "127.0.0.1:0", "--containers", "none", "--dataplane", "userspace"];

test("kubectl describe node shows the Lease, which belongs to the Node", { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-lease-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const kubeconfig = join(directory, "config");
  const started = Date.now();
  await using _up = await fairleadUp([
    "--data-dir",
    directory,
    "--kubeconfig",
    kubeconfig,
    "--node-name",
    "here",
    ...QUIET,
  ]);
  const kubectl = kubectlFor(found.at(-1)!, kubeconfig, directory);
  const deadline = Date.now() + 10_000;
  while ((await kubectl.run(["get", "lease", "here", "-n", "kube-node-lease"])).code !== 0)
    assert.ok(Date.now() < deadline, "no Lease after 10 s");
  const described = await kubectl.ok(["describe", "node", "here"]);
  assert.match(described, /^Lease:\n +HolderIdentity: +here\n +AcquireTime: +<unset>\n +RenewTime: +\w/m);
  const read = async (kind: string, path: string): Promise<string> =>
    kubectl.ok(["get", kind, "here", "-n", "kube-node-lease", "-o", `jsonpath=${path}`]);
  const owner = await read("lease", "{.metadata.ownerReferences[0].kind} {.metadata.ownerReferences[0].uid}");
  assert.equal(owner, `Node ${await read("node", "{.metadata.uid}")}`);
  const renewed = Date.parse(await read("lease", "{.spec.renewTime}"));
  assert.ok(renewed >= started - 1000 && renewed <= Date.now(), String(renewed));
});
