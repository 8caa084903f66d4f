import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Service } from "../api/service/type.ts";
import { Picture } from "./picture.ts";
import { ContivError } from "./refusal.ts";
import { changedService, serviceConfig, serviceOf } from "./service.ts";
import type { ServiceConfig } from "./wire.ts";

const NOTHING = new Picture({});
const CONFIG: ServiceConfig = {
  tenantName: "default",
  networkName: "srv",
  serviceName: "web",
  selectors: ["tier=web"],
  ports: ["8080:80:TCP", "53:dns:udp"],
};

/** As the server would have it: with an address. */
function stored(config: ServiceConfig, clusterIP = "100.1.1.3"): Service {
  const service = serviceOf(config);
  return { ...service, spec: { ...service.spec, clusterIP, clusterIPs: [clusterIP], ipFamilies: ["IPv4"] } };
}

test("a service becomes a Service with named ports, and reads the same again", () => {
  assert.deepEqual(serviceOf({ ...CONFIG, ipAddress: "100.1.1.9" }), {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      namespace: "default",
      name: "web",
      annotations: {
        "fairlead.dev/network": "srv",
        "fairlead.dev/preferred-ip": "100.1.1.9",
        "fairlead.dev/balance": "least-clients",
      },
    },
    spec: {
      type: "ClusterIP",
      selector: { tier: "web" },
      ports: [
        { name: "8080-tcp", port: 8080, protocol: "TCP", targetPort: 80 },
        { name: "53-udp", port: 53, protocol: "UDP", targetPort: "dns" },
      ],
      clusterIP: "100.1.1.9",
    },
  });
  assert.deepEqual(serviceConfig(stored(CONFIG), NOTHING), {
    key: "default:web",
    ...CONFIG,
    ipAddress: "",
    ports: ["8080:80:TCP", "53:dns:UDP"],
    balance: "least-clients",
    links: { Network: { type: "network", key: "default:srv" }, Tenant: { type: "tenant", key: "default" } },
  });
});

test("a Service of kubectl's is shown as what it is, and stays so where Contiv has no word", () => {
  const service: Service = {
    metadata: { namespace: "default", name: "api", labels: { team: "a" } },
    spec: {
      type: "NodePort",
      selector: { app: "api" },
      ports: [{ name: "http", port: 80, targetPort: "web", nodePort: 30080, appProtocol: "http" }],
      clusterIP: "10.96.0.7",
      sessionAffinity: "ClientIP",
    },
  };
  const config = serviceConfig(service, NOTHING);
  assert.deepEqual(
    [config.networkName, config.ports, config.selectors, config.balance],
    ["", ["80:web:TCP"], ["app=api"], undefined],
  );
  assert.equal(changedService(service, config), undefined);
  const changed = changedService(service, { ...config, ports: ["80:8080:TCP", "443:8443:TCP"] })!;
  assert.deepEqual(changed.spec!.ports, [
    { name: "http", port: 80, protocol: "TCP", targetPort: 8080, nodePort: 30080, appProtocol: "http" },
    { name: "443-tcp", port: 443, protocol: "TCP", targetPort: 8443 },
  ]);
  assert.deepEqual({ ...changed.spec, ports: 0 }, { ...service.spec, ports: 0 });
  assert.deepEqual(changed.metadata.labels, { team: "a" });
});

test("the same again changes nothing, in whichever order; what is left out stays", () => {
  const service = stored({ ...CONFIG, ipAddress: "100.1.1.3", balance: "random" });
  for (const same of [
    CONFIG,
    { ...CONFIG, ports: CONFIG.ports.toReversed() },
    { ...CONFIG, ipAddress: "100.1.1.3", balance: "random" },
    { ...CONFIG, ipAddress: "", balance: "" },
  ])
    assert.equal(changedService(service, same), undefined, JSON.stringify(same));
});

