import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { networkKind } from "./kind.ts";

const GOOD = { metadata: { name: "web", namespace: "default" }, spec: { subnet: "10.1.1.0/24" } };
const NOT_A_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
const UNCHANGEABLE = "field is immutable: Cant change network parameters after its created";

test("a Network has a subnet, and what is in it", () => {
  checkCreates(networkKind, GOOD, [
    [{}],
    [{ spec: { gateway: "10.1.1.254", range: "10.1.1.10-10.1.1.20", packetTag: 16777216, tag: "blue" } }],
    [{ spec: { subnet: null, ipv6Subnet: "fd00:1::/64", ipv6Gateway: "fd00:1::1" } }],
    [{ spec: { ipv6Subnet: "fd00:1::/64", type: "Infra", encapsulation: "VLAN" } }],
    [{ spec: null }, "spec.subnet: Required value: a network needs a subnet, an IPv6 subnet or both"],
    [
      { spec: { subnet: "" } },
      "spec.subnet: Required value: a network needs a subnet, an IPv6 subnet or both",
    ],
    [
      { spec: { packetTag: 16777217 } },
      "spec.packetTag: Invalid value: 16777217: must be between 0 and 16777216, inclusive",
    ],
    [
      { spec: { packetTag: -1 } },
      "spec.packetTag: Invalid value: -1: must be between 0 and 16777216, inclusive",
    ],
    [{ spec: { type: "data" } }, 'spec.type: Unsupported value: "data": supported values: "Data", "Infra"'],
    [
      { spec: { encapsulation: "gre" } },
      'spec.encapsulation: Unsupported value: "gre": supported values: "VLAN", "VXLAN"',
    ],
    [{ spec: { tag: "x".repeat(129) } }, "spec.tag: Too long: may not be more than 128 bytes"],
  ]);
});

test("subnets: canonical, of a length that is supported, and no host's enemy", () => {
  const refused = (subnet: string, why: string): [object, string] => [
    { spec: { subnet } },
    `spec.subnet: Invalid value: ${JSON.stringify(subnet)}: ${why}`,
  ];
  checkCreates(networkKind, GOOD, [
    [{ spec: { subnet: "10.0.0.0/8" } }],
    [{ spec: { subnet: "10.1.1.4/30" } }],
    [{ spec: { subnet: "10.1.1.4/32", type: "Infra" } }],
    [{ spec: { subnet: "127.9.0.0/16", type: "Infra" } }],
    refused("10.0.0.0/7", "subnet length 7 not supported: it may be 8 to 32"),
    refused("10.0.0.0/33", "subnet length 33 not supported: it may be 8 to 32"),
    refused("0.0.0.0/0", "subnet length 0 not supported: it may be 8 to 32"),
    refused("10.1.1.4/31", "subnet length 31 not supported where the type is Data: it may be 8 to 30"),
    refused("10.1.1.4/24", "must not have bits set beyond the prefix length"),
    refused("10.1.1.0", NOT_A_RANGE),
    refused("10.1.1.0/x", NOT_A_RANGE),
    refused("10.1.1.300/24", NOT_A_RANGE),
    refused("010.1.1.0/24", "must not have leading 0s in IP or prefix length"),
    refused("fd00::/64", "must be an IPv4 range"),
    refused("224.0.1.0/24", "may not be in the multicast range (224.0.0.0/4)"),
    refused("127.9.0.0/16", "may not be in the loopback range (127.0.0.0/8, ::1/128) where the type is Data"),
    [
      { spec: { ipv6Subnet: "10.2.0.0/24" } },
      'spec.ipv6Subnet: Invalid value: "10.2.0.0/24": must be an IPv6 range',
    ],
    [
      { spec: { ipv6Subnet: "FD00::/64" } },
      'spec.ipv6Subnet: Invalid value: "FD00::/64": must be in canonical form ("fd00::/64")',
    ],
    [
      { spec: { ipv6Subnet: "fe80::/64" } },
      'spec.ipv6Subnet: Invalid value: "fe80::/64": may not be in the link-local range (fe80::/10)',
    ],
    [
      { spec: { ipv6Subnet: "fd00::/127" } },
      'spec.ipv6Subnet: Invalid value: "fd00::/127": subnet length 127 not supported where the type is Data: it may be 8 to 126',
    ],
  ]);
});

