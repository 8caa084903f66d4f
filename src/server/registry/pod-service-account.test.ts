import assert from "node:assert/strict";
import { test } from "node:test";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { PodSpec } from "../../api/pod/spec-type.ts";
import type { Pod } from "../../api/pod/type.ts";
import { serviceAccountKind } from "../../api/serviceaccount/kind.ts";
import { ALICE, refusal, startRegistry } from "./registry-fixture.ts";

function pod(spec: Partial<PodSpec> = {}, metadata: Pod["metadata"] = { name: "web" }): Pod {
  return { metadata, spec: { containers: [{ name: "c", image: "i" }], ...spec } };
}

test("a pod uses the account default, which need not be there yet; any other must be", async (t) => {
  const { registry } = await startRegistry(t);
  await registry.create(namespaceKind, undefined, { metadata: { name: "new" } }, {}, ALICE);
  const create = async (object: Pod, dryRun = false) =>
    registry.create(podKind, "new", object, { dryRun }, ALICE);
  const accountsOf = ({ spec }: Pod) => [spec!.serviceAccountName, spec!.serviceAccount];
  assert.deepEqual(accountsOf(await create(pod())), ["default", "default"]);
  const explicit = pod({ serviceAccountName: "default" }, { name: "explicit" });
  assert.deepEqual(accountsOf(await create(explicit)), ["default", "default"]);
  const empty = pod({ serviceAccountName: "" }, { name: "empty" });
  assert.deepEqual(accountsOf(await create(empty)), ["default", "default"]);

  const text = 'error looking up service account new/robot: serviceaccount "robot" not found';
  const robot = (metadata: Pod["metadata"]): Pod => pod({ serviceAccountName: "robot" }, metadata);
  for (const dryRun of [false, true])
    assert.equal(
      await refusal(create(robot({ name: "r" }), dryRun)),
      `403 Forbidden: pods "r" is forbidden: ${text}`,
    );
  assert.equal(
    await refusal(create(pod({ serviceAccount: "robot" }, { name: "old" }))),
    `403 Forbidden: pods "old" is forbidden: ${text}`,
  );
  assert.equal(
    await refusal(create(robot({ generateName: "r-" }))),
    `403 Forbidden: pods "r-" is forbidden: ${text}`,
  );
  // An account of that name in another namespace does not count.
  await registry.create(serviceAccountKind, "default", { metadata: { name: "robot" } }, {}, ALICE);
  assert.match(await refusal(create(robot({ name: "r" }))), /^403 Forbidden/);
  await registry.create(serviceAccountKind, "new", { metadata: { name: "robot" } }, {}, ALICE);
  assert.deepEqual(accountsOf(await create(robot({ name: "r" }))), ["robot", "robot"]);
});

test("a pod without secrets for its images gets its account's, and no volume", async (t) => {
  const { registry } = await startRegistry(t);
  const account = { metadata: { name: "default" }, imagePullSecrets: [{ name: "hub" }] };
  await registry.create(serviceAccountKind, "default", account, {}, ALICE);
  const got = (await registry.create(podKind, "default", pod(), {}, ALICE)).spec!;
  assert.deepEqual(got.imagePullSecrets, [{ name: "hub" }]);
  assert.deepEqual([got.volumes, got.containers[0]!.volumeMounts], [undefined, undefined]);
  const own = pod({ imagePullSecrets: [{ name: "mine" }] }, { name: "own" });
  const kept = await registry.create(podKind, "default", own, {}, ALICE);
  assert.deepEqual(kept.spec!.imagePullSecrets, [{ name: "mine" }]);
});

test("a mirror pod has no account", async (t) => {
  const { registry } = await startRegistry(t);
  const metadata = { name: "static", annotations: { "kubernetes.io/config.mirror": "hash" } };
  const create = async (object: Pod) => registry.create(podKind, "default", object, {}, ALICE);
  assert.equal(
    await refusal(create(pod({ nodeName: "n1", serviceAccountName: "default" }, metadata))),
    '403 Forbidden: pods "static" is forbidden: a mirror pod may not reference service accounts',
  );
  const { spec } = await create(pod({ nodeName: "n1" }, metadata));
  assert.equal(spec!.serviceAccountName, undefined);
});
