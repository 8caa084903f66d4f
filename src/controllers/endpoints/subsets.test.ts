import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoints } from "../../api/endpoints/type.ts";
import type { Pod } from "../../api/pod/type.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { wantedEndpoints } from "./controller.ts";
import { desiredSubsets, MAX_ADDRESSES } from "./subsets.ts";

function pod(
  name: string,
  ip: string,
  port = 8080,
  state: "ready" | "unready" | "terminating" = "ready",
): Pod {
  return {
    metadata: {
      namespace: "default",
      name,
      uid: name,
      ...(state === "terminating" && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    spec: { nodeName: "n1", containers: [{ name: "c", ports: [{ name: "http", containerPort: port }] }] },
    status: {
      phase: "Running",
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: state === "unready" ? "False" : "True" }],
    },
  };
}

function service(spec: ServiceSpec = {}, labels: Record<string, string> = {}): Service {
  return {
    metadata: { namespace: "default", name: "web", labels },
    spec: { clusterIP: "10.96.0.1", ports: [{ port: 80, targetPort: "http" }], ...spec },
  };
}

/** "8080: ready,ready / unready" a subset. */
function say(spec: ServiceSpec, ...pods: Pod[]): string[] {
  return desiredSubsets(service(spec), pods).subsets.map(
    ({ addresses = [], notReadyAddresses = [], ports = [] }) => {
      const ips = (list: { ip: string }[]): string => list.map(({ ip }) => ip).join();
      return `${ports.map(({ port }) => port).join()}: ${ips(addresses)} / ${ips(notReadyAddresses)}`;
    },
  );
}

test("pods with the same ports make one subset, ready and unready apart, in order of address", () => {
  assert.deepEqual(
    say(
      {},
      pod("a", "10.0.0.3"),
      pod("b", "10.0.0.1"),
      pod("c", "10.0.0.2", 8080, "unready"),
      pod("d", "10.0.0.4", 9090),
      pod("e", "10.0.0.5", 8080, "terminating"),
    ),
    ["8080: 10.0.0.1,10.0.0.3 / 10.0.0.2", "9090: 10.0.0.4 / "],
  );
});

test("unready and terminating pods are published where the service wants it", () => {
  const spec = { publishNotReadyAddresses: true };
  assert.deepEqual(say(spec, pod("a", "10.0.0.1", 80, "unready"), pod("b", "10.0.0.2", 80, "terminating")), [
    "80: 10.0.0.1,10.0.0.2 / ",
  ]);
});

test("only the primary family is shown", () => {
  const dual: Pod = { ...pod("a", ""), status: { podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] } };
  assert.deepEqual(say({ ipFamilies: ["IPv6", "IPv4"] }, dual), ["8080:  / fd00::1"]);
  assert.deepEqual(say({ ipFamilies: ["IPv4", "IPv6"] }, dual), ["8080:  / 10.0.0.1"]);
});

test("addresses are written canonically, however the pod's status writes them", () => {
  assert.deepEqual(say({}, pod("a", "010.0.0.01"), pod("b", "::ffff:10.0.0.2")), [
    "8080: 10.0.0.1,10.0.0.2 / ",
  ]);
  assert.deepEqual(say({ clusterIP: "FD00:96::1" }, pod("a", "FD00::1")), ["8080: fd00::1 / "]);
});

test("a pod without the port is left out; a headless service needs no ports", () => {
  assert.deepEqual(say({ ports: [{ port: 80, targetPort: "other" }] }, pod("a", "10.0.0.1")), []);
  assert.deepEqual(say({ clusterIP: "None", ports: [] }, pod("a", "10.0.0.1")), [": 10.0.0.1 / "]);
});

test("at most 1000 addresses, unready ones out first, each subset its share, and it is said", () => {
  const many = (count: number, port: number, state: "ready" | "unready", net: number): Pod[] =>
    Array.from({ length: count }, (_, i) =>
      pod(`${port}${state}${i}`, `10.${net}.${i >> 8}.${i & 255}`, port, state),
    );
  const count = (pods: Pod[]): number[] =>
    desiredSubsets(service(), pods).subsets.flatMap((s) => [
      s.addresses?.length ?? 0,
      s.notReadyAddresses?.length ?? 0,
    ]);
  assert.deepEqual(count([...many(800, 80, "ready", 1), ...many(300, 80, "unready", 2)]), [800, 200]);
  assert.deepEqual(count([...many(900, 80, "ready", 1), ...many(600, 81, "ready", 2)]), [600, 0, 400, 0]);
  assert.deepEqual(count([...many(1001, 80, "ready", 1), ...many(5, 81, "unready", 2)]), [MAX_ADDRESSES, 0]);

  const over = wantedEndpoints(service(), many(1001, 80, "ready", 1), undefined, undefined)!;
  assert.equal(over.metadata.annotations?.["endpoints.kubernetes.io/over-capacity"], "truncated");
  const fewer = wantedEndpoints(service(), many(1000, 80, "ready", 1), over, undefined)!;
  assert.equal(fewer.metadata.annotations, undefined);
});

test("what is there already is not written again", () => {
  const labelled = service({ clusterIP: "None" }, { app: "web" });
  const first = wantedEndpoints(labelled, [pod("a", "10.0.0.1")], undefined, "2026-01-01T00:00:00Z")!;
  assert.deepEqual(first, {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      namespace: "default",
      name: "web",
      labels: {
        app: "web",
        "service.kubernetes.io/headless": "",
        "endpoints.kubernetes.io/managed-by": "endpoint-controller",
      },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
    },
    subsets: [
      {
        addresses: [
          {
            ip: "10.0.0.1",
            nodeName: "n1",
            targetRef: { kind: "Pod", namespace: "default", name: "a", uid: "a" },
          },
        ],
        ports: [{ port: 8080, protocol: "TCP" }],
      },
    ],
  } satisfies Endpoints);
  assert.equal(wantedEndpoints(labelled, [pod("a", "10.0.0.1")], first, undefined), undefined);
  const relabelled = wantedEndpoints(service({}, { app: "new" }), [pod("a", "10.0.0.1")], first, undefined)!;
  assert.equal(relabelled.metadata.labels?.["service.kubernetes.io/headless"], undefined);
});
