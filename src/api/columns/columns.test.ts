import assert from "node:assert/strict";
import { test } from "node:test";
import { configMapKind } from "../configmap/kind.ts";
import { endpointSliceKind } from "../endpointslice/kind.ts";
import { endpointsKind } from "../endpoints/kind.ts";
import { eventKind } from "../event/kind.ts";
import { ingressKind } from "../ingress/kind.ts";
import { ingressClassKind } from "../ingressclass/kind.ts";
import type { Kind } from "../kind.ts";
import { leaseKind } from "../lease/kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { namespaceKind } from "../namespace/kind.ts";
import { nodeKind } from "../node/kind.ts";
import { podKind } from "../pod/kind.ts";
import { structure } from "../schema/json/structure.ts";
import { secretKind } from "../secret/kind.ts";
import { serviceAccountKind } from "../serviceaccount/kind.ts";
import { serviceKind } from "../service/kind.ts";
import { humanDuration } from "./age.ts";

const NOW = Date.parse("2026-01-02T03:04:05Z");
const BORN = { name: "a", creationTimestamp: "2026-01-02T03:02:05Z" };

/** The cells, separated by " | ", the wide ones after "||". */
function row<T extends KubeObject>(kind: Kind<T>, value: unknown): string {
  const { object } = structure(kind.schema, value);
  const cells = (wide: boolean): string =>
    kind.columns
      .filter(({ priority }) => priority > 0 === wide)
      .map((column) => String(column.cell(object, NOW)))
      .join(" | ");
  const wide = cells(true);
  return wide === "" ? cells(false) : `${cells(false)} || ${wide}`;
}

function header<T extends KubeObject>(kind: Kind<T>): string {
  return kind.columns
    .map(({ name, priority }) => (priority > 0 ? `${name.toUpperCase()}*` : name.toUpperCase()))
    .join(" ");
}

test("headers are those of kubectl get; * only with -o wide", () => {
  assert.equal(header(serviceKind), "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR*");
  assert.equal(header(podKind), "NAME READY STATUS RESTARTS AGE IP* NODE* NOMINATED NODE* READINESS GATES*");
  assert.equal(
    header(nodeKind),
    "NAME STATUS ROLES AGE VERSION INTERNAL-IP* EXTERNAL-IP* OS-IMAGE* KERNEL-VERSION* CONTAINER-RUNTIME*",
  );
  assert.equal(header(namespaceKind), "NAME STATUS AGE");
  assert.equal(header(endpointsKind), "NAME ENDPOINTS AGE");
  assert.equal(header(leaseKind), "NAME HOLDER AGE");
  assert.equal(header(ingressKind), "NAME CLASS HOSTS ADDRESS PORTS AGE");
  assert.equal(header(ingressClassKind), "NAME CONTROLLER PARAMETERS AGE");
  assert.equal(header(endpointSliceKind), "NAME ADDRESSTYPE PORTS ENDPOINTS AGE");
  assert.equal(
    header(eventKind),
    "LAST SEEN TYPE REASON OBJECT SUBOBJECT* SOURCE* MESSAGE FIRST SEEN* COUNT* NAME*",
  );
});

test("ConfigMaps, Secrets and ServiceAccounts: how many keys and secrets they have", () => {
  assert.equal(header(configMapKind), "NAME DATA AGE");
  assert.equal(
    row(configMapKind, { metadata: BORN, data: { x: "" }, binaryData: { y: "AA==" } }),
    "a | 2 | 2m",
  );
  assert.equal(header(secretKind), "NAME TYPE DATA AGE");
  assert.equal(row(secretKind, { metadata: BORN, type: "Opaque", data: { x: "" } }), "a | Opaque | 1 | 2m");
  assert.equal(header(serviceAccountKind), "NAME SECRETS AGE");
  assert.equal(row(serviceAccountKind, { metadata: BORN, secrets: [{ name: "k" }] }), "a | 1 | 2m");
});

