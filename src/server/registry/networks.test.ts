/** Services whose addresses are of a Network, and the lives of Networks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { eventKind } from "../../api/event/kind.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import type { ObjectMeta } from "../../api/meta/type.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { networkKind } from "../../api/network/kind.ts";
import { type Network, NETWORK_ANNOTATION, type NetworkSpec } from "../../api/network/type.ts";
import { HOST_ADDRESSES_ANNOTATION } from "../../api/node/host-addresses.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import { otherNetworksCondition } from "../../api/pod/other-networks.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import { ALICE, eventually, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

const KEY = (name: string): { namespace: string; name: string } => ({ namespace: "default", name });

function network(name: string, spec: NetworkSpec, metadata: ObjectMeta = {}): Network {
  return { metadata: { ...metadata, name }, spec };
}

/** A Network of Services alone, where the arithmetic is plain, unless the spec says otherwise. */
async function createNetwork(
  { registry }: Fixture,
  name: string,
  spec: NetworkSpec,
  namespace = "default",
): Promise<Network> {
  return registry.create(networkKind, namespace, network(name, { type: "Infra", ...spec }), {}, ALICE);
}

function on(networkName: string, name: string, spec: ServiceSpec = {}): Service {
  const made = service(name, spec);
  return { ...made, metadata: { ...made.metadata, annotations: { [NETWORK_ANNOTATION]: networkName } } };
}

async function create({ registry }: Fixture, object: Service, namespace = "default"): Promise<Service> {
  return registry.create(serviceKind, namespace, object, {}, ALICE);
}

async function addresses(made: Promise<Service>): Promise<string> {
  return ((await made).spec!.clusterIPs ?? []).join(",");
}

/** "100.1.1.1=web ..." as IPAddress objects say. */
async function records({ registry }: Fixture): Promise<string> {
  const { items } = await registry.list(ipAddressKind, {});
  return items.map(({ metadata, spec }) => `${metadata.name}=${spec!.parentRef!.name}`).join(" ");
}

/** Waits until a server has been told by its watch of what the store holds already. */
async function told(check: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!check()) {
    assert.ok(performance.now() < deadline, "the server was not told within 5 seconds");
    await setImmediate();
  }
}

async function createPod(
  fixture: Fixture,
  name: string,
  ip: string,
  on?: string,
  others?: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const { registry } = fixture;
  const annotations = on === undefined ? {} : { [NETWORK_ANNOTATION]: on };
  const spec = { containers: [{ name: "c", image: "i" }] };
  await registry.create(podKind, "default", { metadata: { name, annotations }, spec }, {}, ALICE);
  const conditions = others === undefined ? [] : [otherNetworksCondition(others)];
  const status = { phase: "Running" as const, podIP: ip, podIPs: [{ ip }], conditions };
  const patch = { type: "merge" as const, patch: { status } };
  await registry.patch(podKind, KEY(name), patch, { subresource: "status" }, ALICE);
  await told(() => fixture.ranges.networks.pods.holder(ip) !== undefined);
}

test("a Service gets the lowest free address of its Network, and gives it back", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24", type: "Data" });
  assert.equal(await addresses(create(fixture, on("srv", "a"))), "100.1.1.3");
  assert.equal(await addresses(create(fixture, on("srv", "b"))), "100.1.1.4");
  assert.equal(await addresses(create(fixture, on("srv", "c"))), "100.1.1.5");
  assert.equal(await records(fixture), "100.1.1.3=a 100.1.1.4=b 100.1.1.5=c");
  await fixture.registry.delete(serviceKind, KEY("b"), {}, ALICE);
  await fixture.registry.delete(serviceKind, KEY("a"), {}, ALICE);
  assert.equal(await addresses(create(fixture, on("srv", "d"))), "100.1.1.3");
  assert.equal(await addresses(create(fixture, on("srv", "e"))), "100.1.1.4");
  assert.equal(await addresses(create(fixture, on("srv", "f"))), "100.1.1.6");
  assert.match(await addresses(create(fixture, service("plain"))), /^10\.96\.0\./);
});

