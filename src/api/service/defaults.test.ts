import assert from "node:assert/strict";
import { test } from "node:test";
import { setServiceDefaults } from "./defaults.ts";
import { prepareServiceForUpdate } from "./prepare.ts";
import type { Service, ServiceSpec } from "./type.ts";

function service(spec: ServiceSpec): Service {
  return { metadata: { name: "a" }, spec };
}

const COMMON = { sessionAffinity: "None", internalTrafficPolicy: "Cluster", type: "ClusterIP" } as const;

test("defaults by what was given", () => {
  const rows: [ServiceSpec, ServiceSpec][] = [
    [{}, COMMON],
    [{ ports: [{ port: 80 }] }, { ...COMMON, ports: [{ port: 80, protocol: "TCP", targetPort: 80 }] }],
    [
      { ports: [{ port: 80, targetPort: "" }] },
      { ...COMMON, ports: [{ port: 80, protocol: "TCP", targetPort: 80 }] },
    ],
    [
      { ports: [{ port: 53, protocol: "UDP", targetPort: "dns" }] },
      { ...COMMON, ports: [{ port: 53, protocol: "UDP", targetPort: "dns" }] },
    ],
    [
      { sessionAffinity: "ClientIP" },
      {
        ...COMMON,
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      },
    ],
    [{ sessionAffinity: "None", sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } }, COMMON],
    [
      { externalIPs: ["203.0.113.1"] },
      { ...COMMON, externalIPs: ["203.0.113.1"], externalTrafficPolicy: "Cluster" },
    ],
    [{ type: "NodePort" }, { ...COMMON, type: "NodePort", externalTrafficPolicy: "Cluster" }],
    [
      { type: "LoadBalancer" },
      {
        ...COMMON,
        type: "LoadBalancer",
        externalTrafficPolicy: "Cluster",
        allocateLoadBalancerNodePorts: true,
      },
    ],
    [
      { type: "ExternalName", externalName: "a.b" },
      { type: "ExternalName", externalName: "a.b", sessionAffinity: "None" },
    ],
  ];
  for (const [given, expected] of rows) {
    const object = service(structuredClone(given));
    setServiceDefaults(object);
    assert.deepEqual(object.spec, expected, JSON.stringify(given));
    setServiceDefaults(object);
    assert.deepEqual(object.spec, expected, "again");
  }
});

test("a change of type drops what the old type needed, unless the client changed it too", () => {
  const old: ServiceSpec = {
    type: "LoadBalancer",
    clusterIP: "10.96.0.1",
    clusterIPs: ["10.96.0.1"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ports: [{ port: 80, nodePort: 30_080 }],
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 30_001,
    allocateLoadBalancerNodePorts: true,
    loadBalancerClass: "a.example/x",
  };
  const addresses = {
    clusterIP: "10.96.0.1",
    clusterIPs: ["10.96.0.1"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
  } as const;
  const rows: [Partial<ServiceSpec>, object][] = [
    [{ type: "ClusterIP" }, { ...addresses, type: "ClusterIP", ports: [{ port: 80 }] }],
    [
      { type: "NodePort" },
      {
        ...addresses,
        type: "NodePort",
        ports: [{ port: 80, nodePort: 30_080 }],
        externalTrafficPolicy: "Local",
      },
    ],
    [
      { type: "ExternalName", ports: [] },
      { type: "ExternalName", ports: [] },
    ],
    [
      { type: "ClusterIP", ports: [{ port: 80, nodePort: 31_000 }] },
      { ...addresses, type: "ClusterIP", ports: [{ port: 80, nodePort: 31_000 }] },
    ],
    [
      { type: "ClusterIP", externalTrafficPolicy: "Cluster" },
      { ...addresses, type: "ClusterIP", ports: [{ port: 80 }], externalTrafficPolicy: "Cluster" },
    ],
    [
      { externalTrafficPolicy: "Cluster" },
      { ...old, externalTrafficPolicy: "Cluster", healthCheckNodePort: undefined },
    ],
  ];
  for (const [change, expected] of rows) {
    const updated = service({ ...structuredClone(old), ...change });
    prepareServiceForUpdate(updated, service(old));
    assert.deepEqual(
      JSON.parse(JSON.stringify(updated.spec)),
      JSON.parse(JSON.stringify(expected)),
      JSON.stringify(change),
    );
  }
});

test("a service that is no load balancer any more has no load balancer's status", () => {
  const old = service({ type: "LoadBalancer" });
  old.status = { loadBalancer: { ingress: [{ ip: "203.0.113.1", ipMode: "VIP" }] } };
  const same = service({ type: "LoadBalancer" });
  same.status = {};
  prepareServiceForUpdate(same, old);
  assert.deepEqual(same.status, old.status);
  const other = service({ type: "NodePort" });
  prepareServiceForUpdate(other, old);
  assert.deepEqual(other.status, { loadBalancer: {} });
});
