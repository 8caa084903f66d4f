import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { networkAddresses } from "../../api/network/addresses.ts";
import type { NetworkSpec } from "../../api/network/type.ts";
import {
  type Cidr,
  cidrAddress,
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  ip,
  parseCidr,
} from "../../base/ip.ts";
import type { IpamConfig, NetworkCreate, NetworkSummary } from "./engine-types.ts";
import {
  differences,
  hasSameSubnets,
  labelledNetwork,
  nameComplaint,
  overlapping,
  subnetComplaint,
  wantedNetwork,
} from "./network-wanted.ts";

const KEY = { namespace: "blue", name: "net" };

function wanted(spec: NetworkSpec, vips: readonly string[] = []): NetworkCreate {
  return wantedNetwork(KEY, "net/blue", networkAddresses(spec), vips, "one");
}

/** As an engine that made it lists it. */
function listed(network: NetworkCreate, change: Partial<NetworkSummary> = {}): NetworkSummary {
  return { Id: "0123", ...network, ...change };
}

function withConfig(network: NetworkSummary, change: IpamConfig): NetworkSummary {
  return { ...network, IPAM: { Config: [{ ...network.IPAM!.Config![0]!, ...change }] } };
}

test("what the engine is asked for", () => {
  const rows: [NetworkSpec, string[], string[]][] = [
    [{ subnet: "10.1.1.0/24" }, [], ["10.1.1.0/24 10.1.1.128/25 via 10.1.1.1, dns 10.1.1.2"]],
    [
      { subnet: "10.1.1.0/24", gateway: "10.1.1.254" },
      ["10.1.1.3", "10.1.1.200", "10.1.1.130", "10.1.1.200", "100.1.1.3"],
      [
        "10.1.1.0/24 10.1.1.128/25 via 10.1.1.254, dns 10.1.1.2, service-10.1.1.130 10.1.1.130, service-10.1.1.200 10.1.1.200",
      ],
    ],
    [{ subnet: "10.1.1.0/29" }, [], ["10.1.1.0/29 10.1.1.4/30 via 10.1.1.1"]],
    [
      { subnet: "10.1.1.0/24", range: "10.1.1.10-10.1.1.20" },
      [],
      ["10.1.1.0/24 10.1.1.16/30 via 10.1.1.1, dns 10.1.1.2"],
    ],
    // Docker 20.10 cannot draw from a range that ends where a /64 does.
    [
      { subnet: "10.1.1.0/24", ipv6Subnet: "fd10:1::/64" },
      ["fd10:1::3", "fd10:1::8000:0:0:7"],
      [
        "10.1.1.0/24 10.1.1.128/25 via 10.1.1.1, dns 10.1.1.2",
        "fd10:1::/64 fd10:1:0:0:8000::/66 via fd10:1::1, dns fd10:1::2, service-fd10:1::8000:0:0:7 fd10:1::8000:0:0:7",
      ],
    ],
    [{ ipv6Subnet: "fd10:1::/112" }, [], ["fd10:1::/112 fd10:1::8000/113 via fd10:1::1, dns fd10:1::2"]],
  ];
  for (const [spec, vips, expected] of rows) {
    const { IPAM, EnableIPv6, EnableIPv4, ...rest } = wanted(spec, vips);
    const text = IPAM.Config.map(({ Subnet, IPRange, Gateway, AuxiliaryAddresses = {} }) =>
      [
        `${Subnet} ${IPRange} via ${Gateway}`,
        ...Object.entries(AuxiliaryAddresses ?? {}).map((one) => one.join(" ")),
      ].join(", "),
    );
    assert.deepEqual(text, expected);
    assert.equal(EnableIPv6, spec.ipv6Subnet !== undefined);
    assert.equal(EnableIPv4, spec.subnet === undefined ? false : undefined);
    assert.deepEqual(rest, {
      Name: "net/blue",
      CheckDuplicate: true,
      Driver: "bridge",
      Labels: { "fairlead.dev/network": "blue/net", "fairlead.dev/installation": "one" },
    });
  }
});