test("an address that is asked for is had or refused, and a refusal changes nothing", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24", gateway: "100.1.1.254", type: "Data" });
  await createPod(fixture, "client", "100.1.1.77");
  assert.equal(await addresses(create(fixture, on("srv", "a", { clusterIP: "100.1.1.9" }))), "100.1.1.9");
  assert.equal(await addresses(create(fixture, on("srv", "b", { clusterIP: "100.1.1.200" }))), "100.1.1.200");
  const before = fixture.store.revision;
  const refused = async (clusterIP: string, why: string): Promise<void> =>
    assert.equal(
      await refusal(create(fixture, on("srv", "x", { clusterIP }))),
      `422 Invalid: Service "x" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: ${why}`,
    );
  const range = "is not in the valid range. The range of valid IPs of network default/srv is";
  await refused("100.1.1.9", "provided IP is already allocated");
  await refused("100.1.1.254", "it is the gateway of network default/srv");
  await refused("100.1.1.2", "it is the address of the DNS on network default/srv");
  await refused("100.1.1.77", "it is the address of Pod default/client");
  await refused("100.1.1.0", `the provided IP (100.1.1.0) ${range} 100.1.1.1-100.1.1.254`);
  await refused("100.1.1.255", `the provided IP (100.1.1.255) ${range} 100.1.1.1-100.1.1.254`);
  await refused("9.9.9.9", `the provided IP (9.9.9.9) ${range} 100.1.1.0/24`);
  assert.equal(
    await refusal(create(fixture, on("srv", "x", { clusterIP: "fd00::1" }))),
    '422 Invalid: Service "x" is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::1"]: network srv has no IPv6 subnet',
  );
  assert.equal(
    await refusal(create(fixture, on("srv", "x", { ipFamilyPolicy: "RequireDualStack" }))),
    '422 Invalid: Service "x" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": network srv has no IPv6 subnet',
  );
  assert.equal(
    await refusal(create(fixture, on("nowhere", "x"))),
    '422 Invalid: Service "x" is invalid: metadata.annotations[fairlead.dev/network]: Invalid value: "nowhere": Network nowhere not found in namespace default',
  );
  assert.equal(fixture.store.revision, before);
  await createPod(fixture, "member", "100.1.1.130", "srv");
  await refused(
    "100.1.1.201",
    "containers of network default/srv draw from 100.1.1.128/25, and there are some (Pod default/member)",
  );
});

test("an address that a machine has is no Service's, of a Network or a ServiceCIDR", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, ranges } = fixture;
  const register = async (name: string, addresses: readonly string[], others: string): Promise<void> => {
    const annotations = { [HOST_ADDRESSES_ANNOTATION]: others };
    const list = addresses.map((address) => ({ type: "InternalIP" as const, address }));
    const status = { addresses: [...list, { type: "Hostname" as const, address: name }] };
    const key = { name };
    await registry.create(nodeKind, undefined, { metadata: { name, annotations } }, {}, ALICE);
    await registry.patch(
      nodeKind,
      key,
      { type: "merge", patch: { status } },
      { subresource: "status" },
      ALICE,
    );
    await told(() => ranges.nodes.holder(addresses[0]!) === name);
  };
  // The Network has the machine's own network in it: that is allowed.
  await createNetwork(fixture, "lan", { subnet: "192.0.2.0/24" });
  await register("n1", ["192.0.2.2", "10.96.0.44"], "192.0.2.3,fd00::0003");
  const asked = on("lan", "x", { clusterIP: "192.0.2.2" });
  const before = fixture.store.revision;
  assert.equal(
    await refusal(create(fixture, asked)),
    '422 Invalid: Service "x" is invalid: spec.clusterIPs: Invalid value: ["192.0.2.2"]: failed to allocate IP 192.0.2.2: it is an address of Node n1',
  );
  assert.match(
    await refusal(create(fixture, service("x", { clusterIP: "10.96.0.44" }))),
    /: failed to allocate IP 10\.96\.0\.44: it is an address of Node n1$/,
  );
  assert.equal(fixture.store.revision, before);
  const got = [];
  for (const name of ["a", "b"]) got.push(await addresses(create(fixture, on("lan", name))));
  assert.deepEqual(got, ["192.0.2.1", "192.0.2.4"]);
  assert.equal(ranges.nodes.holder("fd00::3"), "n1");
  await registry.delete(nodeKind, { name: "n1" }, {}, ALICE);
  await told(() => ranges.nodes.holder("192.0.2.2") === undefined);
  assert.equal(await addresses(create(fixture, on("lan", "c"))), "192.0.2.2");
});

