import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { eventKind } from "../api/event/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { endpointsKind } from "../api/endpoints/kind.ts";
import type { Endpoints } from "../api/endpoints/type.ts";
import { nodeKind } from "../api/node/kind.ts";
import type { Node } from "../api/node/type.ts";
import { podKind } from "../api/pod/kind.ts";
import type { Pod } from "../api/pod/type.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service, ServiceSpec } from "../api/service/type.ts";
import { pause } from "../base/backoff.ts";
import type { Client } from "../client/client.ts";
import { createMemoryApi, type MemoryApi } from "../client/memory-api.ts";
import { type Controllers, type ControllersOptions, startControllers } from "./controllers.ts";

function service(name: string, selector: Record<string, string>, spec: ServiceSpec = {}): Service {
  return {
    metadata: { namespace: "default", name },
    spec: { selector, clusterIP: "10.96.0.1", ipFamilies: ["IPv4"], ports: [{ port: 80 }], ...spec },
  };
}

function pod(name: string, labels: Record<string, string>, ready = true, node = "n1"): Pod {
  return {
    metadata: { namespace: "default", name, labels },
    spec: { containers: [], nodeName: node },
    status: {
      phase: "Running",
      podIPs: [{ ip: `10.0.0.${name.charCodeAt(0)}` }],
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

function controllersOn(
  api: MemoryApi,
  options: Partial<ControllersOptions> = {},
): AsyncDisposable & { controllers: Controllers } {
  const end = new AbortController();
  const controllers = startControllers({ client: api, signal: end.signal, ...options });
  return {
    controllers,
    async [Symbol.asyncDispose]() {
      end.abort();
      await controllers.done;
    },
  };
}

/** "a b!" : the endpoints of a service in its slices, "!" for unready; undefined without any slice. */
function endpointsOf(api: MemoryApi, name: string): string | undefined {
  const slices = api
    .all(endpointSliceKind)
    .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === name);
  if (slices.length === 0) return undefined;
  return slices
    .flatMap(({ endpoints }) => endpoints)
    .map(({ targetRef, conditions }) => `${targetRef?.name}${conditions?.ready === true ? "" : "!"}`)
    .sort()
    .join(" ");
}

/** The same of its Endpoints. */
function olderOf(api: MemoryApi, name: string): string | undefined {
  const found = api.all(endpointsKind).find(({ metadata }) => metadata.name === name);
  return found?.subsets
    ?.flatMap(({ addresses = [], notReadyAddresses = [] }) => [
      ...addresses.map(({ targetRef }) => `${targetRef?.name}`),
      ...notReadyAddresses.map(({ targetRef }) => `${targetRef?.name}!`),
    ])
    .sort()
    .join(" ");
}

async function quiet(controllers: Controllers): Promise<void> {
  // Events in memory take a few turns to come; then the queues say when they are done.
  for (let i = 0; i < 3; i++) {
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    await controllers.settled();
  }
}

test("endpoints follow pods and services, and only what changed is written", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  await using scope = controllersOn(api);
  const { controllers } = scope;
  await controllers.ready;
  const steps: [what: string, does: () => void, expected: string | undefined, writes: number][] = [
    ["a pod nobody selects", () => api.put(podKind, pod("a", { app: "web" })), undefined, 0],
    ["the service that does", () => api.put(serviceKind, service("web", { app: "web" })), "a", 2],
    ["another pod", () => api.put(podKind, pod("b", { app: "web" })), "a b", 2],
    ["the same again", () => api.put(podKind, pod("b", { app: "web" })), "a b", 0],
    ["a label that is not selected", () => api.put(podKind, pod("b", { app: "web", x: "y" })), "a b", 0],
    ["not ready", () => api.put(podKind, pod("b", { app: "web" }, false)), "a b!", 2],
    ["relabelled away", () => api.put(podKind, pod("b", { app: "db" }, false)), "a", 2],
    ["and back", () => api.put(podKind, pod("b", { app: "web" })), "a b", 2],
    ["gone", () => api.remove(podKind, { namespace: "default", name: "a" }), "b", 2],
    ["another selector", () => api.put(serviceKind, service("web", { app: "db" })), "", 2],
    ["and back again", () => api.put(serviceKind, service("web", { app: "web" })), "b", 2],
    [
      "no selector: what is there stays, its Endpoints are mirrored",
      () => api.put(serviceKind, service("web", {})),
      "b b",
      1,
    ],
    ["selected again", () => api.put(serviceKind, service("web", { app: "web" })), "b", 1],
    [
      "ExternalName",
      () => api.put(serviceKind, service("web", { app: "web" }, { type: "ExternalName" })),
      "b",
      0,
    ],
    ["deleted", () => api.remove(serviceKind, { namespace: "default", name: "web" }), undefined, 2],
  ];
  for (const [what, does, expected, writes] of steps) {
    const before = api.writes.length;
    does();
    await quiet(controllers);
    assert.equal(endpointsOf(api, "web"), expected, what);
    assert.equal(olderOf(api, "web") ?? "", expected === "b b" ? "b" : (expected ?? ""), what);
    assert.equal(api.writes.length - before, writes, `${what}: ${JSON.stringify(api.writes.slice(before))}`);
  }
});

test("a pod on a node that is not there counts when the node appears", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("web", { app: "web" }));
  api.put(podKind, pod("a", { app: "web" }, true, "late"));
  await using scope = controllersOn(api);
  await scope.controllers.ready;
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "");
  api.put(nodeKind, { metadata: { name: "late", labels: { "topology.kubernetes.io/zone": "z" } } });
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "a");
  assert.equal(api.all(endpointSliceKind)[0]?.endpoints[0]?.zone, "z");
  api.put(nodeKind, { metadata: { name: "late", labels: { "topology.kubernetes.io/zone": "z2" } } });
  await quiet(scope.controllers);
  assert.equal(api.all(endpointSliceKind)[0]?.endpoints[0]?.zone, "z2");
});

