import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import type { Network } from "../api/network/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { endpointOper, findEndpoint } from "./endpoint.ts";
import { describeService, inspectNetwork, inspectService, inspectTenant } from "./inspection.ts";
import { Picture } from "./picture.ts";

interface Given {
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly ip?: string;
  readonly ready?: boolean;
  readonly phase?: string;
  readonly network?: string;
  readonly annotations?: Record<string, string>;
  readonly id?: string;
}

function pod(name: string, given: Given = {}): Pod {
  const { namespace = "default", labels = { tier: "web" }, ip, ready = true, phase = "Running" } = given;
  return {
    metadata: {
      namespace,
      name,
      labels: { ...labels, "fairlead.dev/runtime": "docker" },
      annotations: {
        "fairlead.dev/container-id": given.id ?? name.repeat(8),
        "fairlead.dev/container-name": name,
        ...(given.network !== undefined && { "fairlead.dev/network": given.network }),
        ...given.annotations,
      },
    },
    spec: { nodeName: "n1", containers: [{ name: "c" }] },
    status: {
      phase: phase as "Running",
      ...(ip !== undefined && { podIP: ip, podIPs: [{ ip }] }),
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", ...(!ready && { reason: "Unhealthy" }) },
      ],
    },
  };
}

const SERVICE: Service = {
  metadata: { namespace: "default", name: "app", annotations: { "fairlead.dev/network": "srv" } },
  spec: {
    selector: { tier: "web" },
    ports: [{ port: 80 }],
    clusterIP: "100.1.1.3",
    clusterIPs: ["100.1.1.3"],
  },
};
const SRV: Network = {
  metadata: { namespace: "default", name: "srv" },
  spec: { type: "Data", subnet: "100.1.1.0/24" },
  status: { dockerNetwork: { name: "srv", id: "abc" } },
};

function slice(endpoints: readonly (readonly [string, string, boolean])[], weights = {}): EndpointSlice {
  return {
    metadata: {
      namespace: "default",
      name: "app-x",
      labels: { "kubernetes.io/service-name": "app" },
      annotations: { "fairlead.dev/weights": JSON.stringify(weights) },
    },
    addressType: "IPv4",
    endpoints: endpoints.map(([name, address, ready]) => ({
      addresses: [address],
      conditions: { ready },
      targetRef: { kind: "Pod", namespace: "default", name },
    })),
  };
}

test("providers are those that get connections, candidates those that the selectors choose, and each is told why", () => {
  const pods = [
    pod("a", { ip: "100.1.1.130", network: "srv" }),
    pod("b", { ip: "100.1.1.131", ready: false, network: "srv" }),
    pod("c", { ip: "100.1.1.132", annotations: { "fairlead.dev/weight": "0" }, network: "srv" }),
    pod("d", { ip: "100.1.1.133" }),
    pod("e", { labels: { tier: "db" }, ip: "100.1.1.134" }),
    pod("f", { namespace: "other", ip: "10.1.1.2" }),
    pod("g", { namespace: "other", labels: { x: "y" }, ip: "10.1.1.3" }),
    pod("h", { phase: "Succeeded", ip: "100.1.1.135" }),
    pod("i"),
  ];
  const slices = [
    slice(
      [
        ["a", "100.1.1.130", true],
        ["b", "100.1.1.131", false],
        ["c", "100.1.1.132", true],
      ],
      { "100.1.1.132": 0 },
    ),
  ];
  const picture = new Picture({ services: [SERVICE], networks: [SRV], pods, slices });
  const { Oper } = inspectService(SERVICE, picture);
  assert.deepEqual(
    [
      Oper.serviceVip,
      Oper.numProviders,
      Oper.providers.map(({ containerName }) => containerName),
      Oper.numCandidates,
    ],
    ["100.1.1.3", 1, ["a"], 6],
  );
  const described = describeService(SERVICE, picture).candidates.map(
    ({ containerName, why }) => `${containerName} ${why}`,
  );
  assert.deepEqual(described, [
    "a is a provider",
    "b is not ready (Unhealthy)",
    "c has weight 0: it gets no new connections",
    "d will be a provider in a moment: its endpoint is not written yet",
    "e has tier=db, and the selector wants tier=web",
    "f is in namespace other, and a selector reaches only its own namespace",
    "h has ended",
    "i has no address yet",
  ]);
});