test("a Network that is full says so, and the addresses of Pods are passed over", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "tiny", { subnet: "100.1.1.0/29" });
  await createPod(fixture, "p", "100.1.1.2");
  const got = [];
  for (const name of ["a", "b", "c", "d", "e"]) got.push(await addresses(create(fixture, on("tiny", name))));
  assert.deepEqual(got, ["100.1.1.1", "100.1.1.3", "100.1.1.4", "100.1.1.5", "100.1.1.6"]);
  assert.equal(
    await refusal(create(fixture, on("tiny", "f"))),
    '422 Invalid: Service "f" is invalid: metadata.annotations[fairlead.dev/network]: Invalid value: "tiny": auto allocation failed - address exhaustion in subnet 100.1.1.0/29',
  );
  const { pods } = fixture.ranges.networks;
  await fixture.registry.delete(podKind, KEY("p"), { gracePeriodSeconds: 0 }, ALICE);
  await told(() => pods.holder("100.1.1.2") === undefined);
  assert.equal(await addresses(create(fixture, on("tiny", "f"))), "100.1.1.2");
});

test("a dry run says what would be had and takes nothing", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24" });
  const before = fixture.store.revision;
  for (let i = 0; i < 2; i++) {
    const dry = fixture.registry.create(serviceKind, "default", on("srv", "a"), { dryRun: true }, ALICE);
    assert.equal(await addresses(dry), "100.1.1.1");
  }
  assert.equal(fixture.store.revision, before);
  assert.equal(await addresses(create(fixture, on("srv", "a"))), "100.1.1.1");
  const patch = { metadata: { annotations: { [NETWORK_ANNOTATION]: null } } };
  const moved = fixture.registry.patch(
    serviceKind,
    KEY("a"),
    { type: "merge", patch },
    { dryRun: true },
    ALICE,
  );
  assert.match(await addresses(moved.then(({ object }) => object)), /^10\.96\.0\./);
  const dry = { dryRun: ["All"] };
  assert.match(await refusal(fixture.registry.delete(networkKind, KEY("srv"), dry, ALICE)), /has 1 services/);
  const late = { metadata: { name: "late" }, spec: { subnet: "100.1.1.0/25" } };
  assert.match(
    await refusal(fixture.registry.create(networkKind, "default", late, { dryRun: true }, ALICE)),
    /conflicts with subnet/,
  );
  assert.equal(await records(fixture), "100.1.1.1=a");
});

test("both families of a Network are had where the installation has one", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "both", { subnet: "100.1.1.0/24", ipv6Subnet: "fd00:1::/64" });
  await createNetwork(fixture, "six", { ipv6Subnet: "fd00:2::/64" });
  const dual = { ipFamilyPolicy: "PreferDualStack" as const };
  assert.equal(await addresses(create(fixture, on("both", "a"))), "100.1.1.1");
  assert.equal(await addresses(create(fixture, on("both", "b", dual))), "100.1.1.2,fd00:1::1");
  assert.equal(
    await addresses(create(fixture, on("both", "c", { ipFamilies: ["IPv6", "IPv4"], ...dual }))),
    "fd00:1::2,100.1.1.3",
  );
  assert.equal(await addresses(create(fixture, on("six", "d"))), "fd00:2::1");
  assert.equal(await addresses(create(fixture, on("six", "e", dual))), "fd00:2::2");
  assert.equal(
    await records(fixture),
    "100.1.1.1=a 100.1.1.2=b 100.1.1.3=c fd00:1::1=b fd00:1::2=c fd00:2::1=d fd00:2::2=e",
  );
});