test("foreign slices and hand-made endpoints are left alone; ours are repaired when somebody changes them", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  const foreign: EndpointSlice = {
    metadata: { namespace: "default", name: "foreign", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["192.0.2.1"], targetRef: { name: "foreign" }, conditions: { ready: true } }],
    ports: [],
  };
  api.put(endpointSliceKind, foreign);
  api.put(endpointsKind, { metadata: { namespace: "default", name: "byhand" }, subsets: [] });
  await using scope = controllersOn(api);
  await scope.controllers.ready;
  await quiet(scope.controllers);
  assert.equal(api.writes.length, 0);
  api.put(serviceKind, service("web", { app: "web" }));
  api.put(podKind, pod("a", { app: "web" }));
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "a foreign");
  const ours = api.all(endpointSliceKind).find(({ metadata }) => metadata.name !== "foreign")!;
  api.put(endpointSliceKind, { ...ours, endpoints: [] });
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "a foreign");
  const { labels: _, ...unlabelled } = ours.metadata;
  api.put(endpointSliceKind, { ...ours, metadata: unlabelled });
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "a foreign");
  const next = api.all(endpointSliceKind).at(-1)!;
  assert.notEqual(next.metadata.name, ours.metadata.name);
  api.remove(endpointSliceKind, { namespace: "default", name: next.metadata.name! });
  api.remove(endpointsKind, { namespace: "default", name: "web" });
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "a foreign");
  assert.equal(olderOf(api, "web"), "a");
  api.remove(serviceKind, { namespace: "default", name: "web" });
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "foreign");
});

