import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, ipBytes } from "../base/ip.ts";
import { equals, field, reg, verdict } from "../net/nftables/expressions.ts";
import { Family, Hook } from "../net/nftables/model.ts";
import { tableCommands } from "./fake/copy-table.ts";
import type { HostOptions } from "./fake/host.ts";
import { FakeKernel } from "./fake/kernel.ts";
import { createFakeDataPlane } from "./fake/fake-data-plane.ts";
import { desiredState } from "./nftables/desired-state.ts";
import { rebuild } from "./nftables/reconcile.ts";
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

const [A, B, C] = ["10.1.1.1", "10.1.1.2", "10.1.1.3"].map((address) => ({
  address,
  port: 8080,
  local: true,
}));
const table = tableOf(
  { address: "10.96.0.10", port: 80, portName: "http", backends: [A!, B!, C!] },
  { address: "10.96.0.10", port: 53, protocol: "UDP", service: "kube-system/dns" },
  { address: "10.96.0.20", port: 443, service: "default/empty" },
  { address: "fd96::10", port: 80, backends: [{ address: "fd10::1", port: 8080, local: true }] },
  { address: "203.0.113.5", port: 80, service: "default/outside", type: "ExternalIP", backends: [A!] },
  { address: "198.51.100.3", port: 80, service: "default/whole", backends: [A!] },
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
    words({ source: "10.1.1.2" }).at(-2),
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

test("a cluster IP outside of the ranges is the service's as a whole", () => {
  const unserved = traceConnection(table, { address: "198.51.100.3", port: 81, protocol: "TCP" });
  assert.deepEqual(unserved.words, [
    "198.51.100.3 belongs to Service default/whole, which serves 80/TCP there and not 81/TCP: refused with a TCP reset, at once.",
  ]);
  assert.equal(unserved.range, "198.51.100.3/32");
  const { endpoints } = traceConnection(table, { address: "198.51.100.3", port: 80, protocol: "TCP" });
  assert.equal(endpoints[0]?.address, "10.1.1.1");
  // Even of an address that nobody but the service should send from.
  const own = traceConnection(table, {
    address: "10.96.0.10",
    port: 80,
    protocol: "TCP",
    source: "198.51.100.3",
  });
  assert.equal(own.endpoints[0]?.why, "nobody else can answer to a virtual address");
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
    client: { address: "11.1.1.1", port: 40_000, isInside: false },
    type: "ClusterIP",
    balance: "random",
    endpoints: [A, B, C].map((one) => ({
      address: one!.address,
      port: 8080,
      percent: 33.333,
      seenAs: "11.1.1.1",
      why: "the endpoint is on this node",
    })),
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

const NODE: HostOptions = {
  interfaces: [
    { name: "eth0", addresses: ["192.0.2.1/24"] },
    { name: "pods", addresses: ["10.1.1.254/24"] },
  ],
  routes: [{ to: "0.0.0.0/0", oif: "eth0" }],
};
const REMOTE = { address: "10.2.2.2", port: 8080 };
const rich: ServiceTable = {
  ...tableOf(
    {
      address: "0.0.0.0",
      port: 30_080,
      type: "NodePort",
      backends: [A!, REMOTE],
      external: { backends: [A!] },
    },
    {
      address: "0.0.0.0",
      port: 30_081,
      type: "NodePort",
      backends: [REMOTE],
      external: { backends: [], whenEmpty: "drop" },
    },
    { address: "10.96.0.30", port: 80, whenEmpty: "drop" },
    {
      address: "203.0.113.7",
      port: 80,
      type: "LoadBalancer",
      backends: [A!],
      sourceRanges: ["198.51.100.0/24", "203.0.113.0/24"],
    },
    { address: "10.96.0.40", port: 80, backends: [A!, B!], balance: "source" },
    { address: "10.96.0.41", port: 80, backends: [A!, B!], balance: "source-port" },
    { address: "10.96.0.42", port: 80, backends: [{ ...A!, weight: 3 }, B!], balance: "round-robin" },
    { address: "10.96.0.43", port: 80, backends: [{ ...A!, weight: 3 }, B!] },
    { address: "10.96.0.44", port: 80, backends: [A!, B!, C!], affinity: 10_800 },
  ),
  podRanges: ["10.1.1.0/24", "10.2.2.0/24"],
  routedRanges: ["10.2.2.0/24"],
};

/** The sentences after the first. */
function reasons(connection: Partial<TracedConnection>, options: TraceOptions = {}): string[] {
  const whole = {
    address: "10.96.0.40",
    port: 80,
    protocol: "TCP",
    source: "11.1.1.1",
    ...connection,
  } as const;
  return traceConnection(rich, whole, { host: NODE, ...options }).words.slice(1);
}

test("traffic policies: who gets which endpoints, and why a packet is dropped", () => {
  const node = { address: "192.0.2.1", port: 30_080 };
  assert.deepEqual(reasons(node), [
    "11.1.1.1 is outside the cluster, and externalTrafficPolicy Local gives it the endpoints on this node only.",
    "1 endpoint is ready: every new connection goes to 10.1.1.1:8080.",
    "The endpoint sees the client's own address, 11.1.1.1.",
  ]);
  assert.deepEqual(reasons({ ...node, source: "10.1.1.9" }), [
    "2 endpoints are ready; a new connection goes to one of them at random: 10.1.1.1:8080 50 %, 10.2.2.2:8080 50 %.",
    "10.2.2.2:8080 sees 192.0.2.1 in place of the client's address 10.1.1.9: answers from another node would miss this one.",
    "The others see the client's own address.",
  ]);
  assert.match(
    reasons({ ...node, source: "10.2.2.9" }).join(),
    /10\.2\.2\.2:8080 sees 192\.0\.2\.1 in place of .* miss this one/,
  );
  assert.deepEqual(
    reasons({ address: "10.96.0.43", source: "10.2.2.9" }).at(-1),
    "The endpoint sees the client's own address, 10.2.2.9.",
  );
  const dropped = "Local and no endpoint on this node: dropped without an answer.";
  assert.deepEqual(reasons({ ...node, port: 30_081 }), [`externalTrafficPolicy ${dropped}`]);
  assert.deepEqual(reasons({ address: "10.96.0.30" }), [`internalTrafficPolicy ${dropped}`]);
});

test("node ports are on every address of the node, loopback too, and on no other", () => {
  const fates = ["192.0.2.1", "10.1.1.254", "127.0.0.1", "192.0.2.9"].map((address) => {
    const connection = { address, port: 30_080, protocol: "TCP" } as const;
    const { fate, type } = traceConnection(rich, connection, { host: NODE });
    return [address, fate, type];
  });
  assert.deepEqual(fates, [
    ["192.0.2.1", "balanced", "NodePort"],
    ["10.1.1.254", "balanced", "NodePort"],
    ["127.0.0.1", "balanced", "NodePort"],
    ["192.0.2.9", "untouched", undefined],
  ]);
});

test("source ranges: who is not in them is dropped", () => {
  assert.deepEqual(reasons({ address: "203.0.113.7" }), [
    "loadBalancerSourceRanges lets in 198.51.100.0/24, 203.0.113.0/24, and not 11.1.1.1: dropped without an answer.",
  ]);
  assert.match(reasons({ address: "203.0.113.7", source: "198.51.100.9" })[0]!, /^1 endpoint is ready/);
});

test("balances: the one endpoint of a hash, and the shares of turns and weights", () => {
  const hash = reasons({ address: "10.96.0.40" })[0]!;
  assert.match(
    hash,
    /^2 endpoints are ready; the hash of the client's address picks one: 11\.1\.1\.1 always gets 10\.1\.1\.[12]:8080\.$/,
  );
  assert.equal(reasons({ address: "10.96.0.40", sourcePort: 50_000 })[0], hash);
  assert.match(
    reasons({ address: "10.96.0.41", sourcePort: 50_000 })[0]!,
    /: from port 50000, 11\.1\.1\.1 gets 10\./,
  );
  const shares = "10.1.1.1:8080 75 %, 10.1.1.2:8080 25 %.";
  assert.equal(
    reasons({ address: "10.96.0.42" })[0],
    `2 endpoints are ready; new connections go to them in turn: ${shares}`,
  );
  assert.equal(
    reasons({ address: "10.96.0.43" })[0],
    `2 endpoints are ready; a new connection goes to one of them at random: ${shares}`,
  );
});

test("affinity: the client keeps its endpoint as long as the kernel's map says", () => {
  let now = 0;
  const kernel = new FakeKernel(NODE, () => now);
  kernel.commit(rebuild(desiredState(rich, [], undefined), { table: undefined }).commands);
  const target = { address: "10.96.0.44" };
  const general =
    "11.1.1.1 then keeps its endpoint until it has made no connection for 3 h (session affinity).";
  assert.equal(reasons(target, { kernel })[1], general);
  const packet = { protocol: "TCP", source: "11.1.1.1", sourcePort: 1, destination: "10.96.0.44" } as const;
  const trace = kernel.trace({ ...packet, destinationPort: 80 }, { from: "network", iif: "eth0" });
  const outcome = trace.outcomes.find(
    ({ fate }) => fate.kind === "delivered" && fate.destination.address === B!.address,
  )!;
  kernel.take(trace, outcome);
  now += 60_000;
  assert.deepEqual(reasons(target, { kernel }), [
    "11.1.1.1 keeps 10.1.1.2:8080 for another 2 h 59 min (session affinity).",
    "Each new connection makes that 3 h again.",
    "The endpoint sees the client's own address, 11.1.1.1.",
  ]);
  assert.equal(
    reasons({ ...target, source: "11.1.1.2" }, { kernel })[1],
    general.replace("1.1 then", "1.2 then"),
  );
  now += 10_800_000;
  assert.equal(reasons(target, { kernel })[1], general);
});

test("what is not an address is refused with the text", () => {
  assert.throws(() => words({ address: "10.96.0" }), /not an IP address: "10.96.0"/);
  assert.throws(() => words({ source: "fd11::1" }), /different families/);
});
