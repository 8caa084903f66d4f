import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { clusterRoleKind } from "../../api/clusterrole/kind.ts";
import { clusterRoleBindingKind } from "../../api/clusterrolebinding/kind.ts";
import { RBAC_GROUP } from "../../api/role/type.ts";
import { silentLog } from "../../base/log.ts";
import { createMemoryStore } from "../../store/memory/memory-store.ts";
import type { CallContext } from "../registry.ts";
import { ALICE, type Fixture, refusal, startRegistry } from "../registry/registry-fixture.ts";
import { type Authorization, startAuthorization } from "./authorization.ts";

const JANE: CallContext = { user: { name: "jane", groups: ["system:authenticated"] } };
const LIST_PODS = {
  verb: "list",
  group: "",
  version: "v1",
  resource: "pods",
  subresource: "",
  namespace: "",
  name: "",
};

async function start(
  t: TestContext,
  store = createMemoryStore({ retention: { intervalMs: 0 } }),
): Promise<Fixture & Authorization> {
  const fixture = await startRegistry(t, { store });
  const authorization = await startAuthorization({ store, registry: fixture.registry, log: silentLog });
  t.after(async () => authorization[Symbol.asyncDispose]());
  return { ...fixture, policy: authorization.policy, [Symbol.asyncDispose]: async () => {} };
}

const BINDING = {
  metadata: { name: "b" },
  subjects: [{ kind: "User", name: "jane" }],
  roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: "view" },
};

/** The turn of the event loop in which a write was acknowledged is over. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("what is bound, changed and deleted is in force a turn later", async (t) => {
  const { registry, policy } = await start(t);
  const may = (): boolean => policy.authorize(JANE.user, LIST_PODS).allowed;
  assert.equal(may(), false);
  await registry.create(clusterRoleBindingKind, undefined, BINDING, {}, ALICE);
  await nextTurn();
  assert.equal(may(), true);
  const joe = { ...BINDING, subjects: [{ kind: "User", name: "joe" }] };
  await registry.update(clusterRoleBindingKind, { name: "b" }, joe, {}, ALICE);
  await nextTurn();
  assert.equal(may(), false);
  await registry.update(clusterRoleBindingKind, { name: "b" }, BINDING, {}, ALICE);
  await nextTurn();
  assert.equal(may(), true);
  await registry.delete(clusterRoleBindingKind, { name: "b" }, {}, ALICE);
  await nextTurn();
  assert.equal(may(), false);
});

test("a second server on the same store finds what the first has written, and writes nothing", async (t) => {
  const store = createMemoryStore({ retention: { intervalMs: 0 } });
  const first = await start(t, store);
  await first.registry.create(clusterRoleBindingKind, undefined, BINDING, {}, ALICE);
  const { revision } = store;
  const second = await start(t, store);
  assert.equal(store.revision, revision);
  assert.equal(second.policy.authorize(JANE.user, LIST_PODS).allowed, true);
  await first.registry.delete(clusterRoleBindingKind, { name: "b" }, {}, ALICE);
  await nextTurn();
  assert.equal(second.policy.authorize(JANE.user, LIST_PODS).allowed, false);
});

test("the registry refuses what its caller may not grant, on every way to write it", async (t) => {
  const { registry } = await start(t);
  const role = {
    metadata: { name: "r" },
    rules: [{ verbs: ["get"], apiGroups: [""], resources: ["nodes"] }],
  };
  const denied = /^403 Forbidden: .*is attempting to grant RBAC permissions not currently held/s;
  assert.match(await refusal(registry.create(clusterRoleKind, undefined, role, {}, JANE)), denied);
  assert.match(
    await refusal(registry.create(clusterRoleKind, undefined, role, { dryRun: true }, JANE)),
    denied,
  );
  assert.match(await refusal(registry.update(clusterRoleKind, { name: "r" }, role, {}, JANE)), denied);
  assert.match(await refusal(registry.create(clusterRoleBindingKind, undefined, BINDING, {}, JANE)), denied);
  await registry.create(clusterRoleKind, undefined, { ...role, rules: [] }, {}, ALICE);
  for (const type of ["merge", "strategic"] as const)
    assert.match(
      await refusal(
        registry.patch(clusterRoleKind, { name: "r" }, { type, patch: { rules: role.rules } }, {}, JANE),
      ),
      denied,
    );
  const apply = {
    type: "apply",
    force: true,
    patch: { apiVersion: `${RBAC_GROUP}/v1`, kind: "ClusterRole", ...role },
  } as const;
  assert.match(
    await refusal(registry.patch(clusterRoleKind, { name: "r" }, apply, { fieldManager: "t" }, JANE)),
    denied,
  );
  // What garbage collection needs may be changed by who may not grant the rules that are there.
  await registry.update(clusterRoleKind, { name: "r" }, role, {}, ALICE);
  const patch = { metadata: { finalizers: ["example.com/a"] } };
  await registry.patch(clusterRoleKind, { name: "r" }, { type: "merge", patch }, {}, JANE);
  const labels = { metadata: { labels: { a: "b" } } };
  assert.match(
    await refusal(registry.patch(clusterRoleKind, { name: "r" }, { type: "merge", patch: labels }, {}, JANE)),
    denied,
  );
});

test("who may read or write Services may read or write Networks", async (t) => {
  const { registry, policy } = await start(t);
  const networks = { ...LIST_PODS, group: "fairlead.dev", resource: "networks", namespace: "default" };
  const may = (user: string): string =>
    ["list", "create", "delete"]
      .filter((verb) => policy.authorize({ name: user, groups: [] }, { ...networks, verb }).allowed)
      .join(" ");
  for (const name of ["view", "edit", "admin", "system:kube-dns"]) {
    const binding = {
      metadata: { name: name.replace(":", "-") },
      subjects: [{ kind: "User", name }],
      roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name },
    };
    await registry.create(clusterRoleBindingKind, undefined, binding, {}, ALICE);
  }
  await nextTurn();
  assert.equal(may("nobody"), "");
  assert.equal(may("view"), "list");
  assert.equal(may("edit"), "list create delete");
  assert.equal(may("admin"), "list create delete");
  assert.equal(may("system:kube-dns"), "list");
});