test("endpoints made by hand are mirrored for a service without a selector, and only then", async () => {
  const api = createMemoryApi();
  await using scope = controllersOn(api);
  await scope.controllers.ready;
  const byHand = (labels: Record<string, string>, ...ips: string[]): Endpoints => ({
    metadata: { namespace: "default", name: "web", labels },
    subsets: [{ addresses: ips.map((ip) => ({ ip, targetRef: { name: ip } })), ports: [{ port: 80 }] }],
  });
  const name = { namespace: "default", name: "web" };
  const steps: [what: string, does: () => void, expected: string | undefined, writes: number][] = [
    ["before the service", () => api.put(endpointsKind, byHand({}, "192.0.2.1", "fd00::1")), undefined, 0],
    ["the service", () => api.put(serviceKind, service("web", {})), "192.0.2.1 fd00::1", 2],
    ["changed", () => api.put(endpointsKind, byHand({}, "192.0.2.2", "fd00::1")), "192.0.2.2 fd00::1", 1],
    ["one family less", () => api.put(endpointsKind, byHand({}, "192.0.2.2")), "192.0.2.2", 1],
    ["relabelled", () => api.put(endpointsKind, byHand({ a: "b" }, "192.0.2.2")), "192.0.2.2", 1],
    [
      "not wanted",
      () =>
        api.put(endpointsKind, byHand({ "endpointslice.kubernetes.io/skip-mirror": "true" }, "192.0.2.2")),
      undefined,
      1,
    ],
    ["wanted again", () => api.put(endpointsKind, byHand({}, "192.0.2.2")), "192.0.2.2", 1],
    ["deleted", () => api.remove(endpointsKind, name), undefined, 1],
    ["and back", () => api.put(endpointsKind, byHand({}, "192.0.2.3")), "192.0.2.3", 1],
    ["the service deleted, and its endpoints with it", () => api.remove(serviceKind, name), undefined, 2],
  ];
  for (const [what, does, expected, writes] of steps) {
    const before = api.writes.length;
    does();
    await quiet(scope.controllers);
    assert.equal(endpointsOf(api, "web"), expected, what);
    assert.equal(api.writes.length - before, writes, `${what}: ${JSON.stringify(api.writes.slice(before))}`);
  }
  assert.equal(api.all(endpointsKind).length, 0);
  api.put(serviceKind, service("web", {}));
  api.put(endpointsKind, byHand({}, "192.0.2.1", "nowhere"));
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "192.0.2.1");
  assert.deepEqual(
    api.all(eventKind).map(({ reason, message }) => `${reason}: ${message}`),
    ["InvalidIPAddress: Skipped 1 invalid IP addresses when mirroring to EndpointSlices"],
  );
});

test("a watch that lags behind our own writes makes no second slice and no lost race", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  api.put(serviceKind, service("web", { app: "web" }));
  const failed: string[] = [];
  const lagging: Client = {
    ...api,
    async *watch(kind, query) {
      for await (const event of api.watch(kind, query)) {
        if (kind.plural === "endpointslices" || kind.plural === "endpoints") await pause(30, query.signal);
        yield event;
      }
    },
  };
  await using scope = controllersOn(api, {
    client: lagging,
    onDone: (controller, { error }) =>
      error !== undefined && failed.push(`${controller}: ${(error as Error).message}`),
  });
  await scope.controllers.ready;
  for (const name of ["a", "b", "c"]) {
    api.put(podKind, pod(name, { app: "web" }));
    await quiet(scope.controllers);
  }
  api.remove(serviceKind, { namespace: "default", name: "web" });
  await quiet(scope.controllers);
  api.put(serviceKind, service("web", { app: "web" }));
  await quiet(scope.controllers);
  assert.equal(endpointsOf(api, "web"), "a b c");
  assert.equal(api.all(endpointSliceKind).length, 1);
  assert.deepEqual(failed, []);
});

test("what a stopped controller missed is put right by the next", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  for (const name of ["web", "gone"]) api.put(serviceKind, service(name, { app: "web" }));
  api.put(podKind, pod("a", { app: "web" }));
  {
    await using scope = controllersOn(api);
    await scope.controllers.ready;
    await quiet(scope.controllers);
    assert.equal(endpointsOf(api, "gone"), "a");
  }
  api.remove(serviceKind, { namespace: "default", name: "gone" });
  api.put(podKind, pod("b", { app: "web" }));
  await using scope = controllersOn(api);
  await scope.controllers.ready;
  await quiet(scope.controllers);
  assert.deepEqual([endpointsOf(api, "web"), endpointsOf(api, "gone")], ["a b", undefined]);
  assert.deepEqual([olderOf(api, "web"), olderOf(api, "gone")], ["a b", undefined]);
});