test("durations", () => {
  const MINUTE = 60;
  const HOUR = 3600;
  const DAY = 24 * HOUR;
  const rows: [number, string][] = [
    [-5, "<invalid>"],
    [-1, "0s"],
    [-0.5, "0s"],
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [125, "2m5s"],
    [10 * MINUTE + 5, "10m"],
    [179 * MINUTE, "179m"],
    [3 * HOUR, "3h"],
    [3 * HOUR + 5 * MINUTE, "3h5m"],
    [8 * HOUR + 5 * MINUTE, "8h"],
    [47 * HOUR, "47h"],
    [2 * DAY, "2d"],
    [2 * DAY + 3 * HOUR, "2d3h"],
    [8 * DAY + 3 * HOUR, "8d"],
    [729 * DAY, "729d"],
    [730 * DAY, "2y"],
    [740 * DAY, "2y10d"],
    [8 * 365 * DAY + DAY, "8y"],
  ];
  for (const [seconds, text] of rows) assert.equal(humanDuration(seconds), text, String(seconds));
});

test("services", () => {
  const rows: [object, string][] = [
    [
      {
        spec: {
          type: "ClusterIP",
          clusterIPs: ["10.0.0.1"],
          ports: [{ port: 80, protocol: "TCP" }],
          selector: { b: "2", a: "1" },
        },
      },
      "a | ClusterIP | 10.0.0.1 | <none> | 80/TCP | 2m || a=1,b=2",
    ],
    [
      { spec: { type: "ClusterIP", clusterIPs: ["None"] } },
      "a | ClusterIP | None | <none> | <none> | 2m || <none>",
    ],
    [
      {
        spec: {
          type: "NodePort",
          clusterIPs: ["10.0.0.1"],
          ports: [
            { port: 80, protocol: "TCP", nodePort: 30_080 },
            { port: 53, protocol: "UDP", nodePort: 30_053 },
          ],
        },
      },
      "a | NodePort | 10.0.0.1 | <none> | 80:30080/TCP,53:30053/UDP | 2m || <none>",
    ],
    [
      { spec: { type: "LoadBalancer", clusterIPs: ["10.0.0.1"], ports: [{ port: 80, protocol: "TCP" }] } },
      "a | LoadBalancer | 10.0.0.1 | <pending> | 80/TCP | 2m || <none>",
    ],
    [
      {
        spec: { type: "LoadBalancer", clusterIPs: ["10.0.0.1"], externalIPs: ["203.0.113.9"] },
        status: {
          loadBalancer: {
            ingress: [{ ip: "203.0.113.2" }, { hostname: "a.example" }, { ip: "203.0.113.1" }],
          },
        },
      },
      "a | LoadBalancer | 10.0.0.1 | 203.0.113.1,203.0.113.2,a.example,203.0.113.9 | <none> | 2m || <none>",
    ],
    [
      { spec: { type: "ExternalName", externalName: "db.example.com" } },
      "a | ExternalName | <none> | db.example.com | <none> | 2m || <none>",
    ],
  ];
  for (const [object, text] of rows) assert.equal(row(serviceKind, { metadata: BORN, ...object }), text);
});

test("endpoints and slices", () => {
  const addresses = (n: number): object[] => Array.from({ length: n }, (_, i) => ({ ip: `10.0.0.${i + 1}` }));
  const subset = (n: number, ...ports: number[]): object => ({
    addresses: addresses(n),
    ports: ports.map((port) => ({ port })),
  });
  assert.equal(row(endpointsKind, { metadata: BORN }), "a | <none> | 2m");
  assert.equal(
    row(endpointsKind, { metadata: BORN, subsets: [subset(2, 80)] }),
    "a | 10.0.0.1:80,10.0.0.2:80 | 2m",
  );
  assert.equal(
    row(endpointsKind, { metadata: BORN, subsets: [subset(3, 80, 81)] }),
    "a | 10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 3 more... | 2m",
  );
  assert.equal(
    row(endpointsKind, {
      metadata: BORN,
      subsets: [{ addresses: [{ ip: "fd00::1" }], ports: [{ port: 80 }] }],
    }),
    "a | [fd00::1]:80 | 2m",
  );
  assert.equal(
    row(endpointSliceKind, { metadata: BORN, addressType: "IPv4", endpoints: [], ports: [] }),
    "a | IPv4 | <unset> | <unset> | 2m",
  );
  assert.equal(
    row(endpointSliceKind, {
      metadata: BORN,
      addressType: "IPv4",
      endpoints: addresses(5).map(({ ip }: { ip?: string }) => ({ addresses: [ip] })),
      ports: [{ port: 80 }, { name: "x" }, {}, { port: 9 }],
    }),
    "a | IPv4 | 80,x,* + 1 more... | 10.0.0.1,10.0.0.2,10.0.0.3 + 2 more... | 2m",
  );
});

