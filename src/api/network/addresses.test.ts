import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { addressesIn, isInRun } from "../../base/address-runs.ts";
import { cidrContains, cidrSize, formatCidr, formatIp, type IpFamily } from "../../base/ip.ts";
import {
  hostAddresses,
  isForContainers,
  isUsable,
  type NetworkAddresses,
  networkAddresses,
} from "./addresses.ts";
import { dockerNetworkName, dockerNetworkNamespace } from "./docker-name.ts";
import { networkKind } from "./kind.ts";
import type { NetworkSpec } from "./type.ts";

/** "gateway dns containers services", "-" for what is not there. */
function written({ family, gateway, dns, containers, services }: NetworkAddresses): string {
  const text = (value: bigint): string => formatIp({ family, value });
  const runs = services.map(({ first, last }) =>
    first === last ? text(first) : `${text(first)}-${text(last)}`,
  );
  return [
    gateway === undefined ? "-" : formatIp(gateway),
    dns === undefined ? "-" : formatIp(dns),
    containers === undefined ? "-" : formatCidr(containers),
    runs.length === 0 ? "-" : runs.join(","),
  ].join(" ");
}

const rows: readonly [spec: NetworkSpec, ...families: string[]][] = [
  [{ subnet: "100.1.1.0/24" }, "100.1.1.1 100.1.1.2 100.1.1.128/25 100.1.1.3-100.1.1.127"],
  [
    { subnet: "10.1.1.0/24", gateway: "10.1.1.254" },
    "10.1.1.254 10.1.1.2 10.1.1.128/25 10.1.1.1,10.1.1.3-10.1.1.127",
  ],
  [{ subnet: "10.1.1.0/24", gateway: "10.1.1.2" }, "10.1.1.2 10.1.1.1 10.1.1.128/25 10.1.1.3-10.1.1.127"],
  [{ subnet: "10.1.1.0/28" }, "10.1.1.1 10.1.1.2 10.1.1.8/29 10.1.1.3-10.1.1.7"],
  [{ subnet: "10.1.1.0/29" }, "10.1.1.1 - 10.1.1.4/30 10.1.1.2-10.1.1.3"],
  [{ subnet: "10.1.1.0/30" }, "10.1.1.1 - 10.1.1.2/31 -"],
  [{ subnet: "10.0.0.0/8" }, "10.0.0.1 10.0.0.2 10.128.0.0/9 10.0.0.3-10.127.255.255"],
  [
    { subnet: "10.1.1.0/24", range: "10.1.1.10-10.1.1.20" },
    "10.1.1.1 10.1.1.2 10.1.1.16/30 10.1.1.10-10.1.1.15,10.1.1.20",
  ],
  [
    { subnet: "10.1.1.0/24", range: "10.1.1.0-10.1.1.255" },
    "10.1.1.1 10.1.1.2 10.1.1.128/25 10.1.1.3-10.1.1.127",
  ],
  [{ subnet: "10.1.1.0/24", range: "10.1.1.9-10.1.1.9" }, "10.1.1.1 10.1.1.2 10.1.1.9/32 -"],
  [{ subnet: "10.1.1.0/24", type: "Infra" }, "- - - 10.1.1.1-10.1.1.254"],
  [
    { subnet: "10.1.1.0/24", gateway: "10.1.1.9", type: "Infra" },
    "10.1.1.9 - - 10.1.1.1-10.1.1.8,10.1.1.10-10.1.1.254",
  ],
  [{ subnet: "10.1.1.7/32", type: "Infra" }, "- - - 10.1.1.7"],
  [{ subnet: "10.1.1.6/31", type: "Infra" }, "- - - 10.1.1.6-10.1.1.7"],
  [
    { ipv6Subnet: "fd00:1::/64" },
    "fd00:1::1 fd00:1::2 fd00:1:0:0:8000::/65 fd00:1::3-fd00:1::7fff:ffff:ffff:ffff",
  ],
  [
    { ipv6Subnet: "fd00:1::/124", subnet: "10.1.1.0/24", type: "Infra" },
    "- - - 10.1.1.1-10.1.1.254",
    "- - - fd00:1::1-fd00:1::f",
  ],
];

suite("what each address of a Network is for", () => {
  for (const [spec, ...families] of rows)
    test(JSON.stringify(spec), () => assert.deepEqual(networkAddresses(spec).map(written), families));
});

