import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import type { Pod, PodStatus } from "../../api/pod/type.ts";
import type { Service } from "../../api/service/type.ts";
import { reportService } from "./explain.ts";

const service: Service = {
  metadata: { namespace: "default", name: "web" },
  spec: {
    clusterIPs: ["10.96.0.10"],
    selector: { tier: "web", release: "stable" },
    ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
  },
};

const matching = { tier: "web", release: "stable", version: "1.0" };
const running: PodStatus = {
  phase: "Running",
  podIP: "10.244.0.9",
  conditions: [{ type: "Ready", status: "True" }],
};

function pod(
  name: string,
  labels: Record<string, string>,
  status: PodStatus,
  rest: Partial<Pod["metadata"]> = {},
): Pod {
  return {
    metadata: { namespace: "default", name, labels, ...rest },
    spec: { containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080 }] }] },
    status,
  };
}

test("each pod that looks like a provider and is none is told why", () => {
  const unnamed: Pod = { ...pod("p", matching, running), spec: { containers: [{ name: "main" }] } };
  const table: [Pod, string | undefined][] = [
    [pod("p", matching, running), undefined],
    [pod("p", { app: "db" }, running), undefined],
    [pod("p", { tier: "web" }, running), "has no label release (the selector wants release=stable)"],
    [
      pod("p", { tier: "web", release: "beta" }, running),
      "has release=beta, and the selector wants release=stable",
    ],
    [
      pod("p", matching, running, { namespace: "shop" }),
      "is in namespace shop, and a selector reaches only its own namespace",
    ],
    [
      pod("p", matching, {
        phase: "Failed",
        containerStatuses: [
          {
            name: "main",
            ready: false,
            restartCount: 0,
            image: "",
            imageID: "",
            state: { terminated: { exitCode: 3 } },
          },
        ],
      }),
      "has ended with exit code 3",
    ],
    [pod("p", matching, running, { deletionTimestamp: "2026-01-01T00:00:00Z" }), "is stopping"],
    [
      pod("p", matching, {
        phase: "Pending",
        conditions: [{ type: "Ready", status: "False", reason: "NoAddress" }],
      }),
      "has no address yet (NoAddress)",
    ],
    [
      pod("p", matching, {
        ...running,
        conditions: [
          { type: "Ready", status: "False", reason: "Paused", message: "the container is paused" },
        ],
      }),
      "is not ready (Paused: the container is paused)",
    ],
    [unnamed, 'has no container port named "http", which the Service\'s targetPort names'],
  ];
  for (const [candidate, why] of table)
    assert.equal(reportService(service, [], [candidate]).notProviders[0]?.why, why);
});

test("endpoints are counted once over all slices, with the pod behind each", () => {
  const slice = (endpoints: EndpointSlice["endpoints"]): EndpointSlice => ({
    metadata: { namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints,
  });
  const report = reportService(
    service,
    [
      slice([
        { addresses: ["10.244.0.10"], targetRef: { kind: "Pod", name: "b" } },
        { addresses: ["10.244.0.9"], conditions: { ready: false }, targetRef: { kind: "Pod", name: "a" } },
      ]),
      slice([
        { addresses: ["10.244.0.10"], targetRef: { kind: "Pod", name: "b" } },
        { addresses: ["10.244.0.11"], conditions: { ready: false, terminating: true } },
      ]),
    ],
    [],
  );
  assert.deepEqual(report.endpoints, [
    { address: "10.244.0.9", pod: "a", state: "not ready" },
    { address: "10.244.0.10", pod: "b", state: "ready" },
    { address: "10.244.0.11", pod: undefined, state: "stopping" },
  ]);
  assert.equal(`${report.ready} of ${report.total}`, "1 of 3");
  assert.deepEqual(report.ports, ["http 80->http/TCP"]);
});