test("whose network it is, by its label", () => {
  const rows: [string | undefined, string | undefined][] = [
    ["blue/net", "blue net"],
    ["default/a.b-c", "default a.b-c"],
    [undefined, undefined],
    ["", undefined],
    ["net", undefined],
    ["blue/net/more", undefined],
    ["Blue/net", undefined],
    ["../net", undefined],
  ];
  for (const [label, expected] of rows) {
    const Labels = label === undefined ? null : { "fairlead.dev/network": label };
    const found = labelledNetwork({ Labels });
    assert.equal(found && `${found.namespace} ${found.name}`, expected, label);
    assert.equal(labelledNetwork({ Labels }, "one"), undefined);
  }
  const Labels = { "fairlead.dev/network": "blue/net", "fairlead.dev/installation": "one" };
  assert.deepEqual(labelledNetwork({ Labels }, "one"), { namespace: "blue", name: "net" });
  assert.equal(labelledNetwork({ Labels }, "two"), undefined);
});

test("what differs, in words", () => {
  const want = wanted({ subnet: "10.1.1.0/24" }, ["10.1.1.200"]);
  const found = listed(want);
  const auxiliary = (AuxiliaryAddresses: Record<string, string>): NetworkSummary =>
    withConfig(found, { AuxiliaryAddresses });
  const rows: [NetworkSummary, string[], string[]][] = [
    [found, [], []],
    // What is reserved beyond it, and under which names, is the engine's business.
    [auxiliary({ a: "10.1.1.200", b: "10.1.1.201" }), [], []],
    // The DNS's address is in no range that containers draw from.
    [auxiliary({}), [], ["10.1.1.200"]],
    [listed(want, { Driver: "macvlan" }), ["the driver is macvlan, not bridge"], []],
    [
      withConfig(found, { Gateway: "10.1.1.254" }),
      ["the gateway of 10.1.1.0/24 is 10.1.1.254, not 10.1.1.1"],
      [],
    ],
    [
      withConfig(found, { IPRange: "" }),
      ["the containers' part of 10.1.1.0/24 is 10.1.1.0/24, not 10.1.1.128/25"],
      [],
    ],
    [
      withConfig(found, { Subnet: "10.1.0.0/16" }),
      ["it has no subnet 10.1.1.0/24", "it has the subnet 10.1.0.0/16"],
      [],
    ],
    [listed(want, { IPAM: null }), ["it has no subnet 10.1.1.0/24"], []],
  ];
  for (const [is, other, unreserved] of rows) assert.deepEqual(differences(is, want), { other, unreserved });
});

test("IPv6 is compared by value, and an IPv4 subnet that an old engine took by itself does not count", () => {
  const want = wanted({ ipv6Subnet: "fd10:1::/112" });
  const config = { Subnet: "FD10:1:0::/112", Gateway: "fd10:1:0:0::1", IPRange: "fd10:1::0:8000/113" };
  const found = listed(want, { IPAM: { Config: [{ Subnet: "172.18.0.0/16" }, config] } });
  assert.deepEqual(differences(found, want), { other: [], unreserved: [] });
});

test("a network made by hand will do if it is a bridge with the same subnets", () => {
  const want = wanted({ subnet: "10.1.1.0/24" });
  const bare = listed(want, { IPAM: { Config: [{ Subnet: "10.1.1.0/24" }] }, Labels: {} });
  assert.ok(hasSameSubnets(bare, want));
  assert.ok(!hasSameSubnets({ ...bare, Driver: "macvlan" }, want));
  assert.ok(!hasSameSubnets({ ...bare, IPAM: { Config: [{ Subnet: "10.1.0.0/16" }] } }, want));
  assert.ok(
    !hasSameSubnets(
      { ...bare, IPAM: { Config: [{ Subnet: "10.1.1.0/24" }, { Subnet: "fd10::/64" }] } },
      want,
    ),
  );
});