test("a Service that names another Network moves there, in one commit", async (t) => {
  const fixture = await startRegistry(t);
  const { registry } = fixture;
  await createNetwork(fixture, "one", { subnet: "100.1.1.0/24" });
  await createNetwork(fixture, "two", { subnet: "100.1.2.0/24" });
  const made = await create(fixture, on("one", "web"));
  const move = async (to: string | null, spec: object = {}): Promise<string> => {
    const patch = { metadata: { annotations: { [NETWORK_ANNOTATION]: to } }, spec };
    const patched = registry.patch(serviceKind, KEY("web"), { type: "merge", patch }, {}, ALICE);
    return addresses(patched.then(({ object }) => object));
  };
  // kubectl annotate sends no address; a client that read the Service sends the one it had.
  assert.equal(await move("two"), "100.1.2.1");
  assert.equal(await records(fixture), "100.1.2.1=web");
  assert.equal(await move("one", { clusterIP: "100.1.1.50", clusterIPs: ["100.1.1.50"] }), "100.1.1.50");
  assert.equal(await move("two", { clusterIP: null, clusterIPs: null }), "100.1.2.1");
  assert.match(await move(null), /^10\.96\.0\./);
  assert.equal(await move("one"), "100.1.1.1");
  assert.equal(await records(fixture), "100.1.1.1=web");
  const before = fixture.store.revision;
  assert.match(await refusal(move("nowhere")), /Network nowhere not found/);
  assert.match(
    await refusal(move("two", { clusterIP: "100.1.1.9" })),
    /range of valid IPs of network default\/two/,
  );
  assert.match(await refusal(move("one", { clusterIP: "100.1.1.9" })), /may not change once set/);
  assert.equal(fixture.store.revision, before);
  // The file that made it can be put again, with and without an address.
  const again = await registry.update(serviceKind, KEY("web"), on("one", "web"), {}, ALICE);
  assert.equal(await addresses(Promise.resolve(again.object)), "100.1.1.1");
  assert.equal(again.object.metadata.uid, made.metadata.uid);
});

test("a headless Service and an ExternalName have no address of a Network, and use none", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24" });
  assert.equal(await addresses(create(fixture, on("srv", "h", { clusterIP: "None" }))), "None");
  const external = { type: "ExternalName" as const, externalName: "example.com" };
  assert.equal(await addresses(create(fixture, on("nowhere", "x", external))), "");
  assert.equal(await records(fixture), "");
  await fixture.registry.delete(networkKind, KEY("srv"), {}, ALICE);
});

