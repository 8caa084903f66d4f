/** What a restart keeps: certificates, objects, allocations, versions; and what it brings up to date. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import { namespaceKind } from "../src/api/namespace/kind.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import type { Service } from "../src/api/service/type.ts";
import { cidr } from "../src/base/ip.ts";
import type { RunningServer } from "../src/server/server.ts";
import { startServer } from "../src/server/start.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";

const ALICE = { user: { name: "alice", groups: ["system:masters"] } };

interface Machine {
  /** Runs `work` between a start and a stop of the server. */
  readonly whileUp: <R>(work: (server: RunningServer) => Promise<R>, serviceCidr?: string) => Promise<R>;
}

async function machine(t: TestContext): Promise<Machine> {
  const dataDir = await mkdtemp(join(tmpdir(), "fairlead-restart-"));
  t.after(async () => rm(dataDir, { recursive: true }));
  return {
    whileUp: async (work, serviceCidr = "10.96.0.0/16") => {
      await using store = await openSqliteStore({ dataDir: join(dataDir, "store") });
      const server = await startServer({
        store,
        bind: { host: "127.0.0.1", port: 0 },
        dataDir,
        serviceCidrs: [cidr(serviceCidr)],
      });
      try {
        return await work(server);
      } finally {
        await server.close();
      }
    },
  };
}

function service(name: string, spec: Service["spec"] = {}): Service {
  return { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
}

test("certificates, objects and their addresses are the same after a restart", async (t) => {
  const { whileUp } = await machine(t);
  const before = await whileUp(async ({ registry, ca }) => ({
    ca,
    web: await registry.create(serviceKind, "default", service("web", { type: "NodePort" }), {}, ALICE),
  }));
  await whileUp(async ({ registry, ca }) => {
    assert.equal(ca, before.ca);
    const web = await registry.get(serviceKind, { namespace: "default", name: "web" });
    assert.deepEqual(web, before.web);
    await assert.rejects(
      registry.create(serviceKind, "default", service("x", { clusterIP: web.spec!.clusterIP! }), {}, ALICE),
      /provided IP is already allocated/,
    );
    const nodePort = web.spec!.ports![0]!.nodePort!;
    await assert.rejects(
      registry.create(
        serviceKind,
        "default",
        service("x", { type: "NodePort", ports: [{ port: 1, nodePort }] }),
        {},
        ALICE,
      ),
      /provided port is already allocated/,
    );
    const next = await registry.create(serviceKind, "default", service("next"), {}, ALICE);
    assert.ok(Number(next.metadata.resourceVersion) > Number(before.web.metadata.resourceVersion));
  });
});

test("the Service kubernetes leads to where the server listens now", async (t) => {
  const { whileUp } = await machine(t);
  for (let i = 0; i < 2; i++)
    await whileUp(async ({ registry, address }) => {
      const slice = await registry.get(endpointSliceKind, { namespace: "default", name: "kubernetes" });
      assert.equal(slice.ports![0]!.port, address.port);
    });
});

test("another service range: new addresses come from it, old Services keep theirs", async (t) => {
  const { whileUp } = await machine(t);
  const before = await whileUp(async ({ registry }) =>
    registry.create(serviceKind, "default", service("web"), {}, ALICE),
  );
  await whileUp(async ({ registry }) => {
    const get = async (name: string): Promise<string> =>
      (await registry.get(serviceKind, { namespace: "default", name })).spec!.clusterIP!;
    assert.equal(await get("kubernetes"), "10.97.0.1");
    assert.equal(await get("web"), before.spec!.clusterIP);
    const next = await registry.create(serviceKind, "default", service("next"), {}, ALICE);
    assert.match(next.spec!.clusterIP!, /^10\.97\./);
    const patch = { metadata: { labels: { a: "b" } } };
    const key = { namespace: "default", name: "web" };
    const { object: web } = await registry.patch(serviceKind, key, { type: "merge", patch }, {}, ALICE);
    assert.equal(web.spec!.clusterIP, before.spec!.clusterIP);
    await registry.delete(serviceKind, key, {}, ALICE);
  }, "10.97.0.0/16");
});

test("what was left undone is done at the next start: a namespace that was going, a dependent without owner", async (t) => {
  const { whileUp } = await machine(t);
  await whileUp(async ({ registry }) => {
    await registry.create(namespaceKind, undefined, { metadata: { name: "shop" } }, {}, ALICE);
    const held = service("web");
    held.metadata.finalizers = ["example.com/held"];
    await registry.create(serviceKind, "shop", held, {}, ALICE);
    await registry.delete(namespaceKind, { name: "shop" }, {}, ALICE);
  });
  await whileUp(async ({ registry }) => {
    const watch = await registry.watch(namespaceKind, { fieldSelector: "metadata.name=shop" });
    assert.equal((await watch.next()).value![0]!.type, "ADDED");
    const patch = { metadata: { finalizers: null } };
    const key = { namespace: "shop", name: "web" };
    await registry.patch(serviceKind, key, { type: "merge", patch }, {}, ALICE);
    let gone = false;
    while (!gone) gone = (await watch.next()).value!.some((event) => event.type === "DELETED");
    watch.close();
  });
});
