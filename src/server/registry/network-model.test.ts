/**
 * Any history of Networks, and of Services that join, change and leave them, through two servers on one store and with
 * what happens at once: each address is one Service's, and of the Network that the Service names.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { ApiError } from "../../api/api-error.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import { isUsable, networkAddresses } from "../../api/network/addresses.ts";
import { networkKind } from "../../api/network/kind.ts";
import { serviceNetwork } from "../../api/network/service-network.ts";
import { type Network, NETWORK_ANNOTATION, type NetworkSpec } from "../../api/network/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { ServiceSpec } from "../../api/service/type.ts";
import { cidr, cidrsOverlap, formatCidr, ip } from "../../base/ip.ts";
import { networkSubnets } from "../allocation/subnets.ts";
import { ALICE, type Fixture, service, startRegistry } from "./registry-fixture.ts";

/** Some overlap, one with the ServiceCIDR; few have room for all that want to be in them. */
const SPECS: readonly NetworkSpec[] = [
  { subnet: "10.97.0.0/29" },
  { subnet: "10.97.0.0/30", type: "Infra" },
  { subnet: "10.97.0.4/30", type: "Infra", ipv6Subnet: "fd01::/125" },
  { subnet: "10.97.0.16/28", range: "10.97.0.18-10.97.0.24", ipv6Subnet: "fd02::/64" },
  { subnet: "10.96.0.8/29" },
  { ipv6Subnet: "fd01::/120", type: "Infra" },
];

const maybe = <V>(value: fc.Arbitrary<V>): fc.Arbitrary<V | undefined> =>
  fc.option(value, { nil: undefined });
const networkName = fc.constantFrom("n", "m", "o");