/** A Network that validation lets in. */
const anySpec: fc.Arbitrary<NetworkSpec> = fc
  .record({
    six: fc.boolean(),
    type: fc.constantFrom<"Data" | "Infra">("Data", "Infra"),
    length: fc.integer({ min: 8, max: 128 }),
    seed: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    gateway: fc.option(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), { nil: undefined }),
    range: fc.option(fc.tuple(fc.nat(), fc.nat()), { nil: undefined }),
  })
  .map(({ six, type, length, seed, gateway, range }) => {
    const family: IpFamily = six ? 6 : 4;
    const bits = six ? 128 : 32;
    const bounded = six ? length : 8 + (length % 25);
    const size = 1n << BigInt(bits - bounded);
    const start = six ? 0xfdn << 120n : 10n << 24n;
    const base = start + ((seed % (1n << BigInt(bits - 8))) / size) * size;
    const subnet = { base: { family, value: base }, length: bounded };
    const hosts = hostAddresses(subnet);
    const within = (n: bigint): string =>
      formatIp({ family, value: hosts.first + (n % (hosts.last - hosts.first + 1n)) });
    const ends = range?.map((n) => base + (BigInt(n) % size)).sort((a, b) => (a < b ? -1 : 1));
    return {
      type,
      [six ? "ipv6Subnet" : "subnet"]: formatCidr(subnet),
      ...(gateway !== undefined && { [six ? "ipv6Gateway" : "gateway"]: within(gateway) }),
      ...(!six && ends && { range: ends.map((value) => formatIp({ family, value })).join("-") }),
    } satisfies NetworkSpec;
  })
  .filter(
    (spec) =>
      networkKind.validate({ metadata: { name: "n", namespace: "d" }, spec }, { ipFamilies: [] }).length ===
      0,
  );

test("no address has two uses, none is outside, and none is the network's own or broadcast address", () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      const [one] = networkAddresses(spec);
      const { family, subnet, gateway, dns, containers, services, usable } = one!;
      const hosts = hostAddresses(subnet);
      let before = -1n;
      for (const run of services) {
        assert.ok(run.first > before && run.first <= run.last, "ascending, disjoint and not empty");
        assert.ok(isInRun(hosts, run.first) && isInRun(hosts, run.last), "of hosts");
        assert.ok(isInRun(usable, run.first) && isInRun(usable, run.last), "inside of the range");
        for (const other of [gateway, dns])
          assert.ok(other === undefined || !isInRun(run, other.value), "neither gateway nor DNS");
        for (const value of [run.first, run.last]) {
          assert.ok(isUsable(one!, { family, value }));
          assert.ok(!isForContainers(one!, { family, value }));
        }
        before = run.last;
      }
      assert.ok(gateway === undefined || cidrContains(subnet, gateway));
      assert.ok(dns === undefined || (cidrContains(subnet, dns) && dns.value !== gateway!.value));
      assert.equal(containers !== undefined, spec.type === "Data");
      if (containers !== undefined) {
        const last = containers.base.value + cidrSize(containers) - 1n;
        assert.ok(cidrContains(subnet, containers.base) && containers.length >= subnet.length);
        assert.equal(containers.base.value % cidrSize(containers), 0n, "aligned");
        for (const run of services) assert.ok(run.last < containers.base.value || run.first > last, "apart");
        if (spec.range === undefined) assert.equal(cidrSize(containers) * 2n, cidrSize(subnet), "one half");
        else assert.ok(last <= usable.last + 1n, "inside of the range");
      }
    }),
    { numRuns: 2000 },
  );
});

test("in small subnets every address that a host can have has just one use", () => {
  const small = anySpec.filter((spec) => cidrSize(networkAddresses(spec)[0]!.subnet) <= 256n);
  fc.assert(
    fc.property(small, (spec) => {
      const [one] = networkAddresses(spec);
      const { family, subnet, usable } = one!;
      const forServices = new Set(addressesIn(one!.services));
      for (const value of addressesIn([
        { first: subnet.base.value, last: subnet.base.value + cidrSize(subnet) - 1n },
      ])) {
        const address = { family, value };
        const open = isUsable(one!, address) && !isForContainers(one!, address);
        assert.equal(forServices.has(value), open, formatIp(address));
        if (forServices.has(value)) assert.ok(isInRun(usable, value));
      }
    }),
    { numRuns: 300 },
  );
});

test("the search for an address can begin anywhere, and takes no longer for a large subnet", () => {
  const [one] = networkAddresses({ ipv6Subnet: "fd00::/8", type: "Infra" });
  const from = one!.services[0]!.first + 2n ** 100n;
  assert.equal(addressesIn(one!.services, from).next().value, from);
  const [four] = networkAddresses({ subnet: "10.1.1.0/24", gateway: "10.1.1.254" });
  const first = (start: bigint): bigint | undefined =>
    addressesIn(four!.services, start).next().value as bigint;
  const base = four!.subnet.base.value;
  assert.deepEqual([first(0n), first(base + 2n), first(base + 200n)], [base + 1n, base + 3n, undefined]);
});

test("the engine's name of a Network has its namespace after a slash, but for the default one", () => {
  assert.equal(dockerNetworkName("default", "web"), "web");
  assert.equal(dockerNetworkName("blue", "web"), "web/blue");
  for (const namespace of ["default", "blue"])
    assert.equal(dockerNetworkNamespace(dockerNetworkName(namespace, "web")), namespace);
});
