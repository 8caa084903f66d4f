import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service, ServiceSpec } from "../api/service/type.ts";
import { podRecords, serviceRecords, sliceRecords } from "../dns/service-records.ts";
import { nameKey } from "../net/dns/name.ts";
import { neededOfNamespace, neededOfPod, neededOfService, neededOfSlice } from "./dns-needed-fields.ts";

const OPTIONS = { zone: nameKey("cluster.local")!, ttl: 5 };

const metadata = {
  namespace: "default",
  name: "db",
  uid: "u",
  resourceVersion: "9",
  labels: { "kubernetes.io/service-name": "db" },
  managedFields: [{ manager: "kubectl" }],
};

function service(spec: ServiceSpec): Service {
  return { metadata, spec: { selector: { app: "db" }, ports: [{ name: "sql", port: 5432 }], ...spec } };
}

const slice: EndpointSlice = {
  metadata: {
    ...metadata,
    annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z", other: "x" },
  },
  addressType: "IPv4",
  ports: [{ name: "sql", protocol: "TCP", port: 5432 }],
  endpoints: [
    { addresses: ["10.0.0.1"], hostname: "db-0", conditions: { ready: true }, zone: "a" },
    { addresses: ["10.0.0.2"], conditions: { ready: false, serving: true }, nodeName: "n" },
    { addresses: ["10.0.0.3"] },
  ],
};

test("what is left of objects makes the same names", () => {
  const specs: ServiceSpec[] = [
    { clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9"] },
    { clusterIP: "None" },
    { clusterIP: "None", publishNotReadyAddresses: true },
    { type: "ExternalName", externalName: "db.example.com" },
  ];
  for (const one of specs.map(service)) {
    const needed = neededOfService(one);
    assert.deepEqual(serviceRecords(needed, OPTIONS), serviceRecords(one, OPTIONS));
    const records = sliceRecords(slice, one, OPTIONS);
    assert.deepEqual(sliceRecords(neededOfSlice(slice), needed, OPTIONS), records);
    assert.equal(records.length > 0, one.spec?.clusterIP === "None");
  }
  const status: Pod["status"][] = [
    undefined,
    { phase: "Running", podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] },
    { phase: "Running", podIP: "10.0.0.1" },
    { phase: "Failed", podIP: "10.0.0.1" },
  ];
  const pods = status.map((one): Pod => ({ metadata, ...(one !== undefined && { status: one }) }));
  const records = pods.map((pod) => podRecords(pod, OPTIONS));
  assert.deepEqual(
    pods.map((pod) => podRecords(neededOfPod(pod), OPTIONS)),
    records,
  );
  assert.deepEqual(
    records.map(({ length }) => length),
    [0, 2, 1, 0],
  );
});

test("what objects are told apart by stays, and who wrote what goes", () => {
  const identity = { namespace: "default", name: "db", uid: "u", resourceVersion: "9" };
  assert.deepEqual(neededOfNamespace({ metadata }).metadata, identity);
  assert.deepEqual(neededOfPod({ metadata, spec: { nodeName: "n" } as Pod["spec"] & object }), {
    metadata: identity,
    status: {},
  });
  const annotations = { "fairlead.dev/container-name": "Db_1", other: "x" };
  const onHost = { containers: [{ name: "db" }], hostNetwork: true };
  assert.deepEqual(neededOfPod({ metadata: { ...metadata, annotations }, spec: onHost }), {
    metadata: { ...identity, annotations: { "fairlead.dev/container-name": "Db_1" } },
    spec: { containers: [], hostNetwork: true },
    status: {},
  });
  assert.deepEqual(neededOfService(service({})).spec, { ports: [{ name: "sql", port: 5432 }] });
  assert.deepEqual(neededOfSlice(slice).metadata, {
    ...identity,
    labels: metadata.labels,
    annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
  });
});
