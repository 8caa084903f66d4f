import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Endpoint, type EndpointSlice, SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { Service, ServiceSpec } from "../api/service/type.ts";
import type { NodeView } from "./node-view.ts";
import { createNeededFields } from "./needed-fields.ts";
import { portText, serviceOf, sliceOf } from "./service-fixture.ts";
import { readService, virtualPorts as portsOf } from "./service-ports.ts";
import { createServiceTracker, type ServiceTracker } from "./service-table.ts";
import { readSlice } from "./slice-endpoints.ts";
import { type VirtualPort, virtualPortKey } from "./table.ts";

function virtualPorts(service: Service, slices: readonly EndpointSlice[]): VirtualPort[] {
  const reading = readService(service, undefined);
  if (reading === undefined) return [];
  const readings = slices.map((one) => readSlice(one, undefined)).filter((one) => one !== undefined);
  return portsOf(reading, readings, undefined);
}

function service(
  name: string,
  spec: ServiceSpec = {},
  labels: Record<string, string> = {},
  created = 0,
): Service {
  return {
    metadata: { namespace: "default", name, labels, creationTimestamp: `2026-01-01T00:00:0${created}Z` },
    spec: {
      clusterIP: "10.96.0.1",
      clusterIPs: [spec.clusterIP ?? "10.96.0.1"],
      ports: [{ port: 80 }],
      ...spec,
    },
  };
}

/** "10.0.0.1" is ready, "10.0.0.1!" is not, "10.0.0.1~" terminates but serves, "10.0.0.1~!" terminates and does not. */
function endpoint(text: string): Endpoint {
  const [unready, terminating] = [text.includes("!"), text.includes("~")];
  return {
    addresses: [text.replace(/[!~]/g, "")],
    conditions: { ready: !unready && !terminating, serving: !unready, terminating },
  };
}

function slice(
  name: string,
  of: string,
  endpoints: string,
  more: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    metadata: { namespace: "default", name, labels: { "kubernetes.io/service-name": of } },
    addressType: "IPv4",
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
    endpoints: endpoints.split(" ").filter(Boolean).map(endpoint),
    ...more,
  };
}

function lines(ports: Iterable<VirtualPort>): string[] {
  return Array.from(
    ports,
    (port) =>
      `${virtualPortKey(port)} ${port.service}:${port.portName} -> ${port.backends.map((b) => `${b.address}:${b.port}`).join(" ")}`,
  );
}

test("which endpoints get new connections", () => {
  const table: [endpoints: string, backends: string][] = [
    ["10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2"],
    ["10.0.0.10 10.0.0.9", "10.0.0.9 10.0.0.10"],
    ["10.0.0.1 10.0.0.2!", "10.0.0.1"],
    ["10.0.0.1 10.0.0.2~", "10.0.0.1"],
    ["10.0.0.1! 10.0.0.2~", "10.0.0.2"],
    ["10.0.0.1! 10.0.0.2~!", ""],
    ["10.0.0.1 10.0.0.1!", "10.0.0.1"],
    ["10.0.0.1! 10.0.0.1", "10.0.0.1"],
    ["10.0.0.1! 10.0.0.1~", "10.0.0.1"],
    ["", ""],
  ];
  for (const [endpoints, backends] of table) {
    const [port] = virtualPorts(service("web"), [slice("s", "web", endpoints)]);
    assert.equal(port!.backends.map(({ address }) => address).join(" "), backends, endpoints);
  }
});

test("conditions that are not said mean ready, serving and not terminating", () => {
  const bare = slice("s", "web", "", { endpoints: [{ addresses: ["10.0.0.1"] }] });
  assert.equal(virtualPorts(service("web"), [bare])[0]!.backends.length, 1);
});