test("gateways and ranges are of their subnet", () => {
  const gateway = (gateway: string, why: string): [object, string] => [
    { spec: { gateway } },
    `spec.gateway: Invalid value: "${gateway}": ${why}`,
  ];
  const range = (range: string, why: string): [object, string] => [
    { spec: { range } },
    `spec.range: Invalid value: "${range}": ${why}`,
  ];
  checkCreates(networkKind, GOOD, [
    [{ spec: { gateway: "10.1.1.1" } }],
    gateway("10.1.2.1", "must be inside the subnet 10.1.1.0/24"),
    gateway("10.1.1.0", "must not be the network's own address of 10.1.1.0/24"),
    gateway("10.1.1.255", "must not be the broadcast address of 10.1.1.0/24"),
    gateway("fd00::1", "must be inside the subnet 10.1.1.0/24"),
    gateway("x", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    [{ spec: { ipv6Gateway: "fd00::1" } }, "spec.ipv6Gateway: Forbidden: may only be set with `ipv6Subnet`"],
    [
      { spec: { ipv6Subnet: "fd00::/64", ipv6Gateway: "fd00::" } },
      'spec.ipv6Gateway: Invalid value: "fd00::": must not be the network\'s own address of fd00::/64',
    ],
    [{ spec: { ipv6Subnet: "fd00::/64", ipv6Gateway: "fd00::ffff:ffff:ffff:ffff" } }],
    [{ spec: { range: "10.1.1.0-10.1.1.255" } }],
    [{ spec: { range: "10.1.1.9-10.1.1.9" } }],
    range("10.1.1.9", "must be the first and the last of some IPv4 addresses (e.g. 10.1.1.10-10.1.1.20)"),
    range(
      "fd00::1-fd00::2",
      "must be the first and the last of some IPv4 addresses (e.g. 10.1.1.10-10.1.1.20)",
    ),
    range("10.1.1.9-10.1.1.8", "must have its lower address first"),
    range("10.1.0.9-10.1.1.8", "must be inside the subnet 10.1.1.0/24"),
    range("10.1.1.255-10.1.1.255", "must have more than the network's own and the broadcast address"),
    [
      { spec: { subnet: null, ipv6Subnet: "fd00::/64", range: "10.1.1.1-10.1.1.2" } },
      "spec.range: Forbidden: may only be set with `subnet`",
    ],
  ]);
});

test("nothing of a Network changes but its tag", () => {
  const old = { ...GOOD, spec: { subnet: "10.1.1.0/24", gateway: "10.1.1.1", tag: "a" } };
  checkUpdates(networkKind, old, [
    [{}],
    [{ spec: { tag: "b" }, metadata: { labels: { a: "b" } } }],
    [{ spec: { tag: null } }],
    [{ spec: { subnet: "10.1.2.0/24" } }, `spec.subnet: Invalid value: "10.1.2.0/24": ${UNCHANGEABLE}`],
    [{ spec: { gateway: null } }, `spec.gateway: Invalid value: "": ${UNCHANGEABLE}`],
    [{ spec: { type: "Infra" } }, `spec.type: Invalid value: "Infra": ${UNCHANGEABLE}`],
    [{ spec: { packetTag: 7 } }, `spec.packetTag: Invalid value: 7: ${UNCHANGEABLE}`],
    [{ spec: { packetTag: 0 } }],
    [{ spec: { tag: "x".repeat(129) } }, "spec.tag: Too long: may not be more than 128 bytes"],
  ]);
});