test("a container is told of by its address of the service's family, or that it has none", () => {
  const six: Service = { ...SERVICE, spec: { ...SERVICE.spec, ipFamilies: ["IPv6"] } };
  const both = pod("both", { ip: "10.6.0.128" });
  const podIPs = [{ ip: "10.6.0.128" }, { ip: "fd00:66::8000" }];
  const pods = [{ ...both, status: { ...both.status, podIPs } }, pod("four", { ip: "10.6.0.129" })];
  const addressesFor = (service: Service): string[] =>
    describeService(service, new Picture({ services: [service], pods })).candidates.map(
      ({ containerName, ipAddress, why }) => `${containerName} ${ipAddress} ${why}`,
    );
  const soon = "will be a provider in a moment: its endpoint is not written yet";
  assert.deepEqual(addressesFor(six), [
    `both fd00:66::8000 ${soon}`,
    "four 10.6.0.129 has no IPv6 address, as the Service has (it has 10.6.0.129)",
  ]);
  assert.deepEqual(addressesFor(SERVICE), [`both 10.6.0.128 ${soon}`, `four 10.6.0.129 ${soon}`]);
});

test("a network accounts for gateway, DNS, services and containers", () => {
  const pods = [
    pod("a", { ip: "100.1.1.130", network: "srv" }),
    pod("gone", { ip: "100.1.1.140", phase: "Failed" }),
  ];
  const taken = ["100.1.1.3", "100.1.1.4", "100.1.1.130", "10.96.0.1", "fd00::1"];
  const picture = new Picture({ services: [SERVICE], networks: [SRV], pods, taken });
  const { Config, Oper } = inspectNetwork(SRV, picture);
  assert.deepEqual(
    { ...Oper, endpoints: Oper.endpoints.map(({ network, labels }) => [network, labels]) },
    {
      pktTag: 0,
      externalPktTag: 0,
      numEndpoints: 1,
      allocatedAddressesCount: 5,
      allocatedIPAddresses: "100.1.1.1-100.1.1.4, 100.1.1.130",
      availableIPAddresses: "100.1.1.5-100.1.1.129, 100.1.1.131-100.1.1.254",
      endpoints: [["default:srv", "map[tier:web]"]],
      networkTag: "",
      dockerNetwork: "srv",
      containerRange: "100.1.1.128/25",
      services: [{ serviceName: "app", serviceVip: "100.1.1.3" }],
    },
  );
  assert.equal(Config.subnet, "100.1.1.0/24");
  const tenant = inspectTenant({ metadata: { name: "default" } }, picture).Oper;
  assert.deepEqual([tenant.totalNetworks, tenant.totalServicelbs, tenant.totalEndpoints], [1, 1, 1]);
});

test("a container is found by its id, its name, or a beginning of the id that is its alone", () => {
  const pods = [pod("one", { id: "abc123" }), pod("two", { id: "abd456" }), pod("abc", { id: "fff" })];
  const name = (id: string): string =>
    endpointOper(findEndpoint(pods, id), new Picture({ pods })).containerName;
  assert.deepEqual(["abc123", "abc", "abd", "fff", "two"].map(name), ["one", "abc", "two", "abc", "two"]);
  assert.throws(
    () => findEndpoint(pods, "ab"),
    /endpoint ab is any of abc123 \(one\), abd456 \(two\): write more/,
  );
  assert.throws(() => findEndpoint(pods, "x"), /endpoint not found: x/);
  assert.throws(() => findEndpoint(pods, ""), /endpoint not found/);
});

test("Kubernetes' own namespaces and Services without a selector are in no list", () => {
  const system: Service = { ...SERVICE, metadata: { namespace: "kube-system", name: "dns" } };
  const bare: Service = { metadata: { namespace: "default", name: "kubernetes" }, spec: {} };
  const picture = new Picture({
    services: [SERVICE, system, bare],
    namespaces: [{ metadata: { name: "kube-system" } }, { metadata: { name: "default" } }],
  });
  assert.deepEqual(picture.services, [SERVICE]);
  assert.deepEqual(
    picture.tenants.map(({ metadata }) => metadata.name),
    ["default"],
  );
});
