/** The HTTP client against our own API server over TLS, beside the in-process client on the same registry. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startAgent } from "../src/agent/agent.ts";
import { createRecordingDataPlane } from "../src/agent/recording-dataplane.ts";
import { ApiError } from "../src/api/api-error.ts";
import type { Binding } from "../src/api/binding/type.ts";
import { nodeKind } from "../src/api/node/kind.ts";
import { podKind } from "../src/api/pod/kind.ts";
import type { Pod } from "../src/api/pod/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import type { Service } from "../src/api/service/type.ts";
import type { Client } from "../src/client/client.ts";
import { createHttpClient } from "../src/client/http.ts";
import { createInProcessClient } from "../src/client/in-process.ts";
import { startInformer } from "../src/client/informer.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import { startControllers } from "../src/controllers/controllers.ts";
import { startServer } from "../src/server/start.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";

interface Clients extends AsyncDisposable {
  readonly http: Client;
  readonly inProcess: Client;
}

async function serving(): Promise<Clients> {
  const stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "fairlead-client-"));
  stack.defer(() => rm(dataDir, { recursive: true }));
  const store = stack.use(createMemoryStore());
  const server = await startServer({ store, dataDir, bind: { host: "127.0.0.1", port: 0 } });
  stack.defer(() => server.close());
  const path = join(dataDir, "kubeconfig");
  await server.writeKubeconfig(path);
  const http = stack.use(createHttpClient(await loadKubeconfig({ path })));
  const inProcess = createInProcessClient(server.registry, "system:fairlead");
  return { http, inProcess, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function service(name: string): Service {
  return {
    metadata: { namespace: "default", name },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
  };
}

function statusOf(ready: boolean): NonNullable<Pod["status"]> {
  return {
    phase: "Running",
    podIPs: [{ ip: "10.1.0.1" }],
    conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
  };
}

async function code(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "worked",
    (error: unknown) =>
      error instanceof ApiError ? `${error.code} ${error.reason}: ${error.message}` : String(error),
  );
}

test("both clients get the same objects and the same refusals", async () => {
  await using clients = await serving();
  const { http, inProcess } = clients;
  const name = { namespace: "default", name: "web" };
  const created = await http.create(serviceKind, service("web"), { fieldManager: "test" });
  assert.deepEqual(await inProcess.get(serviceKind, name), created);
  assert.deepEqual(await http.get(serviceKind, name), created);
  const labelled = await http.patch(serviceKind, name, "merge", { metadata: { labels: { a: "b" } } });
  const calls: Record<string, (client: Client) => Promise<unknown>> = {
    "a name that is taken": (client) => client.create(serviceKind, service("web")),
    "an old version": (client) => client.update(serviceKind, created),
    "nothing there": (client) => client.get(serviceKind, { namespace: "default", name: "none" }),
    "no such namespace": (client) =>
      client.create(serviceKind, { ...service("web"), metadata: { namespace: "nowhere", name: "web" } }),
    "a deletion of nothing": (client) => client.delete(nodeKind, { name: "none" }),
    "a field selector that there is not": (client) =>
      client.list(serviceKind, { fieldSelector: "spec.none=1" }),
    "a dry run": (client) => client.create(serviceKind, service("dry"), { dryRun: true }),
  };
  for (const [what, call] of Object.entries(calls)) {
    const [over, within] = [await code(call(http)), await code(call(inProcess))];
    assert.equal(over, within, what);
    assert.equal(over === "worked", what === "a dry run", `${what}: ${over}`);
  }
  for (const query of [
    { labelSelector: "a=b" },
    { labelSelector: "!a" },
    { namespace: "default", limit: 1 },
  ]) {
    const [over, within] = [await http.list(serviceKind, query), await inProcess.list(serviceKind, query)];
    assert.deepEqual(over.items, within.items);
    assert.equal(over.metadata.resourceVersion, within.metadata.resourceVersion);
  }
  assert.equal(
    (await http.list(serviceKind, { labelSelector: "a=b" })).items[0]?.metadata.uid,
    labelled.metadata.uid,
  );
  await http.delete(serviceKind, name);
  assert.match(await code(inProcess.get(serviceKind, name)), /^404 NotFound/);
});

test("a pod is bound by both, once, and not by an update", async () => {
  await using clients = await serving();
  for (const [name, client] of [
    ["over", clients.http],
    ["within", clients.inProcess],
  ] as const) {
    const key = { namespace: "default", name };
    const { metadata } = await client.create(podKind, {
      metadata: key,
      spec: { containers: [{ name: "c", image: "web" }] },
    });
    const patched = client.patch(podKind, key, "merge", { spec: { nodeName: "n1" } });
    assert.match(await code(patched), /^422 Invalid/);
    const binding = {
      metadata: { name, uid: metadata.uid!, annotations: { by: name } },
      target: { name: "n1" },
    };
    const noted = JSON.stringify(binding);
    const answer = await client.createSubresource(podKind, key, "binding", binding);
    assert.deepEqual([answer.kind, JSON.stringify(binding)], ["Status", noted]);
    const bound = await client.get(podKind, key);
    assert.deepEqual([bound.spec?.nodeName, bound.metadata.annotations], ["n1", { by: name }]);
    assert.match(await code(client.createSubresource(podKind, key, "binding", binding)), /^409 Conflict/);
    const nowhere: Binding = { metadata: { name }, target: {} };
    assert.match(await code(client.createSubresource(podKind, key, "binding", nowhere)), /^422 Invalid/);
  }
});

test("an informer over HTTP sees what is written in process, at once", async () => {
  await using clients = await serving();
  const end = new AbortController();
  const informer = startInformer({
    client: clients.http,
    kind: serviceKind,
    signal: end.signal,
    pageSize: 2,
  });
  try {
    await informer.synced;
    const took: number[] = [];
    for (let i = 0; i < 50; i++) {
      const seen = Promise.withResolvers<void>();
      using _ = informer.addHandler({ onAdd: ({ metadata }) => metadata.name === `s${i}` && seen.resolve() });
      const started = performance.now();
      await clients.inProcess.create(serviceKind, service(`s${i}`));
      await seen.promise;
      took.push(performance.now() - started);
    }
    took.sort((a, b) => a - b);
    console.log(
      `written to seen over HTTPS: median ${took[25]!.toFixed(2)} ms, most ${took[49]!.toFixed(2)} ms`,
    );
    assert.deepEqual(
      Array.from(informer.list().keys()).sort(),
      (await clients.inProcess.list(serviceKind)).items
        .map((o) => `${o.metadata.namespace}/${o.metadata.name}`)
        .sort(),
    );
  } finally {
    end.abort();
    await informer.done;
  }
});

test("controllers and agent work over HTTP as they do in process", async () => {
  await using clients = await serving();
  const { http } = clients;
  const end = new AbortController();
  const plane = createRecordingDataPlane();
  const controllers = startControllers({ client: http, signal: end.signal });
  const agent = startAgent({
    client: http,
    dataPlane: plane,
    nodeName: "n1",
    ranges: { ranges: [] },
    signal: end.signal,
  });
  try {
    await Promise.all([controllers.ready, agent.ready]);
    await http.create(nodeKind, { metadata: { name: "n1" } });
    const web = await http.create(serviceKind, service("web"));
    const pod = await http.create(podKind, {
      metadata: { namespace: "default", name: "a", labels: { app: "web" } },
      spec: { nodeName: "n1", containers: [{ name: "c", image: "web" }] },
    });
    const key = `${web.spec!.clusterIP}|TCP|80`;
    const took: number[] = [];
    for (let i = 0; i < 40; i++) {
      const ready = i % 2 === 0;
      const current = await http.get(podKind, { namespace: "default", name: pod.metadata.name! });
      const started = performance.now();
      await http.update(podKind, { ...current, status: statusOf(ready) }, { subresource: "status" });
      await plane.until((ports) => (ports.get(key)?.backends.length === 1) === ready);
      took.push(performance.now() - started);
    }
    took.sort((a, b) => a - b);
    console.log(
      `pod status written to table applied, all over HTTPS: median ${took[20]!.toFixed(2)} ms, most ${took[39]!.toFixed(2)} ms`,
    );
    await http.delete(serviceKind, { namespace: "default", name: "web" });
    await plane.until((ports) => !ports.has(key));
  } finally {
    end.abort();
    await Promise.all([controllers.done, agent.done]);
  }
});