test("nodes and namespaces", () => {
  assert.equal(
    row(nodeKind, { metadata: BORN }),
    "a | Unknown | <none> | 2m |  || <none> | <none> | <unknown> | <unknown> | <unknown>",
  );
  assert.equal(
    row(nodeKind, {
      metadata: {
        ...BORN,
        labels: {
          "node-role.kubernetes.io/worker": "",
          "node-role.kubernetes.io/edge": "",
          "kubernetes.io/role": "worker",
        },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
        nodeInfo: {
          kubeletVersion: "v1.34.0",
          osImage: "Debian",
          kernelVersion: "6.18",
          containerRuntimeVersion: "docker://28",
        },
      },
    }),
    "a | Ready,SchedulingDisabled | edge,worker | 2m | v1.34.0 || 10.0.0.1 | <none> | Debian | 6.18 | docker://28",
  );
  assert.equal(row(namespaceKind, { metadata: BORN, status: { phase: "Active" } }), "a | Active | 2m");
});

test("events", () => {
  const event = {
    metadata: { name: "a.1" },
    involvedObject: { kind: "Pod", name: "web", fieldPath: "spec.containers{web}" },
    reason: "Started",
    message: " up \n",
    type: "Normal",
  };
  assert.equal(
    row(eventKind, {
      ...event,
      source: { component: "kubelet", host: "n1" },
      firstTimestamp: "2026-01-02T03:00:05Z",
      lastTimestamp: "2026-01-02T03:04:00Z",
      count: 3,
    }),
    "5s | Normal | Started | pod/web | up || spec.containers{web} | kubelet, n1 | 4m | 3 | a.1",
  );
  assert.equal(
    row(eventKind, {
      ...event,
      eventTime: "2026-01-02T03:04:00.000000Z",
      reportingComponent: "c",
      reportingInstance: "i",
    }),
    "5s | Normal | Started | pod/web | up || spec.containers{web} | c, i | 5s | 1 | a.1",
  );
});

