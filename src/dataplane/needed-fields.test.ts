import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import type { Service } from "../api/service/type.ts";
import { createNeededFields } from "./needed-fields.ts";

const since = Date.parse("2026-01-01T00:00:00Z");
const managed = {
  managedFields: [{ manager: "kubectl", fieldsV1: { "f:spec": {} } }],
  ownerReferences: [{ apiVersion: "v1", kind: "Service", name: "web", uid: "u" }],
};

function service(spec: Service["spec"] = {}): Service {
  return {
    metadata: {
      namespace: "default",
      name: "web",
      uid: "u1",
      resourceVersion: "7",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { app: "web" },
      annotations: {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "fairlead.dev/balance": "random",
      },
      ...managed,
    },
    spec: {
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      selector: { app: "web" },
      type: "ClusterIP",
      sessionAffinity: "None",
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      ...spec,
    },
    status: { loadBalancer: {} },
  };
}

function slice(time: string): EndpointSlice {
  return {
    metadata: {
      namespace: "default",
      name: "web-1",
      uid: "u2",
      resourceVersion: "8",
      labels: { app: "web", "kubernetes.io/service-name": "web" },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": time, other: "x" },
      ...managed,
    },
    addressType: "IPv4",
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    endpoints: ["here", "there"].map((nodeName, n) => ({
      addresses: [`10.0.0.${n}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName,
      zone: "z",
      targetRef: { kind: "Pod", name: "web-0" },
    })),
  };
}

test("of a Service stays what the table and Events need", () => {
  const needed = createNeededFields({ nodeName: "here", since });
  assert.deepEqual(needed.service(service()), {
    metadata: {
      namespace: "default",
      name: "web",
      uid: "u1",
      resourceVersion: "7",
      creationTimestamp: "2026-01-01T00:00:00Z",
      annotations: { "fairlead.dev/balance": "random" },
    },
    spec: { clusterIPs: ["10.96.0.1"], ports: [{ name: "http", protocol: "TCP", port: 80 }] },
  });
});

test("of a slice stay addresses, and what sets an endpoint apart from most", () => {
  const needed = createNeededFields({ nodeName: "here", since });
  assert.deepEqual(needed.slice(slice("2025-12-31T23:59:59Z")), {
    metadata: {
      namespace: "default",
      name: "web-1",
      resourceVersion: "8",
      labels: { "kubernetes.io/service-name": "web" },
    },
    addressType: "IPv4",
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    endpoints: [{ addresses: ["10.0.0.0"], nodeName: "here" }, { addresses: ["10.0.0.1"] }],
  });
  assert.deepEqual(needed.slice(slice("2026-01-01T00:00:00.5Z")).metadata.annotations, {
    "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00.5Z",
  });
});

test("what is the same is one object, however many others there were in between", () => {
  const needed = createNeededFields({ nodeName: "here", since });
  const ports = () => needed.service(service()).spec!.ports;
  assert.equal(ports(), ports());
  const before = ports();
  for (let port = 1; port < 10_000; port++) needed.service(service({ ports: [{ port }] }));
  assert.deepEqual(ports(), before);
  assert.equal(ports(), ports());
});
