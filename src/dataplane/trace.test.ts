import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, ipBytes } from "../base/ip.ts";
import { equals, field, reg, verdict } from "../net/nftables/expressions.ts";
import { Family, Hook } from "../net/nftables/model.ts";
import { tableCommands } from "./fake/copy-table.ts";
import { FakeKernel } from "./fake/kernel.ts";
import { createFakeDataPlane } from "./fake/fake-data-plane.ts";
import { TABLE_NAME } from "./nftables/ruleset.ts";
import type { ServiceTable, VirtualPort } from "./table.ts";
import { virtualPortKey } from "./table.ts";
import { traceConnection } from "./trace.ts";
import type { TracedConnection, TraceOptions } from "./trace.ts";

function tableOf(...ports: (Partial<VirtualPort> & Pick<VirtualPort, "address" | "port">)[]): ServiceTable {
  const whole = ports.map((port) => ({
    service: "default/web",
    portName: "",
    protocol: "TCP" as const,
    backends: [],
    ...port,
  }));
  return {
    ports: new Map(whole.map((port) => [virtualPortKey(port), port])),
    ranges: ["10.96.0.0/16", "fd96::/112"],
  };
}

const [A, B, C] = ["10.1.1.1", "10.1.1.2", "10.1.1.3"].map((address) => ({ address, port: 8080 }));
const table = tableOf(
  { address: "10.96.0.10", port: 80, portName: "http", backends: [A!, B!, C!] },
  { address: "10.96.0.10", port: 53, protocol: "UDP", service: "kube-system/dns" },
  { address: "10.96.0.20", port: 443, service: "default/empty" },
  { address: "fd96::10", port: 80, backends: [{ address: "fd10::1", port: 8080 }] },
  { address: "203.0.113.5", port: 80, service: "default/outside", backends: [A!] },
);

function words(connection: Partial<TracedConnection>, options?: TraceOptions): string[] {
  const whole = { address: "10.96.0.10", port: 80, protocol: "TCP", ...connection } as const;
  return [...traceConnection(table, whole, options).words];
}

test("a connection to a service says whose it is, where it goes and what the endpoint sees", () => {
  assert.deepEqual(words({ source: "11.1.1.1" }), [
    "10.96.0.10:80/TCP is port http of Service default/web.",
    "3 endpoints are ready; a new connection goes to one of them at random: " +
      "10.1.1.1:8080 33.3 %, 10.1.1.2:8080 33.3 %, 10.1.1.3:8080 33.3 %.",
    "The endpoint sees the client's own address, 11.1.1.1.",
  ]);
  assert.deepEqual(words({ address: "fd96::10", source: "fd11::1" }), [
    "[fd96::10]:80/TCP is the port of Service default/web.",
    "1 endpoint is ready: every new connection goes to [fd10::1]:8080.",
    "The endpoint sees the client's own address, fd11::1.",
  ]);
});

test("an endpoint that reaches its own service is told why it does not see itself", () => {
  assert.deepEqual(
    words({ source: "10.1.1.2" }).at(-1),
    "10.1.1.2:8080 sees 192.0.2.1 in place of the client's address 10.1.1.2: " +
      "an endpoint that reaches itself would drop its own address.",
  );
});

test("what nobody serves is refused, and the reason is the nearest one", () => {
  const reset = "refused with a TCP reset, at once.";
  assert.deepEqual(words({ address: "10.96.0.20", port: 443 }), [
    "10.96.0.20:443/TCP is the port of Service default/empty.",
    `Service default/empty has no ready endpoint: ${reset}`,
  ]);
  assert.deepEqual(words({ port: 81 }), [
    "10.96.0.10 belongs to Service default/web and kube-system/dns, " +
      `which serves 80/TCP, 53/UDP there and not 81/TCP: ${reset}`,
  ]);
  assert.deepEqual(words({ address: "10.96.0.99" }), [
    `10.96.0.99 is in the service range 10.96.0.0/16, but no Service has it: ${reset}`,
  ]);
  assert.deepEqual(
    words({ port: 53, protocol: "UDP" }).at(-1),
    ["Service kube-system/dns has no ready endpoint: refused with an ICMP port unreachable, at once."].at(0),
  );
});

