import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import type { Event } from "../../api/event/type.ts";
import type { Pod, PodStatus } from "../../api/pod/type.ts";
import type { Service } from "../../api/service/type.ts";
import { type Cluster, reportService, type ServiceReport } from "./report.ts";
import { statusText } from "./text.ts";

const service: Service = {
  metadata: { namespace: "default", name: "web" },
  spec: {
    clusterIPs: ["10.96.0.10"],
    selector: { tier: "web", release: "stable" },
    ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
  },
};

const nothing: Cluster = { slices: [], pods: [], events: [], conflicts: [], node: undefined };

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
    assert.equal(reportService(service, { ...nothing, pods: [candidate] }).notProviders[0]?.why, why);
});

test("a Service without any endpoint says what it waits for", () => {
  const empty = (spec: NonNullable<Service["spec"]>): string =>
    plain(
      statusText([reportService({ metadata: service.metadata, spec }, nothing)], {
        wide: false,
        node: undefined,
      }),
    );
  const ports = [{ port: 80 }];
  assert.match(
    empty({ selector: { app: "web", tier: "a" }, ports }),
    /^ {2}nobody {5}no pod in namespace default has app=web,tier=a$/m,
  );
  assert.match(
    empty({ ports }),
    /^ {2}nobody {5}it has no selector, and no EndpointSlice or Endpoints was written for it$/m,
  );
  assert.doesNotMatch(empty({ type: "ExternalName", externalName: "example.com" }), /nobody/);
  assert.equal(
    reportService(service, { ...nothing, pods: [pod("p", { tier: "web" }, running)] }).whyEmpty,
    undefined,
  );
});