test("ports are matched by name and protocol, and one port by itself may be without endpoints", () => {
  const spec: ServiceSpec = {
    ports: [
      { name: "dns", protocol: "UDP", port: 53 },
      { name: "dns-tcp", protocol: "TCP", port: 53 },
      { name: "metrics", port: 9153 },
    ],
  };
  const slices = [
    slice("a", "web", "10.0.0.1", {
      ports: [
        { name: "dns", protocol: "UDP", port: 5353 },
        { name: "dns-tcp", port: 5354 },
        { name: "metrics", protocol: "UDP", port: 1 },
      ],
    }),
    slice("b", "web", "10.0.0.2", {
      ports: [{ name: "dns", protocol: "UDP", port: 53 }, { name: "dns-tcp" }],
    }),
  ];
  assert.deepEqual(lines(virtualPorts(service("web", spec), slices)), [
    "10.96.0.1|UDP|53 default/web:dns -> 10.0.0.1:5353 10.0.0.2:53",
    "10.96.0.1|TCP|53 default/web:dns-tcp -> 10.0.0.1:5354",
    "10.96.0.1|TCP|9153 default/web:metrics -> ",
  ]);
});

test("each family has its own address and its own slices, in canonical text", () => {
  const dual = service("web", { clusterIPs: ["10.96.0.1", "FD00:96::1"] });
  const slices = [
    slice("a", "web", "10.0.0.1"),
    slice("b", "web", "fd00:0::2 FD00::1", { addressType: "IPv6" }),
    slice("c", "web", "example.com", { addressType: "FQDN" }),
  ];
  assert.deepEqual(lines(virtualPorts(dual, slices)), [
    "10.96.0.1|TCP|80 default/web: -> 10.0.0.1:8080",
    "fd00:96::1|TCP|80 default/web: -> fd00::1:8080 fd00::2:8080",
  ]);
});

test("sloppy addresses are read as Kubernetes reads them, and one endpoint written twice is one", () => {
  const sloppy = service("web", { clusterIPs: ["010.096.0.01"] });
  const slices = [slice("a", "web", "::ffff:10.0.0.2 10.0.0.02 010.0.0.1")];
  assert.deepEqual(lines(virtualPorts(sloppy, slices)), [
    "10.96.0.1|TCP|80 default/web: -> 10.0.0.1:8080 10.0.0.2:8080",
  ]);
});

test("services without a virtual address, and those of other proxies, have no ports", () => {
  const none = [
    service("headless", { clusterIP: "None", clusterIPs: ["None"] }),
    service("new", { clusterIP: "", clusterIPs: [] }),
    service("name", { type: "ExternalName" }),
    service("other", {}, { "service.kubernetes.io/service-proxy-name": "other" }),
    service("headless-label", {}, { "service.kubernetes.io/headless": "" }),
  ];
  for (const one of none)
    assert.deepEqual(virtualPorts(one, [slice("s", one.metadata.name!, "10.0.0.1")]), []);
});

test("a Go server's empty lists are null", () => {
  const go = JSON.parse(JSON.stringify(slice("s", "web", ""))) as EndpointSlice;
  Object.assign(go, { endpoints: null, ports: null });
  assert.deepEqual(lines(virtualPorts(service("web"), [go])), ["10.96.0.1|TCP|80 default/web: -> "]);
  const empty = service("web", { type: "ClusterIP" });
  Object.assign(empty.spec!, {
    externalIPs: null,
    loadBalancerSourceRanges: null,
    sessionAffinityConfig: null,
  });
  Object.assign(empty, { status: { loadBalancer: { ingress: null } } });
  assert.deepEqual(lines(virtualPorts(empty, [go])), ["10.96.0.1|TCP|80 default/web: -> "]);
  Object.assign(empty.spec!, { ports: null });
  assert.deepEqual(virtualPorts(empty, [go]), []);
});

