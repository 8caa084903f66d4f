import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { eventKind } from "../api/event/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { pause } from "../base/backoff.ts";
import type { Client } from "../client/client.ts";
import { createMemoryApi, type MemoryApi } from "../client/memory-api.ts";
import { type Agent, type AgentOptions, type Programmed, startAgent } from "./agent.ts";
import { createRecordingDataPlane, type RecordingDataPlane } from "./recording-dataplane.ts";

function service(name: string, address: string, labels: Record<string, string> = {}): Service {
  return {
    metadata: { namespace: "default", name, labels },
    spec: { clusterIP: address, clusterIPs: [address], ports: [{ port: 80 }] },
  };
}

function slice(
  name: string,
  of: string,
  addresses: string[],
  annotations: Record<string, string> = {},
): EndpointSlice {
  return {
    metadata: { namespace: "default", name, labels: { "kubernetes.io/service-name": of }, annotations },
    addressType: "IPv4",
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  };
}

function agentOn(
  api: MemoryApi,
  options: Partial<AgentOptions> = {},
): AsyncDisposable & { agent: Agent; plane: RecordingDataPlane; end: AbortController; log: Programmed[] } {
  const end = new AbortController();
  const plane = createRecordingDataPlane();
  const log: Programmed[] = [];
  const agent = startAgent({
    client: api,
    dataPlane: plane,
    nodeName: "n1",
    ranges: { ranges: ["10.96.0.0/16"] },
    signal: end.signal,
    onProgrammed: (programmed) => log.push(programmed),
    backoff: { initial: 1, limit: 2 },
    ...options,
  });
  return {
    agent,
    plane,
    end,
    log,
    async [Symbol.asyncDispose]() {
      end.abort();
      await agent.done;
    },
  };
}

function backends(plane: RecordingDataPlane, key: string): string | undefined {
  return plane.ports
    .get(key)
    ?.backends.map(({ address }) => address)
    .join(" ");
}

test("the first call is one sync, when both services and slices are known", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("web", "10.96.0.1"));
  api.put(serviceKind, service("theirs", "10.96.0.2", { "service.kubernetes.io/service-proxy-name": "x" }));
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.1"]));
  // The lists come apart: that of the slices is late.
  const late: Client = {
    ...api,
    async list(kind, query) {
      if (kind.plural === "endpointslices") await pause(20, new AbortController().signal);
      return api.list(kind, query);
    },
  };
  await using scope = agentOn(api, { client: late });
  assert.equal((await scope.agent.ready).written, 1);
  assert.deepEqual(scope.plane.calls, ["sync 1"]);
  assert.deepEqual(scope.plane.ranges, ["10.96.0.0/16"]);
  assert.equal(backends(scope.plane, "10.96.0.1|TCP|80"), "10.0.0.1");
});

test("the changes of one turn make one delta, and no change makes none", async () => {
  const api = createMemoryApi();
  await using scope = agentOn(api);
  const { agent, plane } = scope;
  await agent.ready;
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.1"]));
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.1", "10.0.0.2"]));
  api.put(serviceKind, service("web", "10.96.0.1"));
  await plane.until(() => backends(plane, "10.96.0.1|TCP|80") === "10.0.0.1 10.0.0.2");
  assert.deepEqual(plane.calls, ["sync 0", "apply +1 -0"]);
  api.put(serviceKind, service("web", "10.96.0.1", { note: "no news" }));
  api.put(serviceKind, service("end", "10.96.0.9"));
  await plane.until((ports) => ports.has("10.96.0.9|TCP|80"));
  api.remove(serviceKind, { namespace: "default", name: "web" });
  await plane.until((ports) => ports.size === 1);
  await agent.settled();
  assert.deepEqual(plane.calls.slice(2), ["apply +1 -0", "apply +0 -1"]);
  assert.deepEqual(agent.table().ports, plane.ports);
});

test("a data plane that refuses is brought in step by a whole sync", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("web", "10.96.0.1"));
  await using scope = agentOn(api);
  const { agent, plane } = scope;
  await agent.ready;
  plane.fail(3);
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.1"]));
  await plane.until(() => backends(plane, "10.96.0.1|TCP|80") === "10.0.0.1");
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.2"]));
  await plane.until(() => backends(plane, "10.96.0.1|TCP|80") === "10.0.0.2");
  assert.deepEqual(plane.calls, ["sync 1", "sync 1", "apply +1 -0"]);
});

test("new ranges are a sync", async () => {
  await using scope = agentOn(createMemoryApi());
  await scope.agent.ready;
  scope.agent.setRanges({ ranges: ["10.97.0.0/16"] });
  await scope.agent.settled();
  assert.deepEqual(scope.plane.calls, ["sync 0", "sync 0"]);
  assert.deepEqual(scope.plane.ranges, ["10.97.0.0/16"]);
});

test("how long each commit took is told, from the event and from what the endpoints say", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("web", "10.96.0.1"));
  const old = "2020-01-01T00:00:00Z";
  const key = "endpoints.kubernetes.io/last-change-trigger-time";
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.1"], { [key]: old }));
  await using scope = agentOn(api);
  const { agent, plane, log } = scope;
  await agent.ready;
  const at = new Date(Date.now() - 2000).toISOString();
  api.put(endpointSliceKind, slice("s", "web", ["10.0.0.2"], { [key]: at }));
  await plane.until(() => backends(plane, "10.96.0.1|TCP|80") === "10.0.0.2");
  await agent.settled();
  assert.deepEqual(
    log.map(({ how, written }) => [how, written]),
    [
      ["sync", 1],
      ["delta", 1],
    ],
  );
  assert.deepEqual(log[0]!.sinceTriggers, []);
  assert.equal(log[1]!.sinceTriggers.length, 1);
  const [since] = log[1]!.sinceTriggers;
  assert.ok(since! >= 2000 && since! < 60_000, String(since));
  assert.ok(log[1]!.sinceEvent >= 0 && log[1]!.sinceEvent < 1000);
});

test("the agent stops without touching the data plane", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("web", "10.96.0.1"));
  const scope = agentOn(api);
  await scope.agent.ready;
  await scope[Symbol.asyncDispose]();
  api.remove(serviceKind, { namespace: "default", name: "web" });
  await scope.agent.settled();
  assert.equal(scope.plane.ports.size, 1);
  assert.deepEqual(scope.plane.calls, ["sync 1"]);
  assert.equal(api.watchers, 0);
});

test("stopped before it was ready, it says so", async () => {
  const api = createMemoryApi();
  api.fail(Infinity);
  const scope = agentOn(api);
  await scope[Symbol.asyncDispose]();
  await assert.rejects(scope.agent.ready, { name: "AbortError" });
});

test("two services with one address: the older is programmed, the other is named", async () => {
  const api = createMemoryApi();
  api.put(serviceKind, service("b", "10.96.0.1"));
  api.put(serviceKind, service("a", "10.96.0.1"));
  await using scope = agentOn(api);
  await scope.agent.ready;
  assert.equal(scope.plane.ports.get("10.96.0.1|TCP|80")?.service, "default/a");
  assert.deepEqual(scope.agent.conflicts(), [
    { key: "10.96.0.1|TCP|80", winner: "default/a", losers: ["default/b"] },
  ]);
  scope.agent.setRanges({ ranges: [] });
  await scope.agent.settled();
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(
    api.all(eventKind).map((event) => `${event.involvedObject.name} ${event.count} ${event.message}`),
    ["b 1 10.96.0.1 port 80/TCP belongs to the older Service default/a: connections go there"],
  );
});