const event = fc.record({
  does: fc.constantFrom("pod", "no pod", "service", "no service", "node", "cut", "compact", "fail", "wait"),
  pod: fc.constantFrom("a", "b", "c", "d"),
  service: fc.constantFrom("s1", "s2"),
  app: fc.constantFrom("web", "db"),
  ready: fc.boolean(),
  node: fc.constantFrom("n1", "n2"),
});

test("whatever comes in whatever order, with lost connections and failing writes: the end state is what the objects say", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
      const api = createMemoryApi();
      await using scope = controllersOn(api);
      await scope.controllers.ready;
      for (const e of events)
        if (e.does === "pod") api.put(podKind, pod(e.pod, { app: e.app }, e.ready, e.node));
        else if (e.does === "service") api.put(serviceKind, service(e.service, { app: e.app }));
        else if (e.does === "node") api.put(nodeKind, { metadata: { name: e.node } });
        else if (e.does === "cut") api.cutWatches("end");
        else if (e.does === "compact") api.compact();
        else if (e.does === "fail") api.fail(2);
        else if (e.does === "wait") await new Promise((resolve) => setImmediate(resolve));
        else {
          const gone = { namespace: "default", name: e.does === "no pod" ? e.pod : e.service };
          const there = (objects: readonly KubeObject[]): boolean =>
            objects.some(({ metadata }) => metadata.name === gone.name);
          if (e.does === "no pod" && there(api.all(podKind))) api.remove(podKind, gone);
          if (e.does === "no service" && there(api.all(serviceKind))) api.remove(serviceKind, gone);
        }
      api.fail(0);
      const wanted = (name: string): string | undefined => {
        const its = api.all(serviceKind).find(({ metadata }) => metadata.name === name);
        if (its === undefined) return undefined;
        return api
          .all(podKind)
          .filter(({ metadata, spec }) => {
            const there = api.all(nodeKind).some((node) => node.metadata.name === spec?.nodeName);
            return there && metadata.labels?.["app"] === its.spec?.selector?.["app"];
          })
          .map(
            ({ metadata, status }) =>
              `${metadata.name}${status?.conditions?.[0]?.status === "True" ? "" : "!"}`,
          )
          .sort()
          .join(" ");
      };
      const right = (): boolean => ["s1", "s2"].every((name) => endpointsOf(api, name) === wanted(name));
      for (let i = 0; i < 2000 && !right(); i++)
        await new Promise((resolve) => setTimeout(resolve, i < 100 ? 0 : 2));
      for (const name of ["s1", "s2"]) assert.equal(endpointsOf(api, name), wanted(name), name);
    }),
    { numRuns: 60 },
  );
});

/** The endpoints of a service by pod name: "a>z1" has a hint for zone z1. */
function hintsOf(api: MemoryApi): string {
  return api
    .all(endpointSliceKind)
    .flatMap(({ endpoints }) => endpoints)
    .map(
      ({ targetRef, hints }) =>
        `${targetRef?.name}${hints?.forZones?.map(({ name }) => `>${name}`).join("") ?? ""}`,
    )
    .sort()
    .join(" ");
}

function nodeIn(name: string, zone: string, cpu = "4"): Node {
  return {
    metadata: { name, labels: { "topology.kubernetes.io/zone": zone } },
    status: { allocatable: { cpu }, conditions: [{ type: "Ready", status: "True" }] },
  };
}