test("a delta has what changed and nothing else", () => {
  const tracker = createServiceTracker();
  tracker.setSlice(slice("a", "web", "10.0.0.1"));
  assert.deepEqual(tracker.take(), { set: [], remove: [] });
  tracker.setService(service("web"));
  tracker.setService(service("other", { clusterIP: "10.96.0.2" }));
  assert.deepEqual(lines(tracker.take().set), [
    "10.96.0.1|TCP|80 default/web: -> 10.0.0.1:8080",
    "10.96.0.2|TCP|80 default/other: -> ",
  ]);
  tracker.setSlice(slice("b", "web", "10.0.0.2"));
  tracker.setSlice(slice("a", "web", ""));
  assert.deepEqual(lines(tracker.take().set), ["10.96.0.1|TCP|80 default/web: -> 10.0.0.2:8080"]);
  // There and back again.
  tracker.removeSlice(slice("b", "web", "10.0.0.2"));
  tracker.setSlice(slice("b", "web", "10.0.0.2"));
  tracker.setService(service("web", {}, { changed: "yes" }));
  assert.equal(tracker.changed, 1);
  assert.deepEqual(tracker.take(), { set: [], remove: [] });
  // The slice is given to another service.
  tracker.removeSlice(slice("b", "web", "10.0.0.2"));
  tracker.setSlice(slice("b", "other", "10.0.0.2"));
  tracker.setService(service("web", { ports: [{ port: 81 }] }));
  const moved = tracker.take();
  assert.deepEqual(lines(moved.set).sort(), [
    "10.96.0.1|TCP|81 default/web: -> ",
    "10.96.0.2|TCP|80 default/other: -> 10.0.0.2:8080",
  ]);
  assert.deepEqual(moved.remove, ["10.96.0.1|TCP|80"]);
});

test("of two services that want one virtual port the older has it, and the other takes over when it goes", () => {
  const tracker = createServiceTracker();
  tracker.setService(service("b", {}, {}, 2));
  tracker.setService(service("c", {}, {}, 2));
  assert.deepEqual(lines(tracker.take().set), ["10.96.0.1|TCP|80 default/b: -> "]);
  tracker.setService(service("z", {}, {}, 1));
  assert.deepEqual(lines(tracker.take().set), ["10.96.0.1|TCP|80 default/z: -> "]);
  assert.deepEqual(tracker.conflicts(), [
    { key: "10.96.0.1|TCP|80", winner: "default/z", losers: ["default/b", "default/c"] },
  ]);
  tracker.setSlice(slice("s", "c", "10.0.0.1"));
  assert.deepEqual(tracker.take(), { set: [], remove: [] });
  tracker.removeService(service("z"));
  tracker.removeService(service("b"));
  assert.deepEqual(lines(tracker.take().set), ["10.96.0.1|TCP|80 default/c: -> 10.0.0.1:8080"]);
  assert.deepEqual(tracker.conflicts(), []);
  tracker.removeService(service("c"));
  assert.deepEqual(tracker.take(), { set: [], remove: ["10.96.0.1|TCP|80"] });
});

const NODES: readonly (NodeView | undefined)[] = [
  undefined,
  { name: "n1", zone: "a" },
  { name: "n1", zone: "b" },
  { name: "n2", zone: "b", addresses: ["203.0.113.5"] },
];

const change = fc.record({
  kind: fc.constantFrom("service", "service", "slice", "slice", "no service", "no slice", "node", "take"),
  name: fc.constantFrom("a", "b", "c"),
  of: fc.constantFrom("a", "b", "c"),
  node: fc.constantFrom(...NODES),
  spec: fc.constantFrom(
    "ports: [{ port: 80 }]",
    "ports: [{ port: 80 }, { name: more, port: 81 }], internalTrafficPolicy: Local",
    "type: NodePort, ports: [{ port: 80, nodePort: 30080 }], externalTrafficPolicy: Local",
    "type: LoadBalancer, ports: [{ port: 80, nodePort: 30081 }], externalTrafficPolicy: Local, healthCheckNodePort: 31000, loadBalancerSourceRanges: [203.0.113.0/24]",
    "externalIPs: [192.0.2.9], sessionAffinity: ClientIP",
    "clusterIP: 10.96.0.2",
    "clusterIP: None",
    "type: ExternalName",
  ),
  balance: fc.constantFrom("random", "round-robin", "primary-backup", "wrong"),
  created: fc.nat(2),
  endpoints: fc.constantFrom("", "10.0.0.1@n1+a", "10.0.0.2!@n1", "10.0.0.3~@n2", "10.0.0.1@n2+b 10.0.0.4*3"),
});

