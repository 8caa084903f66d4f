import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Endpoint, EndpointSlice } from "../api/endpointslice/type.ts";
import type { Service, ServiceSpec } from "../api/service/type.ts";
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

const change = fc.record({
  kind: fc.constantFrom("service", "slice", "no service", "no slice", "take"),
  name: fc.constantFrom("a", "b", "c"),
  of: fc.constantFrom("a", "b", "c"),
  address: fc.constantFrom("10.96.0.1", "10.96.0.2"),
  ports: fc.uniqueArray(fc.constantFrom(80, 81), { minLength: 1 }),
  created: fc.nat(2),
  endpoints: fc.constantFrom("", "10.0.0.1", "10.0.0.2!", "10.0.0.3~", "10.0.0.1 10.0.0.4"),
});

test("deltas add up to what a table made afresh says, in any order of changes", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const tracker = createServiceTracker();
      const told = new Map<string, VirtualPort>();
      const [services, slices] = [new Map<string, Service>(), new Map<string, EndpointSlice>()];
      for (const { kind, name, of, address, ports, created, endpoints } of changes) {
        const spec = {
          clusterIP: address,
          clusterIPs: [address],
          ports: ports.map((port) => ({ name: `p${port}`, port })),
        };
        const object = service(name, spec, {}, created);
        const its = slice(name, of, endpoints, { ports: ports.map((port) => ({ name: `p${port}`, port })) });
        if (kind === "service") {
          tracker.setService(object);
          services.set(name, object);
        } else if (kind === "slice") {
          tracker.setSlice(its);
          slices.set(name, its);
        } else if (kind === "no service") {
          tracker.removeService(object);
          services.delete(name);
        } else if (kind === "no slice") {
          tracker.removeSlice(its);
          slices.delete(name);
        } else follow(tracker, told);
      }
      follow(tracker, told);
      const fresh = createServiceTracker();
      for (const its of slices.values()) fresh.setSlice(its);
      for (const object of Array.from(services.values()).reverse()) fresh.setService(object);
      fresh.take();
      assert.deepEqual(lines(told.values()).sort(), lines(fresh.ports.values()).sort());
      assert.deepEqual(told, new Map(tracker.ports));
    }),
    { numRuns: 500 },
  );
});

function follow(tracker: ServiceTracker, told: Map<string, VirtualPort>): void {
  const { set, remove } = tracker.take();
  for (const key of remove) assert.ok(told.delete(key), "removed what was not there");
  for (const port of set) {
    assert.notDeepEqual(told.get(virtualPortKey(port)), port, "set what was so already");
    told.set(virtualPortKey(port), port);
  }
}