test("a service of topology-mode Auto has hints while zones and endpoints allow, and is told when not", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, nodeIn("n1", "z1"));
  for (const name of ["a", "b", "c", "d"]) api.put(podKind, pod(name, { app: "web" }));
  const web = service("web", { app: "web" });
  const auto: Service = {
    ...web,
    metadata: { ...web.metadata, annotations: { "service.kubernetes.io/topology-mode": "Auto" } },
  };
  api.put(serviceKind, auto);
  await using scope = controllersOn(api);
  await scope.controllers.ready;
  const steps: [what: string, does: () => void, expected: string, sliceWrites: number][] = [
    ["one zone only", () => undefined, "a b c d", 1],
    ["a second one", () => api.put(nodeKind, nodeIn("n2", "z2")), "a>z2 b>z2 c>z1 d>z1", 1],
    ["a heartbeat", () => api.put(nodeKind, nodeIn("n2", "z2")), "a>z2 b>z2 c>z1 d>z1", 0],
    ["a little more CPU", () => api.put(nodeKind, nodeIn("n2", "z2", "4500m")), "a>z2 b>z2 c>z1 d>z1", 0],
    ["much more CPU", () => api.put(nodeKind, nodeIn("n2", "z2", "12")), "a>z2 b>z2 c>z2 d>z1", 1],
    ["a pod goes", () => api.remove(podKind, { namespace: "default", name: "a" }), "b>z2 c>z2 d>z1", 1],
    ["the zone goes", () => api.remove(nodeKind, { name: "n2" }), "b c d", 1],
    ["and comes again", () => api.put(nodeKind, nodeIn("n2", "z2", "12")), "b>z2 c>z2 d>z1", 1],
    ["no hints asked for", () => api.put(serviceKind, web), "b c d", 1],
  ];
  for (const [what, does, expected, sliceWrites] of steps) {
    await quiet(scope.controllers);
    const before = api.writes.length;
    does();
    await quiet(scope.controllers);
    assert.equal(hintsOf(api), expected, what);
    const written = api.writes
      .slice(before)
      .filter((write) => JSON.stringify(write).includes("endpointslices"));
    if (what !== "one zone only")
      assert.equal(written.length, sliceWrites, `${what}: ${JSON.stringify(written)}`);
  }
  await scope[Symbol.asyncDispose]();
  const events = api.all(eventKind).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  const disabled = "Warning TopologyAwareHintsDisabled";
  const enabled =
    "Normal TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4";
  const nodes = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
  assert.deepEqual(Array.from(new Set(events)).sort(), [
    enabled,
    `${disabled}: ${nodes}, addressType: IPv4`,
    `${disabled}: Topology Aware Hints has been disabled, addressType: IPv4`,
  ]);
});

test("a pod's weight reaches its slice, and whoever gets it wrong is told", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  api.put(serviceKind, service("web", { app: "web" }));
  api.put(podKind, pod("a", { app: "web" }));
  const weighted = (weight: string): Pod => {
    const b = pod("b", { app: "web" });
    return { ...b, metadata: { ...b.metadata, annotations: { "fairlead.dev/weight": weight } } };
  };
  await using scope = controllersOn(api);
  await scope.controllers.ready;
  const steps: [does: () => void, weights: string | undefined, writes: number][] = [
    [() => api.put(podKind, pod("b", { app: "web" })), undefined, 2],
    [() => api.put(podKind, weighted("5")), '{"10.0.0.98":5}', 1],
    [() => api.put(podKind, weighted("5")), '{"10.0.0.98":5}', 0],
    [() => api.put(podKind, weighted("0")), '{"10.0.0.98":0}', 1],
    [() => api.put(podKind, weighted("many")), undefined, 1],
    [() => api.put(podKind, weighted("7")), '{"10.0.0.98":7}', 1],
    [
      () => {
        const [slice] = api.all(endpointSliceKind);
        api.put(endpointSliceKind, {
          ...slice!,
          metadata: { ...slice!.metadata, annotations: { "fairlead.dev/weights": "{}" } },
        });
      },
      '{"10.0.0.98":7}',
      1,
    ],
    [() => api.remove(podKind, { namespace: "default", name: "b" }), undefined, 2],
  ];
  for (const [does, weights, writes] of steps) {
    await quiet(scope.controllers);
    const before = api.writes.length;
    does();
    await quiet(scope.controllers);
    const [slice] = api.all(endpointSliceKind);
    assert.equal(slice?.metadata.annotations?.["fairlead.dev/weights"], weights);
    const written = api.writes.slice(before).filter((write) => !JSON.stringify(write).includes("events"));
    assert.equal(written.length, writes, `${weights}: ${JSON.stringify(written)}`);
  }
  await scope[Symbol.asyncDispose]();
  const [event, ...more] = api.all(eventKind);
  assert.deepEqual(more, []);
  assert.equal(event?.reason, "InvalidWeight");
  assert.equal(event?.involvedObject?.name, "b");
  assert.equal(
    event?.message,
    'annotation fairlead.dev/weight: "many" is not a whole number from 0 to 1000; the weight is 1',
  );
});