test("deltas add up to what a table made afresh says, in any order of changes", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.constantFrom(undefined, 1), (changes, atOnce) => {
      const tracker = createServiceTracker();
      const told = new Map<string, VirtualPort>();
      const [services, slices] = [new Map<string, Service>(), new Map<string, EndpointSlice>()];
      let node: NodeView | undefined;
      for (const { kind, name, of, spec, balance, created, endpoints, ...more } of changes) {
        const object = serviceOf(`
          metadata:
            namespace: default
            name: ${name}
            creationTimestamp: "2026-01-01T00:00:0${created}Z"
            annotations: { fairlead.dev/balance: ${balance} }
          spec: { ${spec} }
          status: { loadBalancer: { ingress: [{ ip: 198.51.100.${created} }] } }`);
        const its = sliceOf(endpoints, {}, { name, labels: { "kubernetes.io/service-name": of } });
        if (kind === "service") {
          tracker.setService(object);
          services.set(name, object);
        } else if (kind === "slice") {
          const before = slices.get(name);
          if (before?.metadata.labels?.[SERVICE_NAME_LABEL] !== of && before !== undefined)
            tracker.removeSlice(before);
          tracker.setSlice(its);
          slices.set(name, its);
        } else if (kind === "no service") {
          tracker.removeService(object);
          services.delete(name);
        } else if (kind === "no slice") {
          tracker.removeSlice(slices.get(name) ?? its);
          slices.delete(name);
        } else if (kind === "node") {
          ({ node } = more);
          tracker.setNode(node);
        } else follow(tracker, told, atOnce);
      }
      while (tracker.changed > 0) follow(tracker, told, atOnce);
      assert.deepEqual(tracker.take(), { set: [], remove: [] }, "nothing happened since");
      const fresh = createServiceTracker(node === undefined ? {} : { node });
      // Nor does what is left out.
      const needed = createNeededFields({ nodeName: node?.name ?? "", since: 0 });
      for (const its of slices.values()) fresh.setSlice(needed.slice(its));
      for (const object of Array.from(services.values()).reverse()) fresh.setService(needed.service(object));
      fresh.take();
      assert.deepEqual(
        Array.from(told.values(), portText).sort(),
        Array.from(fresh.ports.values(), portText).sort(),
      );
      assert.deepEqual(told, new Map(tracker.ports));
      const conflicts = (of: ServiceTracker) =>
        of
          .conflicts()
          .map((one) => JSON.stringify(one))
          .sort();
      assert.deepEqual(conflicts(tracker), conflicts(fresh));
      assert.deepEqual(tracker.healthCheckPorts(), fresh.healthCheckPorts());
      assert.deepEqual(new Map(tracker.problems), new Map(fresh.problems));
    }),
    { numRuns: 500 },
  );
});

test("what a conflict was is known until the next take, whatever goes meanwhile", () => {
  const tracker = createServiceTracker();
  tracker.setService(service("a", {}, {}, 1));
  tracker.setService(service("b", {}, {}, 2));
  tracker.take();
  const known = tracker.conflicts();
  tracker.removeService(service("a"));
  assert.deepEqual(tracker.conflicts(), known);
  tracker.take();
  assert.deepEqual(tracker.conflicts(), []);
});