test("which networks are in the way", () => {
  const bridge = {
    Id: "1",
    Name: "bridge",
    Driver: "bridge",
    IPAM: { Config: [{ Subnet: "172.17.0.0/16" }] },
  };
  const host = { Id: "2", Name: "host", Driver: "host", IPAM: { Config: [] } };
  assert.deepEqual(overlapping([bridge, host], wanted({ subnet: "172.17.5.0/24" })), [
    "bridge (172.17.0.0/16)",
  ]);
  assert.deepEqual(overlapping([bridge, host], wanted({ subnet: "172.18.0.0/24" })), []);
});

test("what no engine can do is said before it is asked", () => {
  for (const name of ["bridge", "host", "none", "default", "container"])
    assert.match(nameComplaint(name)!, /--net=/);
  for (const name of ["contiv-net", "bridge/blue"]) assert.equal(nameComplaint(name), undefined);
  const complaints = (spec: NetworkSpec) => networkAddresses(spec).map(subnetComplaint);
  assert.deepEqual(complaints({ subnet: "10.0.0.0/8", ipv6Subnet: "fd10::/64" }), [undefined, undefined]);
  assert.match(
    complaints({ ipv6Subnet: "fd10::/48" })[0]!,
    /^the engine gives out .* of fd10::\/48.*: make it a \/64$/,
  );
});

/** A subnet of either family, as a spec may have it. */
const subnets = fc.record({
  subnet: fc
    .tuple(fc.integer({ min: 8, max: 30 }), fc.nat(0xffffffff))
    .map(([length, value]) => range(4, length, BigInt(value))),
  ipv6Subnet: fc.option(
    fc
      .tuple(fc.integer({ min: 64, max: 126 }), fc.bigInt(0n, 2n ** 120n))
      .map(([length, value]) => range(6, length, (0xfdn << 120n) + value)),
    { nil: undefined },
  ),
});

function range(family: 4 | 6, length: number, value: bigint): string {
  const size = 1n << BigInt((family === 4 ? 32 : 128) - length);
  return formatCidr({ base: { family, value: value - (value % size) }, length });
}

test("whatever the Network, what was made differs in nothing, and containers draw from their part alone", () => {
  fc.assert(
    fc.property(
      subnets,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
      ({ subnet, ipv6Subnet }, places) => {
        const spec = { subnet, ...(ipv6Subnet !== undefined && { ipv6Subnet }) };
        const ranges = [subnet, ...(ipv6Subnet === undefined ? [] : [ipv6Subnet])].map((text) =>
          parseCidr(text)!,
        );
        const vips = ranges.flatMap((one) => places.map((place) => formatIp(within(one, place))));
        const families = networkAddresses(spec);
        const want = wanted(spec, vips);
        assert.deepEqual(differences(listed(want), want), { other: [], unreserved: [] });
        for (const [i, { subnet: whole, containers, services, dns }] of families.entries()) {
          const { IPRange, AuxiliaryAddresses } = want.IPAM.Config[i]!;
          const drawn = parseCidr(IPRange!)!;
          assert.ok(cidrContains(whole, drawn.base) && cidrContains(containers!, drawn.base));
          assert.ok(drawn.length >= containers!.length);
          assert.ok(dns === undefined || !cidrContains(drawn, dns));
          for (const { first, last } of services)
            for (const value of [first, last])
              assert.ok(!cidrContains(drawn, { family: whole.base.family, value }));
          for (const address of Object.values(AuxiliaryAddresses ?? {}))
            assert.ok(cidrContains(whole, ip(address)));
        }
        // A VIP that comes later, within what containers draw from, is noticed; one elsewhere is not.
        const before = listed(wanted(spec));
        const inRange = new Set(
          vips.filter((vip) =>
            want.IPAM.Config.some(
              ({ IPRange, Gateway }) => cidrContains(parseCidr(IPRange!)!, ip(vip)) && Gateway !== vip,
            ),
          ),
        );
        assert.deepEqual(new Set(differences(before, want).unreserved), inRange);
      },
    ),
  );
});

function within(one: Cidr, place: number): ReturnType<typeof ip> {
  const size = cidrSize(one);
  const at = (size * BigInt(Math.floor(place * 1e6))) / 1_000_000n;
  return cidrAddress(one, at < size ? at : size - 1n);
}
