import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ApiError } from "../api/api-error.ts";
import { endpointsKind } from "../api/endpoints/kind.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import type { Kind } from "../api/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import { publishKubernetesService } from "./kubernetes-service.ts";
import { ALICE, eventually, type Fixture, startRegistry } from "./registry/registry-fixture.ts";

const KEY = { namespace: "default", name: "kubernetes" };

async function start(t: TestContext): Promise<Fixture> {
  const fixture = await startRegistry(t);
  const options = { clusterIP: "10.96.0.1", host: "192.0.2.7", port: 6443 };
  const publication = await publishKubernetesService(fixture.registry, fixture.store, options);
  t.after(async () => publication[Symbol.asyncDispose]());
  return fixture;
}

async function objects({ registry }: Fixture): Promise<unknown[]> {
  const [service, endpoints, slice] = await Promise.all([
    registry.get(serviceKind, KEY),
    registry.get(endpointsKind, KEY),
    registry.get(endpointSliceKind, KEY),
  ]);
  const { addressType, endpoints: members, ports } = slice;
  return [
    [service.metadata.labels, service.spec],
    [endpoints.metadata.labels, endpoints.subsets],
    [slice.metadata.labels, { addressType, endpoints: members, ports }],
  ];
}

const WANTED = [
  [
    { component: "apiserver", provider: "kubernetes" },
    {
      type: "ClusterIP",
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
      sessionAffinity: "None",
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: 6443 }],
    },
  ],
  [
    { "endpointslice.kubernetes.io/skip-mirror": "true" },
    [
      {
        addresses: [{ ip: "192.0.2.7" }],
        ports: [{ name: "https", port: 6443, protocol: "TCP" }],
      },
    ],
  ],
  [
    { "kubernetes.io/service-name": "kubernetes" },
    {
      addressType: "IPv4",
      endpoints: [{ addresses: ["192.0.2.7"], conditions: { ready: true } }],
      ports: [{ name: "https", port: 6443, protocol: "TCP" }],
    },
  ],
];

async function isRight(fixture: Fixture): Promise<boolean> {
  try {
    assert.deepEqual(await objects(fixture), WANTED);
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError || error instanceof ApiError) return false;
    throw error;
  }
}

test("the server publishes itself as upstream does", async (t) => {
  assert.deepEqual(await objects(await start(t)), WANTED);
});

test("what somebody deletes comes back, with the same virtual address", async (t) => {
  const fixture = await start(t);
  for (const kind of [endpointSliceKind, endpointsKind, serviceKind] as readonly Kind[])
    await fixture.registry.delete(kind, KEY, {}, ALICE);
  await eventually(fixture.store, async () => isRight(fixture));
});

test("what somebody changes is changed back", async (t) => {
  const fixture = await start(t);
  const patch = async (kind: Kind, change: object): Promise<void> => {
    await fixture.registry.patch(kind, KEY, { type: "merge", patch: change }, {}, ALICE);
  };
  await patch(serviceKind, { spec: { ports: [{ name: "x", port: 1 }], selector: { app: "x" } } });
  await patch(endpointsKind, { metadata: { labels: null }, subsets: null });
  await patch(endpointSliceKind, { metadata: { labels: null }, endpoints: [], ports: [] });
  await eventually(fixture.store, async () => isRight(fixture));
});

test("a server that moves says so", async (t) => {
  const fixture = await start(t);
  const moved = { clusterIP: "10.96.0.1", host: "fd00::7", port: 443 };
  await using _publication = await publishKubernetesService(fixture.registry, fixture.store, moved);
  const { addressType, endpoints } = await fixture.registry.get(endpointSliceKind, KEY);
  assert.deepEqual([addressType, endpoints[0]?.addresses], ["IPv6", ["fd00::7"]]);
});
