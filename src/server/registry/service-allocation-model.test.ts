/** Any history of writes, good, bad, dry and at once: what is taken is what the stored Services hold, no more and no less. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ApiError } from "../../api/api-error.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { ServiceSpec } from "../../api/service/type.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import { cidr, cidrContains, ip } from "../../base/ip.ts";
import { canonicalAddress } from "../../base/sloppy-ip.ts";
import { placeOfAddress } from "../allocation/ranges.ts";
import { ALICE, type Fixture, service, startRegistry } from "./registry-fixture.ts";

/** Beyond the first range there is a second one at times. */
const number = fc.integer({ min: 0, max: 19 });
const maybe = <V>(value: fc.Arbitrary<V>): fc.Arbitrary<V | undefined> =>
  fc.option(value, { nil: undefined });

/** Specs of which many are refused, each for another reason. */
const anySpec: fc.Arbitrary<ServiceSpec> = fc
  .record({
    type: fc.constantFrom<ServiceSpec["type"]>("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    clusterIP: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 3, arbitrary: number.map((n) => `10.96.0.${n}`) },
      number.map((n) => `fd00::${n.toString(16)}`),
      number.map((n) => `010.96.0.0${n}`),
      number.map((n) => `FD00:0::${n.toString(16)}`),
      fc.constantFrom("None", "10.99.0.1", "nonsense"),
    ),
    ipFamilyPolicy: maybe(fc.constantFrom("SingleStack", "PreferDualStack", "RequireDualStack")),
    externalTrafficPolicy: maybe(fc.constantFrom("Cluster", "Local")),
    externalName: maybe(fc.constant("example.com")),
    ports: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom("a", "b", "c"),
        port: fc.constantFrom(53, 80, 81, 82),
        protocol: fc.constantFrom("TCP", "UDP"),
        nodePort: maybe(number.map((n) => 30000 + n)),
      }),
      { minLength: 1, maxLength: 3, selector: ({ name }) => name },
    ),
  })
  .map((spec) => JSON.parse(JSON.stringify(sensible(spec as ServiceSpec))) as ServiceSpec);

/** Leaves out what the type forbids, most of the time: a history of nothing but refusals shows little. */
function sensible(spec: ServiceSpec): ServiceSpec {
  const { clusterIP, externalTrafficPolicy, externalName: _name, ...rest } = spec;
  const ports = rest.ports!.map(({ nodePort: _none, ...port }) => port);
  if (spec.ports!.some(({ port }) => port === 82)) return spec;
  switch (spec.type) {
    case "ExternalName":
      return { type: "ExternalName", externalName: "example.com", ports };
    case "ClusterIP":
      return { ...rest, clusterIP: clusterIP!, ports };
    default:
      return clusterIP === "None"
        ? rest
        : { ...rest, clusterIP: clusterIP!, externalTrafficPolicy: externalTrafficPolicy! };
  }
}

const step = fc.record({
  verb: fc.constantFrom("create", "create", "create", "update", "patch", "delete", "add range", "drop range"),
  name: fc.constantFrom("a", "b", "c", "d", "a", "b", "a", "b", "Bad_"),
  spec: anySpec,
  dryRun: fc.boolean(),
});

const MORE = { metadata: { name: "more" }, spec: { cidrs: ["10.96.0.16/30", "fd00::10/126"] } };

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function run({ registry }: Fixture, { verb, name, spec, dryRun }: Step): Promise<void> {
  const key = { namespace: "default", name };
  const object = { ...service(name), spec };
  try {
    if (verb === "create") await registry.create(serviceKind, "default", object, { dryRun }, ALICE);
    else if (verb === "update") await registry.update(serviceKind, key, object, { dryRun }, ALICE);
    else if (verb === "patch")
      await registry.patch(serviceKind, key, { type: "merge", patch: { spec } }, { dryRun }, ALICE);
    else if (verb === "add range") await registry.create(serviceCIDRKind, undefined, MORE, {}, ALICE);
    else if (verb === "drop range") await registry.delete(serviceCIDRKind, { name: "more" }, {}, ALICE);
    else await registry.delete(serviceKind, key, dryRun ? { dryRun: ["All"] } : {}, ALICE);
  } catch (error) {
    // Refusals are expected; a fault of ours is not.
    if (!(error instanceof ApiError)) throw error;
  }
}

async function check({ registry, ranges }: Fixture): Promise<void> {
  const { items } = await registry.list(serviceKind, {});
  const records = await registry.list(ipAddressKind, {});
  assert.deepEqual(
    records.items.map(({ metadata, spec }) => `${metadata.name} ${spec!.parentRef!.name}`).sort(),
    items
      .flatMap(({ metadata, spec }) =>
        (spec?.clusterIPs ?? []).map((address) => `${canonicalAddress(address)} ${metadata.name}`),
      )
      .filter((line) => !line.startsWith("None "))
      .sort(),
    "what is recorded is what is held",
  );
  // Whatever came and went, no Service is left outside of all ranges: a range that is used stays.
  const { items: known } = await registry.list(serviceCIDRKind, {});
  const cidrs = known.flatMap(({ spec }) => spec!.cidrs!.map(cidr));
  for (const { metadata } of records.items)
    assert.ok(
      cidrs.some((range) => cidrContains(range, ip(metadata.name!))),
      metadata.name,
    );
  const addresses = items.flatMap(({ spec }) =>
    (spec?.clusterIPs ?? []).filter((address) => address !== "None").map(canonicalAddress),
  );
  assert.equal(new Set(addresses).size, addresses.length, `one address, two Services: ${addresses.join()}`);
  const taken = [...ranges.addresses.values()].reduce((sum, { ledger }) => sum + ledger.size, 0);
  assert.equal(taken, addresses.length, "addresses");
  const exposed = items.filter(({ spec }) => spec?.type === "NodePort" || spec?.type === "LoadBalancer");
  const ports = exposed.map(
    ({ spec }) =>
      new Set(
        [...(spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0), spec?.healthCheckNodePort ?? 0].filter(
          Boolean,
        ),
      ),
  );
  assert.equal(
    ranges.nodePorts.ledger.size,
    ports.reduce((sum, { size }) => sum + size, 0),
    "node ports",
  );
  for (const { metadata, spec } of items)
    for (const address of spec?.clusterIPs ?? []) {
      if (address === "None") continue;
      const { space, address: number } = placeOfAddress(ranges, address)!;
      assert.equal(space.ledger.holder(number), `services/default/${metadata.name}`);
    }
}

test("what is taken is what the stored Services hold, after any history of writes", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          restart: fc.boolean(),
          steps: fc.array(step, { minLength: 1, maxLength: 4 }),
        }),
        { maxLength: 15, size: "max" },
      ),
      async (rounds) => {
        const options = {
          serviceCidrs: ["10.96.0.0/28", "fd00::/124"],
          nodePorts: { first: 30000, last: 30011 },
        };
        let fixture = await startRegistry(t, options);
        for (const { restart, steps: round } of rounds) {
          if (restart) {
            await fixture.registry[Symbol.asyncDispose]();
            fixture = await startRegistry(t, { ...options, store: fixture.store });
          }
          // The steps of a round run into each other.
          await Promise.all(round.map(async (one) => run(fixture, one)));
          await check(fixture);
        }
      },
    ),
    { numRuns: 150 },
  );
});