test("subnets do not overlap, whoever is first", async (t) => {
  const fixture = await startRegistry(t);
  const { registry } = fixture;
  await createNetwork(fixture, "a", { subnet: "100.1.0.0/16", ipv6Subnet: "fd00:1::/64" });
  const refused = async (spec: NetworkSpec, field: string, value: string, taken: string): Promise<void> =>
    assert.equal(
      await refusal(createNetwork(fixture, "b", spec, "kube-public")),
      `422 Invalid: Network.fairlead.dev "b" is invalid: ${field}: Invalid value: "${value}": network b conflicts with subnet ${taken}`,
    );
  await refused(
    { subnet: "100.1.1.0/24" },
    "spec.subnet",
    "100.1.1.0/24",
    "100.1.0.0/16 of network default/a",
  );
  await refused({ subnet: "100.0.0.0/8" }, "spec.subnet", "100.0.0.0/8", "100.1.0.0/16 of network default/a");
  await refused(
    { subnet: "100.2.0.0/16", ipv6Subnet: "fd00::/16" },
    "spec.ipv6Subnet",
    "fd00::/16",
    "fd00:1::/64 of network default/a",
  );
  await refused(
    { subnet: "10.96.0.128/25" },
    "spec.subnet",
    "10.96.0.128/25",
    "10.96.0.0/24 of ServiceCIDR kubernetes",
  );
  const more = { metadata: { name: "more" }, spec: { cidrs: ["100.1.7.0/24"] } };
  assert.equal(
    await refusal(registry.create(serviceCIDRKind, undefined, more, {}, ALICE)),
    '422 Invalid: ServiceCIDR.networking.k8s.io "more" is invalid: spec.cidrs[0]: Invalid value: "100.1.7.0/24": ServiceCIDR more conflicts with subnet 100.1.0.0/16 of network default/a',
  );
  const wider = { type: "merge" as const, patch: { spec: { cidrs: ["10.96.0.0/24", "fd00:1::/112"] } } };
  assert.match(
    await refusal(registry.patch(serviceCIDRKind, { name: "kubernetes" }, wider, {}, ALICE)),
    /ServiceCIDR kubernetes conflicts with subnet fd00:1::\/64 of network default\/a/,
  );
  await registry.delete(networkKind, KEY("a"), {}, ALICE);
  await createNetwork(fixture, "b", { subnet: "100.1.1.0/24" });
});

test("of Networks that overlap and are created at once, one is made; others all are", async (t) => {
  const fixture = await startRegistry(t);
  const made = async (name: string, subnet: string): Promise<string> =>
    createNetwork(fixture, name, { subnet }).then(
      () => "made",
      (error: Error) => error.message,
    );
  const outcomes = await Promise.all(
    ["100.1.0.0/16", "100.1.1.0/24", "100.1.0.0/16", "100.0.0.0/8"].map(async (subnet, i) =>
      made(`n${i}`, subnet),
    ),
  );
  assert.equal(outcomes.filter((text) => text === "made").length, 1, outcomes.join("\n"));
  for (const text of outcomes) assert.match(text, /made|conflicts with subnet/);
  // More than a write is tried again for.
  const names = Array.from({ length: 150 }, (_, i) => `apart${i}`);
  const apart = names.map(async (name, i) => made(name, `101.${i}.0.0/16`));
  assert.deepEqual(new Set(await Promise.all(apart)), new Set(["made"]));
  const gone = names.map(async (name) => fixture.registry.delete(networkKind, KEY(name), {}, ALICE));
  await Promise.all(gone);
  await createNetwork(fixture, "all", { subnet: "101.0.0.0/8" });
});

test("a Service that moves gets the families that its new Network has", async (t) => {
  const fixture = await startRegistry(t);
  await createNetwork(fixture, "four", { subnet: "100.1.1.0/24" });
  await createNetwork(fixture, "six", { ipv6Subnet: "fd00:1::/64" });
  await createNetwork(fixture, "both", { subnet: "100.1.2.0/24", ipv6Subnet: "fd00:2::/64" });
  const move = async (to: string | null, spec: ServiceSpec | Record<string, null> = {}): Promise<string> => {
    const patch = { metadata: { annotations: { [NETWORK_ANNOTATION]: to } }, spec };
    const moved = fixture.registry.patch(serviceKind, KEY("a"), { type: "merge", patch }, {}, ALICE);
    try {
      const { spec: after = {} } = (await moved).object;
      return `${after.ipFamilyPolicy} ${after.ipFamilies!.join()} ${after.clusterIPs!.join()}`;
    } catch (error) {
      return (error as Error).message;
    }
  };
  await create(fixture, on("four", "a"));
  assert.equal(await move("six"), "SingleStack IPv6 fd00:1::1");
  assert.equal(await move("four", { ipFamilies: ["IPv4"] }), "SingleStack IPv4 100.1.1.1");
  // No move.
  assert.match(await move("four", { ipFamilies: ["IPv6"] }), /expected an IPv6 value/);
  assert.match(await move("six", { ipFamilyPolicy: "RequireDualStack" }), /network six has no IPv4 subnet/);
  const dual = "PreferDualStack IPv4,IPv6 100.1.2.1,fd00:2::1";
  assert.equal(await move("both", { ipFamilyPolicy: "PreferDualStack" }), dual);
  assert.equal(await move("four"), "PreferDualStack IPv4 100.1.1.1");
  assert.equal(await move("both"), dual);
  assert.match(await move("six", { ipFamilyPolicy: "RequireDualStack" }), /network six has no IPv4 subnet/);
  assert.equal(await move("six", { ipFamilyPolicy: "SingleStack" }), "SingleStack IPv6 fd00:1::1");
  assert.match(await move(null), /^SingleStack IPv4 10\.96\.0\./);
  assert.equal((await records(fixture)).split(" ").length, 1);
});