test("pods: the state in one word", () => {
  const spec = { containers: [{ name: "x" }, { name: "y" }], initContainers: [{ name: "i" }] };
  const running = (name: string, more: object = {}): object => ({
    name,
    ready: true,
    state: { running: {} },
    ...more,
  });
  const rows: [object, string][] = [
    [{ phase: "Pending" }, "0/2 | Pending | 0"],
    [{ phase: "Running", containerStatuses: [running("x"), running("y")] }, "2/2 | Running | 0"],
    [
      {
        phase: "Running",
        containerStatuses: [
          running("x", {
            restartCount: 2,
            lastState: { terminated: { finishedAt: "2026-01-02T03:04:00Z" } },
          }),
          running("y", { restartCount: 1 }),
        ],
      },
      "2/2 | Running | 3 (5s ago)",
    ],
    [
      {
        phase: "Running",
        containerStatuses: [
          running("x"),
          { name: "y", state: { waiting: { reason: "CrashLoopBackOff" } }, restartCount: 4 },
        ],
      },
      "1/2 | CrashLoopBackOff | 4",
    ],
    [{ phase: "Failed", reason: "Evicted" }, "0/2 | Evicted | 0"],
    [
      { phase: "Failed", containerStatuses: [{ name: "x", state: { terminated: { exitCode: 3 } } }] },
      "0/2 | ExitCode:3 | 0",
    ],
    [
      {
        phase: "Failed",
        containerStatuses: [{ name: "x", state: { terminated: { exitCode: 137, signal: 9 } } }],
      },
      "0/2 | Signal:9 | 0",
    ],
    [
      {
        phase: "Succeeded",
        containerStatuses: [{ name: "x", state: { terminated: { reason: "Completed" } } }],
      },
      "0/2 | Completed | 0",
    ],
    [
      {
        phase: "Running",
        containerStatuses: [{ name: "x", state: { terminated: { reason: "Completed" } } }, running("y")],
      },
      "1/2 | NotReady | 0",
    ],
    [
      { phase: "Pending", initContainerStatuses: [{ name: "i", state: { running: {} } }] },
      "0/2 | Init:0/1 | 0",
    ],
    [
      {
        phase: "Pending",
        initContainerStatuses: [{ name: "i", state: { waiting: { reason: "ImagePullBackOff" } } }],
      },
      "0/2 | Init:ImagePullBackOff | 0",
    ],
    [
      { phase: "Pending", initContainerStatuses: [{ name: "i", state: { terminated: { exitCode: 1 } } }] },
      "0/2 | Init:ExitCode:1 | 0",
    ],
    [
      {
        phase: "Running",
        initContainerStatuses: [{ name: "i", restartCount: 5, state: { terminated: { exitCode: 0 } } }],
        containerStatuses: [running("x"), running("y")],
      },
      "2/2 | Running | 0",
    ],
  ];
  for (const [status, text] of rows) {
    const cells = row(podKind, { metadata: BORN, spec, status }).split(" | ");
    assert.equal(cells.slice(1, 4).join(" | "), text, JSON.stringify(status));
  }
  const going = { ...BORN, deletionTimestamp: "2026-01-02T03:04:05Z" };
  assert.match(row(podKind, { metadata: going, spec, status: { phase: "Running" } }), /\| Terminating \|/);
  assert.match(row(podKind, { metadata: going, spec, status: { phase: "Succeeded" } }), /\| Succeeded \|/);
  assert.match(
    row(podKind, {
      metadata: BORN,
      spec: { ...spec, nodeName: "n1", readinessGates: [{ conditionType: "a" }, { conditionType: "b" }] },
      status: { podIPs: [{ ip: "10.0.0.1" }], conditions: [{ type: "a", status: "True" }] },
    }),
    /\|\| 10\.0\.0\.1 \| n1 \| <none> \| 1\/2$/,
  );
});

test("leases, ingresses and their classes", () => {
  const rules = ["a", "b", "", "c", "d"].map((host) => ({ host }));
  const rows: [Kind, object, string][] = [
    [leaseKind, {}, "a |  | 2m"],
    [leaseKind, { spec: { holderIdentity: "n1" } }, "a | n1 | 2m"],
    [ingressKind, {}, "a | <none> | * |  | 80 | 2m"],
    [ingressKind, { spec: { rules: rules.slice(0, 4), tls: [{}] } }, "a | <none> | a,b,c |  | 80, 443 | 2m"],
    [ingressKind, { spec: { rules } }, "a | <none> | a,b,c + 2 more... |  | 80 | 2m"],
    [
      ingressKind,
      {
        spec: { ingressClassName: "nginx" },
        status: { loadBalancer: { ingress: [{ hostname: "lb" }, { ip: "10.0.0.2" }, { ip: "10.0.0.2" }] } },
      },
      "a | nginx | * | 10.0.0.2,lb | 80 | 2m",
    ],
    [ingressClassKind, { spec: { controller: "a.io/b" } }, "a | a.io/b | <none> | 2m"],
    [
      ingressClassKind,
      { spec: { controller: "a.io/b", parameters: { kind: "Config", name: "x" } } },
      "a | a.io/b | Config/x | 2m",
    ],
    [
      ingressClassKind,
      { spec: { controller: "a.io/b", parameters: { apiGroup: "a.io", kind: "Config", name: "x" } } },
      "a | a.io/b | Config.a.io/x | 2m",
    ],
  ];
  for (const [kind, parts, cells] of rows) assert.equal(row(kind, { metadata: BORN, ...parts }), cells);
});