test("another node, or another zone of it, changes what depends on it and nothing else", () => {
  const tracker = createServiceTracker({ node: { name: "n1", zone: "a" } });
  tracker.setService(
    serviceOf("metadata: { namespace: default, name: far }\nspec: { clusterIP: 10.96.0.9 }"),
  );
  tracker.setSlice(
    sliceOf("10.9.0.1@n3", {}, { name: "far-1", labels: { "kubernetes.io/service-name": "far" } }),
  );
  tracker.setService(serviceOf(""));
  tracker.setSlice(sliceOf("10.0.0.1@n1+a 10.0.0.2@n2+b"));
  const taken = () => tracker.take().set.map(portText).sort();
  assert.deepEqual(taken(), [
    "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080@",
    "ClusterIP 10.96.0.9 80/TCP -> 10.9.0.1:8080",
  ]);
  tracker.setNode({ name: "n1", zone: "a" });
  assert.equal(tracker.changed, 0);
  tracker.setNode({ name: "n1", zone: "b" });
  assert.deepEqual(taken(), ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.2:8080"]);
  tracker.setNode({ name: "n2", zone: "b" });
  assert.deepEqual(taken(), ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.2:8080@"]);
  tracker.setNode(undefined);
  assert.deepEqual(taken(), ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080 10.0.0.2:8080"]);
});

test("whatever else changes of a virtual port is a change", () => {
  const states: [service: string, endpoints: string][] = [
    ["", "10.0.0.1@n1 10.0.0.2@n2"],
    ["", "10.0.0.1@n1 10.0.0.2@n2*4"],
    ["", "10.0.0.1 10.0.0.2@n2*4"],
    ["", "10.0.0.1 10.0.0.2"],
    ["spec: { sessionAffinity: ClientIP }", "10.0.0.1 10.0.0.2"],
    [
      "spec: { sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }",
      "10.0.0.1 10.0.0.2",
    ],
    ["metadata: { annotations: { fairlead.dev/balance: source-hash } }", "10.0.0.1 10.0.0.2"],
    ["metadata: { annotations: { fairlead.dev/balance: round-robin } }", "10.0.0.1 10.0.0.2"],
    ["", "10.0.0.1~"],
    ["spec: { internalTrafficPolicy: Local }", "10.0.0.1"],
    ["", ""],
  ];
  const tracker = createServiceTracker({ node: { name: "n1" } });
  for (const [yaml, endpoints] of [...states, ...states]) {
    tracker.setService({
      ...serviceOf(yaml),
      metadata: { ...serviceOf(yaml).metadata, namespace: "default", name: "web" },
    });
    tracker.setSlice(sliceOf(endpoints));
    assert.equal(tracker.take().set.length, 1, `${yaml} ${endpoints}`);
    tracker.setSlice(sliceOf(endpoints));
    assert.equal(tracker.take().set.length, 0, `${yaml} ${endpoints}`);
  }
});

test("source ranges and what outsiders get are part of a virtual port's meaning", () => {
  const tracker = createServiceTracker({ node: { name: "n1" } });
  const set = (more: string) => {
    tracker.setService(
      serviceOf(
        `spec: { type: LoadBalancer ${more} }\nstatus: { loadBalancer: { ingress: [{ ip: 198.51.100.7 }] } }`,
      ),
    );
    return tracker.take().set.map(({ type }) => type);
  };
  tracker.setSlice(sliceOf("10.0.0.1@n2"));
  assert.deepEqual(set(""), ["ClusterIP", "LoadBalancer"]);
  assert.deepEqual(set(", loadBalancerSourceRanges: [203.0.113.0/24]"), ["LoadBalancer"]);
  assert.deepEqual(set(", loadBalancerSourceRanges: [203.0.113.0/25]"), ["LoadBalancer"]);
  assert.deepEqual(set(', loadBalancerSourceRanges: ["2001:db8::/32"]'), ["LoadBalancer"]);
  assert.deepEqual(set(""), ["LoadBalancer"]);
  assert.deepEqual(set(", externalTrafficPolicy: Local"), ["LoadBalancer"]);
  tracker.setSlice(sliceOf("10.0.0.1@n2 10.0.0.2@n1"));
  assert.deepEqual(set(", externalTrafficPolicy: Local"), ["ClusterIP", "LoadBalancer"]);
});

test("a load balancer's health check counts this node's ready endpoints, by address", () => {
  const tracker = createServiceTracker({ node: { name: "n1" } });
  const checks = () => {
    tracker.take();
    return Object.fromEntries(
      Array.from(tracker.healthCheckPorts(), ([port, { service: of, localEndpoints }]) => [
        port,
        `${of} ${localEndpoints}`,
      ]),
    );
  };
  const spec = "type: LoadBalancer, healthCheckNodePort: 31000, externalTrafficPolicy";
  tracker.setService(serviceOf(`spec: { ${spec}: Cluster }`));
  assert.deepEqual(checks(), {});
  tracker.setService(serviceOf(`spec: { ${spec}: Local }`));
  assert.deepEqual(checks(), { 31000: "default/web 0" });
  // Neither one that terminates, nor of another node, nor of weight 0; and of two ports once.
  tracker.setSlice(
    sliceOf("10.0.0.1@n1 10.0.0.2@n1 10.0.0.3~@n1 10.0.0.4@n2 10.0.0.5!@n1 10.0.0.6@n1*0", {
      ports: [
        { name: "", port: 8080 },
        { name: "more", port: 8081 },
      ],
    }),
  );
  assert.deepEqual(checks(), { 31000: "default/web 2" });
  const before = tracker.healthCheckPorts();
  // The same endpoints of the other family are the same endpoints.
  tracker.setSlice(
    sliceOf("fd00::1@n1 fd00::2@n1", {}, { name: "web-2", labels: { "kubernetes.io/service-name": "web" } }),
  );
  tracker.take();
  assert.equal(tracker.healthCheckPorts(), before, "nothing changed");
  tracker.setNode({ name: "n2" });
  assert.deepEqual(checks(), { 31000: "default/web 1" });
  tracker.setService(
    serviceOf("spec: { type: LoadBalancer, healthCheckNodePort: 31001, externalTrafficPolicy: Local }"),
  );
  assert.deepEqual(checks(), { 31001: "default/web 1" });
  tracker.removeService(serviceOf(""));
  assert.deepEqual(checks(), {});
});

test("what is wrong in annotations is known, of the service and of its slices, until it is mended", () => {
  const tracker = createServiceTracker();
  tracker.setService(
    serviceOf("metadata: { namespace: default, name: web, annotations: { fairlead.dev/balance: best } }"),
  );
  tracker.setSlice(
    sliceOf(
      "10.0.0.1",
      {},
      {
        name: "web-1",
        labels: { "kubernetes.io/service-name": "web" },
        annotations: { "fairlead.dev/weights": '{"10.0.0.1":-1}' },
      },
    ),
  );
  tracker.take();
  assert.deepEqual(Array.from(tracker.problems), [
    [
      "default/web",
      [
        'annotation fairlead.dev/balance: "best" is none of random, round-robin, source-hash, source-port-hash, least-clients, primary-backup; new connections are spread at random',
        "annotation fairlead.dev/weights: of 10.0.0.1, -1 is not a whole number from 0 to 1000; the weight is 1",
      ],
    ],
  ]);
  tracker.setService(serviceOf(""));
  tracker.setSlice(sliceOf("10.0.0.1"));
  tracker.take();
  assert.equal(tracker.problems.size, 0);
});

function follow(tracker: ServiceTracker, told: Map<string, VirtualPort>, atOnce?: number): void {
  const { set, remove } = tracker.take(atOnce);
  for (const key of remove) assert.ok(told.delete(key), "removed what was not there");
  for (const port of set) {
    assert.notDeepEqual(told.get(virtualPortKey(port)), port, "set what was so already");
    told.set(virtualPortKey(port), port);
  }
}
