/**
 * The API's registry on a store in memory, the controllers and the agent, with a data plane that records: from a
 * write of a Service or a Pod to the table that the kernel would be given. Needs neither root nor network.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/api/api-error.ts";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import { endpointsKind } from "../src/api/endpoints/kind.ts";
import { fixedCatalog } from "../src/api/kind-catalog.ts";
import { kinds } from "../src/api/kinds.ts";
import { nodeKind } from "../src/api/node/kind.ts";
import { podKind } from "../src/api/pod/kind.ts";
import type { Pod } from "../src/api/pod/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import type { Service, ServiceSpec } from "../src/api/service/type.ts";
import { type Agent, type Programmed, startAgent } from "../src/agent/agent.ts";
import { createRecordingDataPlane, type RecordingDataPlane } from "../src/agent/recording-dataplane.ts";
import { cidr } from "../src/base/ip.ts";
import type { Client } from "../src/client/client.ts";
import { createInProcessClient } from "../src/client/in-process.ts";
import { type Controllers, startControllers } from "../src/controllers/controllers.ts";
import type { VirtualPort } from "../src/dataplane/table.ts";
import { createServiceRanges } from "../src/server/allocation/ranges.ts";
import { createRegistry } from "../src/server/registry/create-registry.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";

const VIP = "10.96.0.200";
const KEY = `${VIP}|TCP|80`;
const DEADLINE = 5000;

interface Whole extends AsyncDisposable {
  readonly client: Client;
  readonly plane: RecordingDataPlane;
  readonly agent: Agent;
  readonly controllers: Controllers;
  readonly programmed: Programmed[];
}

async function whole(): Promise<Whole> {
  const stack = new AsyncDisposableStack();
  const store = stack.use(createMemoryStore());
  const registry = stack.use(
    await createRegistry({
      store,
      kinds: fixedCatalog(kinds),
      ranges: createServiceRanges({
        serviceCidrs: [cidr("10.96.0.0/16"), cidr("fd00:96::/112")],
        nodePorts: { first: 30000, last: 32767 },
      }),
    }),
  );
  const client = createInProcessClient(registry, "system:fairlead");
  const end = new AbortController();
  const plane = createRecordingDataPlane();
  const programmed: Programmed[] = [];
  const controllers = startControllers({ client, signal: end.signal });
  const agent = startAgent({
    client,
    dataPlane: plane,
    nodeName: "n1",
    ranges: { ranges: ["10.96.0.0/16"] },
    signal: end.signal,
    onProgrammed: (one) => programmed.push(one),
  });
  stack.defer(async () => {
    end.abort();
    await Promise.all([controllers.done, agent.done]);
  });
  await client.create(nodeKind, { metadata: { name: "n1" } });
  await Promise.all([controllers.ready, agent.ready]);
  return { client, plane, agent, controllers, programmed, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function service(spec: ServiceSpec = {}): Service {
  return {
    metadata: { namespace: "default", name: "web" },
    spec: { selector: { app: "web" }, clusterIP: VIP, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  };
}

function ip(name: string): string {
  return `10.1.0.${name.charCodeAt(0)}`;
}

/** Creates the pod, and its status as a container runtime does. */
async function run(
  client: Client,
  name: string,
  labels: Record<string, string> = { app: "web" },
): Promise<void> {
  const pod = await client.create(podKind, {
    metadata: { namespace: "default", name, labels },
    spec: { nodeName: "n1", containers: [{ name: "c", image: "web" }] },
  });
  await setReady(client, pod, true);
}

async function setReady(client: Client, pod: Pod, ready: boolean): Promise<void> {
  const address = ip(pod.metadata.name!);
  await client.update(
    podKind,
    {
      ...pod,
      status: {
        phase: "Running",
        podIP: address,
        podIPs: [{ ip: address }],
        conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      },
    },
    { subresource: "status" },
  );
}

function backends(ports: ReadonlyMap<string, VirtualPort>): string | undefined {
  return ports
    .get(KEY)
    ?.backends.map(({ address, port }) => `${String.fromCharCode(Number(address.split(".")[3]))}:${port}`)
    .join(" ");
}