test("a Network in use is not deleted, whoever asks", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24", type: "Data" });
  await create(fixture, on("srv", "a"));
  await create(fixture, on("srv", "b"));
  const remove = async (): Promise<string> => refusal(registry.delete(networkKind, KEY("srv"), {}, ALICE));
  const sentence = '409 Conflict: Operation cannot be fulfilled on networks.fairlead.dev "srv": ';
  assert.equal(await remove(), `${sentence}cannot delete srv has 2 services (a, b)`);
  assert.match(
    await refusal(registry.deleteCollection(networkKind, { namespace: "default" }, {}, ALICE)),
    /has 2 services/,
  );
  for (const name of ["a", "b"]) await registry.delete(serviceKind, KEY(name), {}, ALICE);
  await createPod(fixture, "p", "100.1.1.130", "srv");
  assert.equal(await remove(), `${sentence}Error: Network has active endpoints (default/p)`);
  await registry.delete(podKind, KEY("p"), { gracePeriodSeconds: 0 }, ALICE);
  // On a network of the engine that has the same name and is not ours.
  await createPod(fixture, "q", "172.17.0.2", "srv");
  assert.match(await remove(), /^no refusal/);
  // Another tenant's Pod that only says so: anybody's may. When its Node says its address, it is there.
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24", type: "Data" });
  const claim = { name: "claim", annotations: { "fairlead.dev/network": "srv" } };
  const spec = { containers: [{ name: "c", image: "i" }] };
  await registry.create(namespaceKind, undefined, { metadata: { name: "blue" } }, {}, ALICE);
  await registry.create(podKind, "blue", { metadata: claim, spec }, {}, ALICE);
  assert.match(
    await refusal(registry.delete(networkKind, KEY("srv"), { dryRun: ["All"] }, ALICE)),
    /^no refusal/,
  );
  const status = { phase: "Running", podIP: "100.1.1.130", podIPs: [{ ip: "100.1.1.130" }] };
  const claimed = { namespace: "blue", name: "claim" };
  const told = { type: "merge", patch: { status } } as const;
  await registry.patch(podKind, claimed, told, { subresource: "status" }, ALICE);
  assert.match(await remove(), /active endpoints \(blue\/claim\)$/);
  await registry.delete(podKind, claimed, { gracePeriodSeconds: 0 }, ALICE);
  await registry.create(podKind, "default", { metadata: claim, spec }, {}, ALICE);
  assert.match(await remove(), /active endpoints \(default\/claim\)$/);
  await registry.delete(podKind, KEY("claim"), { gracePeriodSeconds: 0 }, ALICE);
  await registry.delete(networkKind, KEY("srv"), {}, ALICE);
  // Nor is any of the engine's a Network's for Services alone.
  await createNetwork(fixture, "infra", { subnet: "172.17.0.0/24" });
  await createPod(fixture, "r", "172.17.0.3", "infra");
  await registry.delete(networkKind, KEY("infra"), {}, ALICE);
  assert.deepEqual((await store.list("/registry/ranges/networkuses/")).entries, []);
});