test("what is no virtual address is left alone", () => {
  assert.deepEqual(words({ address: "192.0.2.77" }), [
    "192.0.2.77 is not a virtual address: fairlead does nothing, and the packet goes its usual way.",
  ]);
  assert.match(
    words({ address: "203.0.113.5", port: 81 })[0]!,
    /^203.0.113.5 belongs to Service default\/outside/,
  );
  assert.equal(
    traceConnection(table, { address: "203.0.113.5", port: 81, protocol: "TCP" }).fate,
    "untouched",
  );
});

test("the answer as data", () => {
  const { trace, words, ...data } = traceConnection(table, {
    address: "10.96.0.10",
    port: 80,
    protocol: "TCP",
    source: "11.1.1.1",
  });
  assert.ok(words.length > 0 && trace.outcomes.length === 3);
  assert.deepEqual(data, {
    fate: "balanced",
    service: "default/web",
    portName: "http",
    range: "10.96.0.0/16",
    endpoints: [A, B, C].map((one) => ({ ...one, percent: 33.333, seenAs: "11.1.1.1" })),
  });
  const refused = traceConnection(table, { address: "10.96.9.9", port: 80, protocol: "TCP" });
  assert.deepEqual([refused.fate, refused.refusedWith, refused.endpoints], ["refused", "tcp reset", []]);
});

test("rules that do something else than the services say are noticed", async () => {
  const kernel = new FakeKernel();
  await using plane = createFakeDataPlane(kernel);
  await plane.sync(tableOf({ address: "10.96.0.10", port: 80, backends: [A!, B!] }));
  assert.deepEqual(
    words({}, { kernel }).at(-1),
    "The rules are not what the Services say: endpoints should be 10.1.1.1:8080, 10.1.1.2:8080, 10.1.1.3:8080, " +
      "and the rules have 10.1.1.1:8080, 10.1.1.2:8080.",
  );
  await plane.sync(table);
  assert.doesNotMatch(words({}, { kernel }).join(" "), /not what/);
});

test("an endpoint that is a virtual address without endpoints gets its connections all the same", () => {
  const host = { address: "203.0.113.9", port: 8080 };
  const both = tableOf(
    { address: "10.96.0.10", port: 80, backends: [A!, host] },
    { ...host, service: "default/outside" },
  );
  const { endpoints } = traceConnection(both, { address: "10.96.0.10", port: 80, protocol: "TCP" });
  assert.deepEqual(
    endpoints.map(({ address, percent }) => [address, percent]),
    [
      [A!.address, 50],
      [host.address, 50],
    ],
  );
});

test("connections that somebody else's rules drop on their way to an endpoint are said to be lost", async () => {
  const kernel = new FakeKernel();
  await using plane = createFakeDataPlane(kernel);
  await plane.sync(table);
  const firewall = { family: Family.ip, table: "firewall" } as const;
  kernel.commit([
    { op: "add table", table: { family: Family.ip, name: "firewall" } },
    {
      op: "add chain",
      chain: {
        ...firewall,
        name: "forward",
        base: { type: "filter", hook: Hook.forward, priority: 0, policy: "accept" },
      },
    },
    {
      op: "add rule",
      rule: {
        ...firewall,
        chain: "forward",
        expressions: [field("ip daddr", reg(0)), equals(reg(0), ipBytes(ip(B!.address))), verdict("drop")],
      },
    },
  ]);
  const lost = words({ source: "11.1.1.1" }, { kernel }).slice(-2);
  assert.match(lost[0]!, /^33\.3 % of new connections: dropped by firewall forward rule 1/);
  assert.match(
    lost[1]!,
    /^The rules are not what the Services say: .* and the rules have 10\.1\.1\.1:8080, 10\.1\.1\.3:8080\.$/,
  );
});

test("the rules of one kernel can be copied to another", async () => {
  await using plane = createFakeDataPlane();
  await plane.sync(table);
  const kernel = new FakeKernel();
  kernel.commit(tableCommands(plane.kernel, Family.inet, TABLE_NAME)!);
  assert.deepEqual(words({}, { kernel }), words({}));
  assert.equal(tableCommands(plane.kernel, Family.ip, TABLE_NAME), undefined);
});

test("what is not an address is refused with the text", () => {
  assert.throws(() => words({ address: "10.96.0" }), /not an IP address: "10.96.0"/);
  assert.throws(() => words({ source: "fd11::1" }), /different families/);
});
