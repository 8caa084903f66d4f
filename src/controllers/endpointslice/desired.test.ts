import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint } from "../../api/endpointslice/type.ts";
import type { Pod, PodSpec, PodStatus } from "../../api/pod/type.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { type DesiredEndpoints, desiredEndpoints } from "./desired.ts";

const READY = [{ type: "Ready", status: "True" as const }];

function pod(name: string, status: PodStatus = {}, spec: Partial<PodSpec> = {}, deleted = false): Pod {
  return {
    metadata: {
      namespace: "default",
      name,
      uid: `uid-${name}`,
      ...(deleted && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    spec: { containers: [], nodeName: "n1", ...spec },
    status: { phase: "Running", podIPs: [{ ip: "10.0.0.1" }], conditions: READY, ...status },
  };
}

function desired(spec: ServiceSpec, ...pods: Pod[]): DesiredEndpoints {
  const service: Service = {
    metadata: { namespace: "default", name: "web", uid: "u" },
    spec: {
      selector: { app: "web" },
      clusterIP: "10.96.0.1",
      ipFamilies: ["IPv4"],
      ports: [{ port: 80 }],
      ...spec,
    },
  };
  return desiredEndpoints(service, pods, (name) =>
    name === "n1" ? { metadata: { name, labels: { "topology.kubernetes.io/zone": "z1" } } } : undefined,
  );
}

function only(result: DesiredEndpoints): Endpoint {
  assert.equal(result.groups.length, 1);
  assert.equal(result.groups[0]!.endpoints.length, 1);
  return result.groups[0]!.endpoints[0]!;
}

test("which pods count, and what is said of them", () => {
  const unready = { conditions: [{ type: "Ready", status: "False" as const }] };
  const publish = { publishNotReadyAddresses: true };
  const table: [what: string, spec: ServiceSpec, pod: Pod, conditions: string | undefined][] = [
    ["ready", {}, pod("p"), "ready serving"],
    ["not ready", {}, pod("p", unready), ""],
    ["no condition yet", {}, pod("p", { conditions: [] }), ""],
    ["terminating, still ready", {}, pod("p", {}, {}, true), "serving terminating"],
    ["terminating, not ready", {}, pod("p", unready, {}, true), "terminating"],
    ["published unready", publish, pod("p", unready), "ready"],
    ["published terminating", publish, pod("p", {}, {}, true), "ready serving terminating"],
    ["succeeded", {}, pod("p", { phase: "Succeeded" }), undefined],
    ["failed", publish, pod("p", { phase: "Failed" }), undefined],
    ["pending with address", {}, pod("p", { phase: "Pending", conditions: [] }), ""],
    ["no address", publish, pod("p", { podIPs: [] }), undefined],
    ["node unknown", {}, pod("p", {}, { nodeName: "n2" }), undefined],
    ["node unknown, published", publish, pod("p", {}, { nodeName: "n2" }), "ready serving"],
  ];
  for (const [what, spec, subject, expected] of table) {
    const result = desired(spec, subject);
    const conditions = result.groups[0]?.endpoints[0]?.conditions;
    const said =
      conditions &&
      (["ready", "serving", "terminating"] as const).filter((name) => conditions[name] === true).join(" ");
    assert.equal(said, expected, what);
  }
  assert.deepEqual(desired({}, pod("p", {}, { nodeName: "n2" })).missingNodes, ["n2"]);
});

test("an endpoint says which pod it is, where, and under which name", () => {
  assert.deepEqual(only(desired({}, pod("p", {}, { hostname: "h", subdomain: "web" }))), {
    addresses: ["10.0.0.1"],
    conditions: { ready: true, serving: true, terminating: false },
    hostname: "h",
    targetRef: { kind: "Pod", namespace: "default", name: "p", uid: "uid-p" },
    nodeName: "n1",
    zone: "z1",
  });
  assert.equal(only(desired({}, pod("p", {}, { hostname: "h", subdomain: "other" }))).hostname, undefined);
});

test("families are the service's, addresses the pod's", () => {
  const dual = { podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] };
  const table: [spec: ServiceSpec, expected: string][] = [
    [{ ipFamilies: ["IPv4"] }, "IPv4 10.0.0.1"],
    [{ ipFamilies: ["IPv6"] }, "IPv6 fd00::1"],
    [{ ipFamilies: ["IPv6", "IPv4"] }, "IPv6 fd00::1, IPv4 10.0.0.1"],
    [{ ipFamilies: [], clusterIP: "fd00:96::1" }, "IPv6 fd00::1"],
    [{ ipFamilies: [], clusterIP: "None" }, "IPv4 10.0.0.1, IPv6 fd00::1"],
  ];
  for (const [spec, expected] of table) {
    const { groups } = desired(spec, pod("p", dual));
    const said = groups.map(
      ({ addressType, endpoints }) => `${addressType} ${endpoints[0]!.addresses.join()}`,
    );
    assert.equal(said.join(", "), expected);
  }
  assert.equal(only(desired({}, pod("p", { podIPs: [], podIP: "10.0.0.9" }))).addresses[0], "10.0.0.9");
  for (const ip of ["010.0.0.09", "::ffff:10.0.0.9"])
    assert.equal(only(desired({}, pod("p", { podIPs: [{ ip }] }))).addresses[0], "10.0.0.9", ip);
});

test("named target ports are each pod's own, by name and protocol, sidecars last", () => {
  const spec: ServiceSpec = { ports: [{ name: "web", port: 80, targetPort: "http", appProtocol: "h2c" }] };
  const http = (containerPort: number, protocol: "TCP" | "UDP" = "TCP") => ({
    name: "http",
    containerPort,
    protocol,
  });
  const { groups } = desired(
    spec,
    pod("a", { podIPs: [{ ip: "10.0.0.1" }] }, { containers: [{ name: "c", ports: [http(8080)] }] }),
    pod(
      "b",
      { podIPs: [{ ip: "10.0.0.2" }] },
      { containers: [{ name: "c", ports: [http(9090, "UDP"), http(9091)] }] },
    ),
    pod("c", { podIPs: [{ ip: "10.0.0.3" }] }, { containers: [{ name: "c", ports: [http(8080)] }] }),
    pod("d", { podIPs: [{ ip: "10.0.0.4" }] }, { containers: [{ name: "c" }] }),
    pod(
      "e",
      { podIPs: [{ ip: "10.0.0.5" }] },
      {
        containers: [{ name: "c" }],
        initContainers: [
          { name: "i", ports: [http(1)] },
          { name: "s", restartPolicy: "Always", ports: [http(7070)] },
        ],
      },
    ),
  );
  assert.deepEqual(
    groups.map(({ ports, endpoints }) => [
      ports
        .map(({ name, port, protocol, appProtocol }) => `${name} ${protocol} ${port} ${appProtocol}`)
        .join(),
      endpoints.map(({ targetRef }) => targetRef?.name).join(),
    ]),
    [
      ["web TCP 8080 h2c", "a,c"],
      ["web TCP 9091 h2c", "b"],
      ["", "d"],
      ["web TCP 7070 h2c", "e"],
    ],
  );
});

test("a service that prefers near endpoints says for whom each is", () => {
  const near = (trafficDistribution: string, subject = pod("p")): unknown =>
    only(desired({ trafficDistribution }, subject)).hints;
  assert.deepEqual(near("PreferClose"), { forZones: [{ name: "z1" }] });
  assert.deepEqual(near("PreferSameZone"), { forZones: [{ name: "z1" }] });
  assert.deepEqual(near("PreferSameNode"), { forZones: [{ name: "z1" }], forNodes: [{ name: "n1" }] });
  assert.equal(near("PreferClose", pod("p", { conditions: [] })), undefined);
  assert.equal(only(desired({}, pod("p"))).hints, undefined);
});

test("the order of pods does not matter", () => {
  const [a, b] = [pod("a"), pod("b", { podIPs: [{ ip: "10.0.0.2" }] })];
  assert.deepEqual(desired({}, a, b), desired({}, b, a));
});