test("a container that was connected to a Network besides its own is on it as well, with its address there", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, ranges } = fixture;
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24", type: "Data" });
  await createPod(fixture, "s", "172.17.0.9", "bridge", { srv: ["100.1.1.131"] });
  const removed = registry.delete(networkKind, KEY("srv"), {}, ALICE);
  assert.match(await refusal(removed), /: Error: Network has active endpoints \(default\/s\)$/);
  const refused = async (clusterIP: string): Promise<string> =>
    (await refusal(create(fixture, on("srv", "a", { clusterIP })))).replace(/.*allocate IP /, "");
  assert.equal(await refused("100.1.1.131"), "100.1.1.131: it is the address of Pod default/s");
  assert.match(await refused("100.1.1.132"), /^100\.1\.1\.132: containers of network .*\(Pod default\/s\)$/);
  const patch = { type: "merge", patch: { status: { conditions: null } } } as const;
  await registry.patch(podKind, KEY("s"), patch, { subresource: "status" }, ALICE);
  await told(() => ranges.networks.pods.anyOn("srv") === undefined);
  assert.equal(await addresses(create(fixture, on("srv", "a", { clusterIP: "100.1.1.131" }))), "100.1.1.131");
});

test("nobody joins a Network that is going, and its end is not held up by who comes later", async (t) => {
  const fixture = await startRegistry(t);
  const { registry } = fixture;
  const finalizers = ["example.com/keep"];
  const object = network("srv", { subnet: "100.1.1.0/24", type: "Infra" }, { finalizers });
  await registry.create(networkKind, "default", object, {}, ALICE);
  const going = await registry.delete(networkKind, KEY("srv"), {}, ALICE);
  assert.notEqual(going.metadata.deletionTimestamp, undefined);
  assert.match(await refusal(create(fixture, on("srv", "a"))), /network srv is being deleted/);
  // Until it is gone its addresses are nobody else's.
  assert.match(await refusal(createNetwork(fixture, "next", { subnet: "100.1.1.0/24" })), /conflicts with/);
  const patch = { metadata: { finalizers: null } };
  await registry.patch(networkKind, KEY("srv"), { type: "merge", patch }, {}, ALICE);
  assert.match(await refusal(create(fixture, on("srv", "a"))), /Network srv not found/);
  await createNetwork(fixture, "next", { subnet: "100.1.1.0/24" });
});

test("a Service and the end of its Network at once: either it is refused, or the Network stays", async (t) => {
  const fixture = await startRegistry(t);
  const other = await startRegistry(t, { store: fixture.store });
  for (let i = 0; i < 40; i++) {
    await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24" });
    await told(() => other.ranges.networks.get("default", "srv") !== undefined);
    const deletion = refusal(fixture.registry.delete(networkKind, KEY("srv"), {}, ALICE));
    // At each point of the way that a deletion takes.
    for (let turn = 0; turn < i / 2; turn++) await Promise.resolve();
    const made = await refusal(create(i % 2 === 0 ? other : fixture, on("srv", "a")));
    const removed = await deletion;
    const is = (text: string): boolean => text.startsWith("no refusal");
    assert.notEqual(is(made), is(removed), `${made}\n${removed}`);
    if (is(made)) {
      assert.match(removed, /has 1 services/);
      await fixture.registry.delete(serviceKind, KEY("a"), {}, ALICE);
      await fixture.registry.delete(networkKind, KEY("srv"), {}, ALICE);
    } else assert.match(made, /Network srv not found/);
  }
});

test("a namespace that goes takes its Services and then its Networks along", async (t) => {
  const fixture = await startRegistry(t);
  const { registry, store } = fixture;
  await registry.create(namespaceKind, undefined, { metadata: { name: "blue" } }, {}, ALICE);
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24" }, "blue");
  await create(fixture, on("srv", "a"), "blue");
  await create(fixture, on("srv", "b"), "blue");
  await registry.delete(namespaceKind, { name: "blue" }, {}, ALICE);
  await eventually(
    store,
    async () => (await store.list("/registry/core/namespaces/blue")).entries.length === 0,
  );
  assert.deepEqual((await store.list("/registry/fairlead.dev/")).entries, []);
  assert.equal(await records(fixture), "");
  await createNetwork(fixture, "srv", { subnet: "100.1.1.0/24" });
});