/** Waits until the table says `expected`: as `backends`, undefined for no such virtual port. */
async function becomes({ plane }: Whole, expected: string | undefined, what: string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`${what}: ${String(backends(plane.ports))} did not become ${String(expected)}`));
  }, DEADLINE);
  try {
    await Promise.race([plane.until((ports) => backends(ports) === expected), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

test("the table follows services and pods, whatever is made first", async () => {
  const name = { namespace: "default", name: "web" };
  const actions: Record<string, (client: Client) => Promise<unknown>> = {
    service: (client) => client.create(serviceKind, service()),
    a: (client) => run(client, "a"),
    b: (client) => run(client, "b"),
    other: (client) => run(client, "o", { app: "other" }),
  };
  for (const order of permutations(Object.keys(actions))) {
    await using scope = await whole();
    const { client } = scope;
    for (const step of order) await actions[step]!(client);
    await becomes(scope, "a:8080 b:8080", order.join(", "));
    await client.delete(podKind, { namespace: "default", name: "a" }, { gracePeriodSeconds: 0 });
    await becomes(scope, "b:8080", "a pod deleted");
    await client.delete(serviceKind, name);
    await becomes(scope, undefined, "the service deleted");
    await scope.controllers.settled();
    assert.deepEqual((await client.list(endpointSliceKind)).items, []);
    assert.deepEqual((await client.list(endpointsKind)).items, []);
  }
});

test("readiness, labels, target ports and selectors are followed one by one", async () => {
  await using scope = await whole();
  const { client } = scope;
  await client.create(serviceKind, service());
  await becomes(scope, "", "a service without pods");
  for (const name of ["a", "b", "c"]) await run(client, name);
  await becomes(scope, "a:8080 b:8080 c:8080", "three pods");
  const pod = (name: string): Promise<Pod> => client.get(podKind, { namespace: "default", name });
  await setReady(client, await pod("b"), false);
  await becomes(scope, "a:8080 c:8080", "one not ready");
  await setReady(client, await pod("b"), true);
  await becomes(scope, "a:8080 b:8080 c:8080", "ready again");
  await client.patch(podKind, { namespace: "default", name: "c" }, "merge", {
    metadata: { labels: { app: "db" } },
  });
  await becomes(scope, "a:8080 b:8080", "one relabelled");
  await client.patch(serviceKind, { namespace: "default", name: "web" }, "json", [
    { op: "replace", path: "/spec/ports/0/targetPort", value: 9090 },
  ]);
  await becomes(scope, "a:9090 b:9090", "another target port");
  await client.patch(serviceKind, { namespace: "default", name: "web" }, "merge", {
    spec: { selector: { app: "db" } },
  });
  await becomes(scope, "c:9090", "another selector");
  const endpoints = await client.get(endpointsKind, { namespace: "default", name: "web" });
  assert.equal(endpoints.subsets?.[0]?.addresses?.[0]?.targetRef?.name, "c");
  // A pod that is going: no new connections, unless there is nobody else.
  await client.delete(podKind, { namespace: "default", name: "c" }, { gracePeriodSeconds: 30 });
  const going = await pod("c").catch((error: unknown) => {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  });
  await becomes(scope, going === undefined ? "" : "c:9090", "the last one is going");
});

test("from the write of a pod's status to the applied table it takes milliseconds", async () => {
  await using scope = await whole();
  const { client } = scope;
  for (let i = 0; i < 200; i++)
    await client.create(serviceKind, {
      metadata: { namespace: "default", name: `other-${i}` },
      spec: { selector: { app: `other-${i}` }, ports: [{ port: 80 }] },
    });
  await client.create(serviceKind, service());
  for (const name of ["a", "b", "c", "d"]) await run(client, name);
  await becomes(scope, "a:8080 b:8080 c:8080 d:8080", "four pods");
  const took: number[] = [];
  for (let i = 0; i < 300; i++) {
    const ready = i % 2 === 1;
    const pod = await client.get(podKind, { namespace: "default", name: "b" });
    const started = performance.now();
    await setReady(client, pod, ready);
    await becomes(scope, ready ? "a:8080 b:8080 c:8080 d:8080" : "a:8080 c:8080 d:8080", `flip ${i}`);
    took.push(performance.now() - started);
  }
  took.sort((a, b) => a - b);
  const at = (part: number): string => took[Math.floor(part * (took.length - 1))]!.toFixed(2);
  console.log(
    `pod status written to table applied, in process: median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`,
  );
  assert.ok(took[Math.floor(took.length / 2)]! < 20, "the median is above 20 ms");
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) =>
    permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]),
  );
}