test("a change keeps the address, unless the network is another: then there is the one that is asked for, or none", () => {
  const service = stored({ ...CONFIG, ipAddress: "100.1.1.3" });
  const selectors = changedService(service, { ...CONFIG, selectors: ["tier=db"] })!;
  assert.deepEqual([selectors.spec!.clusterIP, selectors.spec!.selector], ["100.1.1.3", { tier: "db" }]);
  const moved = changedService(service, { ...CONFIG, networkName: "other" })!;
  assert.deepEqual([moved.spec!.clusterIP, moved.spec!.clusterIPs], [undefined, undefined]);
  assert.deepEqual(moved.metadata.annotations, {
    "fairlead.dev/network": "other",
    "fairlead.dev/balance": "least-clients",
  });
  const there = changedService(service, { ...CONFIG, networkName: "other", ipAddress: "100.2.1.4" })!;
  assert.deepEqual([there.spec!.clusterIP, there.spec!.clusterIPs], ["100.2.1.4", ["100.2.1.4"]]);
  assert.equal(there.metadata.annotations!["fairlead.dev/preferred-ip"], "100.2.1.4");
  const balance = changedService(service, { ...CONFIG, balance: "round-robin" })!;
  assert.equal(balance.metadata.annotations!["fairlead.dev/balance"], "round-robin");
});

test("another address of the same network is refused", () => {
  const service = stored(CONFIG);
  const refusal = (config: ServiceConfig): RegExp => {
    assert.throws(
      () => changedService(service, config),
      (error) => error instanceof ContivError && error.code === 400,
    );
    return /./;
  };
  refusal({ ...CONFIG, ipAddress: "100.1.1.4" });
  assert.deepEqual(
    changedService(service, { ...CONFIG, ipAddress: "100.1.1.3" })!.metadata.annotations![
      "fairlead.dev/preferred-ip"
    ],
    "100.1.1.3",
    "the one that it has may be asked for from now on",
  );
});

test("ports have names of their own, whatever they were called", () => {
  const mapping = fc.record({
    port: fc.integer({ min: 1, max: 5 }),
    target: fc.integer({ min: 1, max: 3 }),
    protocol: fc.constantFrom("TCP", "UDP"),
  });
  const ports = fc.uniqueArray(mapping, {
    selector: ({ port, protocol }) => `${port}${protocol}`,
    minLength: 1,
  });
  const name = fc.constantFrom("1-tcp", "2-tcp", "1-udp", "web", "2-tcp-1");
  fc.assert(
    fc.property(ports, ports, fc.uniqueArray(name, { maxLength: 5 }), (before, after, names) => {
      const texts = (of: typeof before): string[] =>
        of.map((one) => `${one.port}:${one.target}:${one.protocol}`);
      const service = stored({ ...CONFIG, ports: texts(before) });
      names.forEach((given, at) => {
        const port = service.spec!.ports![at];
        if (port !== undefined && !service.spec!.ports!.some((one) => one.name === given)) port.name = given;
      });
      const changed = changedService(service, { ...CONFIG, ports: texts(after) }) ?? service;
      const all = changed.spec!.ports!.map((one) => one.name);
      assert.equal(new Set(all).size, all.length, all.join(" "));
      for (const { port, protocol, name } of service.spec!.ports!) {
        const kept = changed.spec!.ports!.find((one) => one.port === port && one.protocol === protocol);
        assert.equal(kept?.name ?? name, name, "a port that stays keeps its name");
      }
      assert.deepEqual(serviceConfig(changed, NOTHING).ports.toSorted(), texts(after).toSorted());
    }),
    {
      // New ports before old ones that have the names which they would get.
      examples: [
        [
          [portOf(1, "TCP"), portOf(3, "TCP")],
          [portOf(3, "TCP"), portOf(2, "TCP"), portOf(1, "TCP")],
          ["2-tcp", "2-tcp-1"],
        ],
      ],
    },
  );
});

function portOf(port: number, protocol: string): { port: number; target: number; protocol: string } {
  return { port, target: 1, protocol };
}
