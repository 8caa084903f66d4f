import assert from "node:assert/strict";
import { test } from "node:test";
import type { VirtualPort } from "../../dataplane/table.ts";
import { addressesOf, parseTarget } from "./target.ts";

test("a target is an address and a port, or a Service, with or without a protocol", () => {
  const address = { kind: "address", address: "10.96.0.10", port: 80 };
  assert.deepEqual(parseTarget("10.96.0.10:80"), address);
  assert.deepEqual(parseTarget("10.96.0.10:80/udp"), { ...address, protocol: "UDP" });
  assert.deepEqual(parseTarget("[FD00::1]:53/SCTP"), {
    kind: "address",
    address: "fd00::1",
    port: 53,
    protocol: "SCTP",
  });
  const web = { kind: "service", service: "default/web" };
  assert.deepEqual(parseTarget("web"), web);
  assert.deepEqual(parseTarget("web", "shop"), { kind: "service", service: "shop/web" });
  assert.deepEqual(parseTarget("shop/web:http"), { kind: "service", service: "shop/web", port: "http" });
  assert.deepEqual(parseTarget("web:53/UDP"), { ...web, port: "53", protocol: "UDP" });
  assert.deepEqual(parseTarget("default/udp"), { kind: "service", service: "default/udp" });
});

test("what is neither is refused with the text", () => {
  for (const text of [
    "10.96.0.10",
    "10.96.0.10:0",
    "10.96.0.10:65536",
    "fd00::1:80",
    ":80",
    "Web",
    "a/b/c",
    "",
  ])
    assert.throws(() => parseTarget(text), /is neither an address and port nor a Service/, text);
});

function port(extra: Partial<VirtualPort>): VirtualPort {
  const plain = {
    service: "default/web",
    portName: "http",
    protocol: "TCP",
    port: 80,
    backends: [],
  } as const;
  return { ...plain, address: "10.96.0.10", ...extra };
}

test("a Service is all of its addresses, its node ports at this node's", () => {
  const ports = [
    port({}),
    port({ portName: "dns", protocol: "UDP", port: 53 }),
    port({ address: "0.0.0.0", port: 30_080 }),
    port({ address: "::", port: 30_080 }),
    port({ service: "default/other", address: "10.96.0.11" }),
  ];
  const found = (text: string): string[] => {
    const target = parseTarget(text);
    assert.ok(target.kind === "service");
    return addressesOf(target, ports, ["192.0.2.1"]).map(
      (one) => `${one.address} ${one.port} ${one.protocol}`,
    );
  };
  assert.deepEqual(found("web"), ["10.96.0.10 80 TCP", "10.96.0.10 53 UDP", "192.0.2.1 30080 TCP"]);
  assert.deepEqual(found("web:dns"), ["10.96.0.10 53 UDP"]);
  assert.deepEqual(found("web:80"), ["10.96.0.10 80 TCP"]);
  assert.throws(
    () => found("web:https"),
    /Service default\/web has no such port; it has http\/TCP, dns\/UDP/,
  );
  const services = [
    {
      metadata: { namespace: "default", name: "out" },
      spec: { type: "ExternalName", externalName: "example.com" },
    },
    { metadata: { namespace: "default", name: "db" }, spec: { clusterIP: "None" } },
  ] as const;
  for (const [text, why] of [
    ["gone", /^there is no Service default\/gone, or it is left to another proxy$/],
    ["out", /^Service default\/out has no virtual address: it is a name in DNS for example\.com$/],
    ["db", /^Service default\/db has no virtual address: it is headless, and its name in DNS leads to/],
  ] as const) {
    const target = parseTarget(text);
    assert.ok(target.kind === "service");
    assert.throws(() => addressesOf(target, ports, ["192.0.2.1"], services), { message: why });
  }
});