test("endpoints are counted once over all slices, with the pod behind each", () => {
  const slice = (endpoints: EndpointSlice["endpoints"]): EndpointSlice => ({
    metadata: { namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints,
  });
  const report = reportService(service, {
    ...nothing,
    slices: [
      slice([
        { addresses: ["10.244.0.10"], targetRef: { kind: "Pod", name: "b" } },
        { addresses: ["10.244.0.9"], conditions: { ready: false }, targetRef: { kind: "Pod", name: "a" } },
      ]),
      slice([
        { addresses: ["10.244.0.10"], targetRef: { kind: "Pod", name: "b" } },
        { addresses: ["10.244.0.11"], conditions: { ready: false, terminating: true } },
      ]),
    ],
  });
  assert.deepEqual(
    report.endpoints.map(({ address, pod, state }) => ({ address, pod, state })),
    [
      { address: "10.244.0.9", pod: "a", state: "not ready" },
      { address: "10.244.0.10", pod: "b", state: "ready" },
      { address: "10.244.0.11", pod: undefined, state: "stopping" },
    ],
  );
  assert.equal(`${report.ready} of ${report.total}`, "1 of 3");
  assert.deepEqual(report.ports, ["http 80->http/TCP"]);
});

/** Endpoints 1 and 2 on node n1 in zone z1, 3 on n2 in z2, each hinted for its own zone. */
function world(
  spec: Service["spec"],
  annotations: Record<string, string> = {},
  weights?: string,
): ServiceReport {
  const at = (n: number, nodeName: string, zone: string): EndpointSlice["endpoints"][number] => ({
    addresses: [`10.244.0.${n}`],
    nodeName,
    zone,
    targetRef: { kind: "Pod", name: `web-${n}` },
    ...(spec?.trafficDistribution !== undefined && { hints: { forZones: [{ name: zone }] } }),
  });
  return reportService(
    {
      metadata: { namespace: "default", name: "web", annotations },
      spec: { clusterIPs: ["10.96.0.10"], ports: [{ port: 80, nodePort: 30_080 }], ...spec },
    },
    {
      ...nothing,
      slices: [
        {
          metadata: {
            namespace: "default",
            labels: { "kubernetes.io/service-name": "web" },
            ...(weights !== undefined && { annotations: { "fairlead.dev/weights": weights } }),
          },
          addressType: "IPv4",
          endpoints: [at(1, "n1", "z1"), at(2, "n1", "z1"), at(3, "n2", "z2")],
          ports: [{ name: "", port: 8080 }],
        },
      ],
      node: { name: "n1", zone: "z1" },
    },
  );
}

test("of each endpoint that is not used here it is said why, by the rules of the data plane", () => {
  const local = "not used by clients outside: it is on node n2, and the traffic policy is Local";
  const rows: [ServiceReport, (string | undefined)[]][] = [
    [world({}), [undefined, undefined, undefined]],
    [
      world({ internalTrafficPolicy: "Local" }),
      [undefined, undefined, "not used by clients inside: it is on node n2, and the traffic policy is Local"],
    ],
    [world({ type: "NodePort", externalTrafficPolicy: "Local" }), [undefined, undefined, local]],
    [
      world({ trafficDistribution: "PreferSameZone" }),
      [undefined, undefined, "not used: its hints are for others (it is in zone z2, this node in z1)"],
    ],
    [
      world({}, { "fairlead.dev/balance": "primary-backup" }, '{"10.244.0.2":5,"10.244.0.3":0}'),
      ["not used: another is the primary, this one waits", undefined, "not used: its weight is 0"],
    ],
    [world({ clusterIPs: ["None"] }), [undefined, undefined, undefined]],
  ];
  for (const [report, expected] of rows)
    assert.deepEqual(
      report.endpoints.map(({ whyNot }) => whyNot),
      expected,
    );
});

test("problems are those of the annotations, contested ports, and what Events warn of", () => {
  const key = "10.96.0.10|TCP|80";
  const warning = (name: string, reason: string, message: string): Event => ({
    metadata: {},
    involvedObject: { kind: "Service", namespace: "default", name },
    reason,
    message,
    type: "Warning",
  });
  const report = reportService(
    { ...service, metadata: { ...service.metadata, annotations: { "fairlead.dev/balance": "fastest" } } },
    {
      ...nothing,
      conflicts: [{ key, winner: "default/older", losers: ["default/web"] }],
      events: [
        warning("web", "HealthCheckNodePortInUse", "port 32000 is taken"),
        warning("web", "VirtualPortConflict", "told above"),
        warning("other", "HealthCheckNodePortInUse", "not ours"),
      ],
    },
  );
  assert.equal(report.problems.length, 3);
  assert.match(report.problems[0]!, /fairlead\.dev\/balance: "fastest" is none of random, round-robin/);
  assert.equal(
    report.problems[1],
    "10.96.0.10 port 80/TCP belongs to the older Service default/older: connections go there",
  );
  assert.equal(report.problems[2], "HealthCheckNodePortInUse: port 32000 is taken");
});

const plain = (text: string): string => stripVTControlCharacters(text);

test("the narrow form says what is not default, the wide one has columns for it", () => {
  const report = world(
    {
      type: "LoadBalancer",
      internalTrafficPolicy: "Local",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 32_000,
      loadBalancerSourceRanges: ["192.0.2.0/24"],
      sessionAffinity: "ClientIP",
    },
    { "fairlead.dev/balance": "round-robin" },
    '{"10.244.0.1":3}',
  );
  assert.equal(
    plain(statusText([report], { wide: false, node: "n1" })),
    `SERVICE       TYPE           VIRTUAL IP   PORTS        ENDPOINTS
default/web   LoadBalancer   10.96.0.10   80->80/TCP   3 ready of 3

default/web
  node ports 30080/TCP; external <pending>; traffic policy Local; affinity of clients for 10800 s; balance round-robin; only from 192.0.2.0/24; health checks at node port 32000
  ready      10.244.0.1  pod web-1  weight 3
  ready      10.244.0.2  pod web-2  weight 1
  ready      10.244.0.3  pod web-3  weight 1  not used: it is on node n2, and the traffic policy is Local

"not used" is as node n1 sees it (--node)
`,
  );
  assert.match(
    plain(statusText([report], { wide: true, node: "n1" })),
    /NODE PORTS +EXTERNAL +POLICIES +AFFINITY +BALANCE +ENDPOINTS\n.* 30080\/TCP +<pending> +Local +10800s +round-robin +3 ready of 3\n[^]*web-3  node n2  zone z2  weight 1  not used/,
  );
});

test("least-clients is said once: it is an affinity itself", () => {
  const balance = { "fairlead.dev/balance": "least-clients" };
  for (const [spec, seconds] of [
    [{}, 10_800],
    [{ sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, 60],
    [{ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, 60],
  ] as const)
    assert.match(
      plain(statusText([world(spec, balance)], { wide: false, node: "n1" })),
      new RegExp(`each client keeps its endpoint \\(least-clients, ${seconds} s\\)\n`),
    );
});