const step = fc.record({
  verb: fc.constantFrom(
    ...(["add network", "add network", "drop network"] as const),
    ...(["create", "create", "create", "update", "move", "delete", "pod"] as const),
  ),
  server: fc.nat(1),
  name: fc.constantFrom("a", "b", "c", "d"),
  network: maybe(networkName),
  spec: fc.constantFrom(...SPECS),
  clusterIP: maybe(
    fc.oneof(
      fc.integer({ min: 0, max: 31 }).map((n) => `10.97.0.${n}`),
      fc.constantFrom("None", "fd01::2", "10.96.0.3"),
    ),
  ),
  ipFamilyPolicy: maybe(
    fc.constantFrom<ServiceSpec["ipFamilyPolicy"]>("PreferDualStack", "RequireDualStack"),
  ),
  dryRun: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function run(servers: readonly Fixture[], given: Step): Promise<void> {
  const { verb, name, network, clusterIP, ipFamilyPolicy, spec, dryRun } = given;
  const { registry } = servers[given.server]!;
  const key = { namespace: "default", name };
  const annotations = network === undefined ? {} : { [NETWORK_ANNOTATION]: network };
  const made = service(name, JSON.parse(JSON.stringify({ clusterIP, ipFamilyPolicy })) as ServiceSpec);
  const object = { ...made, metadata: { name, annotations } };
  const networkKey = { namespace: "default", name: network ?? "n" };
  try {
    if (verb === "add network") {
      const fresh = { metadata: { name: networkKey.name }, spec };
      await registry.create(networkKind, "default", fresh, { dryRun }, ALICE);
    } else if (verb === "drop network")
      await registry.delete(networkKind, networkKey, dryRun ? { dryRun: ["All"] } : {}, ALICE);
    else if (verb === "create") await registry.create(serviceKind, "default", object, { dryRun }, ALICE);
    else if (verb === "update") await registry.update(serviceKind, key, object, { dryRun }, ALICE);
    else if (verb === "move") {
      const patch = { metadata: { annotations: { [NETWORK_ANNOTATION]: network ?? null } } };
      await registry.patch(serviceKind, key, { type: "merge", patch }, { dryRun }, ALICE);
    } else if (verb === "delete") await registry.delete(serviceKind, key, {}, ALICE);
    else await togglePod(registry, clusterIP ?? "10.97.0.3");
  } catch (error) {
    // Refusals are expected; a fault of ours is not.
    if (!(error instanceof ApiError) || error.code >= 500) throw error;
  }
}

async function togglePod(registry: Fixture["registry"], address: string): Promise<void> {
  const key = { namespace: "default", name: "pod" };
  try {
    await registry.delete(podKind, key, { gracePeriodSeconds: 0 }, ALICE);
  } catch {
    const pod = { metadata: { name: key.name }, spec: { containers: [{ name: "c", image: "i" }] } };
    await registry.create(podKind, "default", pod, {}, ALICE);
    const status = { phase: "Running", podIP: address, podIPs: [{ ip: address }] };
    await registry.patch(
      podKind,
      key,
      { type: "merge", patch: { status } },
      { subresource: "status" },
      ALICE,
    );
  }
}

async function check(servers: readonly Fixture[]): Promise<void> {
  const { registry, store } = servers[0]!;
  const { items: services } = await registry.list(serviceKind, {});
  const { items: networks } = await registry.list(networkKind, {});
  const records = await registry.list(ipAddressKind, {});
  const held = services.flatMap(({ metadata, spec }) =>
    (spec?.clusterIPs ?? []).filter((one) => one !== "None").map((one) => `${one} ${metadata.name}`),
  );
  assert.deepEqual(
    records.items.map(({ metadata, spec }) => `${metadata.name} ${spec!.parentRef!.name}`).sort(),
    held.sort(),
    "what is recorded is what is held",
  );
  const byName = new Map(networks.map((network) => [network.metadata.name!, network]));
  for (const one of services) {
    const name = serviceNetwork(one);
    if (name === undefined || one.spec!.clusterIP === "None") continue;
    const families = networkAddresses(byName.get(name)?.spec ?? {});
    for (const address of one.spec!.clusterIPs!)
      assert.ok(
        families.some((family) => isUsable(family, ip(address))),
        `${one.metadata.name} has ${address}, which network ${name} does not give`,
      );
  }
  const subnets = [["10.96.0.0/28"], ...networks.map((one) => networkSubnets(one).map(formatCidr))]
    .flat()
    .map(cidr);
  for (const [i, one] of subnets.entries())
    for (const other of subnets.slice(0, i)) assert.ok(!cidrsOverlap(one, other), "subnets overlap");
  const list = await store.get("/registry/ranges/subnets");
  assert.deepEqual(
    (JSON.parse(Buffer.from(list!.value).toString()) as [string, string[]][]).map(([owner]) => owner),
    [
      "ServiceCIDR kubernetes",
      ...networks.map(({ metadata }: Network) => `network default/${metadata.name}`),
    ].sort(),
  );
  const uses = await store.list("/registry/ranges/networkuses/default/");
  for (const { key } of uses.entries) assert.ok(byName.has(key.split("/").at(-1)!), `left over: ${key}`);
  for (const { ranges } of servers) {
    const taken = [...ranges.addresses.values()].reduce((sum, { ledger }) => sum + ledger.size, 0);
    assert.equal(taken, held.length, "what a server knows of");
  }
}

/** Both servers have been told of everything by their watches. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await setImmediate();
}

test("each address is one Service's, of the Network that it names, after any history", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ restart: fc.boolean(), steps: fc.array(step, { minLength: 1, maxLength: 5 }) }), {
        maxLength: 15,
        size: "max",
      }),
      async (rounds) => {
        const options = { serviceCidrs: ["10.96.0.0/28"] };
        const one = await startRegistry(t, options);
        let two = await startRegistry(t, { ...options, store: one.store });
        for (const { restart, steps } of rounds) {
          if (restart) {
            await two.registry[Symbol.asyncDispose]();
            two = await startRegistry(t, { ...options, store: one.store });
          }
          // The steps of a round run into each other.
          await Promise.all(steps.map(async (given) => run([one, two], given)));
          await settled();
          await check([one, two]);
        }
      },
    ),
    { numRuns: 100 },
  );
});