test("after a restart all is as it was, and what does not fit is mended", async (t) => {
  const first = await startRegistry(t);
  const { store } = first;
  await createNetwork(first, "srv", { subnet: "100.1.1.0/24", ipv6Subnet: "fd00:1::/64" });
  const dual = { ipFamilyPolicy: "PreferDualStack" as const };
  await create(first, on("srv", "a", dual));
  await create(first, on("srv", "b"));
  await first.registry[Symbol.asyncDispose]();
  // What an older version, or somebody with a database tool, would leave behind.
  await store.commit([
    { type: "delete", key: "/registry/ranges/subnets" },
    { type: "delete", key: "/registry/networking.k8s.io/ipaddresses/100.1.1.2" },
  ]);
  const second = await startRegistry(t, { store });
  assert.equal(await records(second), "100.1.1.1=a 100.1.1.2=b fd00:1::1=a");
  assert.equal(await addresses(create(second, on("srv", "c"))), "100.1.1.3");
  assert.match(await refusal(createNetwork(second, "x", { subnet: "100.1.1.0/30" })), /conflicts with/);
  const { items } = await second.registry.list(ipAddressKind, {});
  assert.equal(items.length, 4);
  const reasons = async (): Promise<string[]> =>
    (await second.registry.list(eventKind, {})).items.map(
      ({ reason, involvedObject }) => `${reason} ${involvedObject?.name}`,
    );
  assert.deepEqual(await reasons(), ["ClusterIPNotAllocated b"]);
  // Past the API again: the addresses of a Network are in no range without it. They stay whose they are.
  await store.commit([{ type: "delete", key: "/registry/fairlead.dev/networks/default/srv" }]);
  await eventually(
    store,
    async () => (await reasons()).filter((text) => text.startsWith("ClusterIPOutOfRange")).length === 4,
  );
  assert.equal(await records(second), "100.1.1.1=a 100.1.1.2=b 100.1.1.3=c fd00:1::1=a");
  const patch = { metadata: { labels: { still: "writable" } } };
  await second.registry.patch(serviceKind, KEY("a"), { type: "merge", patch }, {}, ALICE);
  assert.match(await refusal(create(second, on("srv", "d"))), /Network srv not found/);
});

test("a server whose own range would overlap a Network does not start, and says with which", async (t) => {
  const { registry, store } = await startRegistry(t);
  await createNetwork({ registry, store } as Fixture, "srv", { subnet: "100.1.1.0/24" });
  await registry[Symbol.asyncDispose]();
  assert.equal(
    await refusal(startRegistry(t, { store, serviceCidrs: ["100.1.0.0/16"] })),
    '422 Invalid: ServiceCIDR.networking.k8s.io "kubernetes" is invalid: spec.cidrs[0]: Invalid value: "100.1.0.0/16": ServiceCIDR kubernetes conflicts with subnet 100.1.1.0/24 of network default/srv',
  );
  await startRegistry(t, { store, serviceCidrs: ["100.2.0.0/16"] });
});

test("two servers on one store never give one address twice, and know each other's Networks", async (t) => {
  const one = await startRegistry(t);
  const two = await startRegistry(t, { store: one.store });
  await createNetwork(one, "srv", { subnet: "100.1.1.0/26" });
  await told(() => two.ranges.networks.get("default", "srv") !== undefined);
  const made = await Promise.all(
    Array.from({ length: 62 }, async (_, i) => create(i % 2 === 0 ? one : two, on("srv", `s${i}`))),
  );
  assert.equal(new Set(made.map(({ spec }) => spec!.clusterIP)).size, 62);
  assert.match(await refusal(create(two, on("srv", "x"))), /address exhaustion in subnet 100\.1\.1\.0\/26/);
  assert.match(await refusal(createNetwork(two, "x", { subnet: "100.1.1.0/24" })), /conflicts with/);
});
