import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { serviceCIDRKind } from "./kind.ts";

const GOOD = { metadata: { name: "more" }, spec: { cidrs: ["10.97.0.0/24"] } };
const DUAL = { spec: { cidrs: ["10.97.0.0/24", "fd00:1::/112"] } };

test("a ServiceCIDR is one range, or one of each family, in canonical form", () => {
  checkCreates(serviceCIDRKind, GOOD, [
    [{}],
    [DUAL],
    [{ spec: { cidrs: null } }, "spec.cidrs: Required value: at least one CIDR required"],
    [
      { spec: { cidrs: ["10.0.0.0/8", "10.1.0.0/16", "fd00::/64"] } },
      'spec.cidrs: Invalid value: {"cidrs":["10.0.0.0/8","10.1.0.0/16","fd00::/64"]}: may only hold up to 2 values',
    ],
    [
      { spec: { cidrs: ["10.0.0.0/8", "10.1.0.0/16"] } },
      'spec.cidrs: Invalid value: ["10.0.0.0/8","10.1.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
    [
      { spec: { cidrs: ["10.0.0.0"] } },
      'spec.cidrs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      { spec: { cidrs: ["10.0.0.1/8"] } },
      'spec.cidrs[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
    ],
    [
      { spec: { cidrs: ["FD00::/64"] } },
      'spec.cidrs[0]: Invalid value: "FD00::/64": must be in canonical form ("fd00::/64")',
    ],
    [
      { spec: { cidrs: ["::ffff:10.0.0.0/104"] } },
      'spec.cidrs[0]: Invalid value: "::ffff:10.0.0.0/104": must not have an IPv4-mapped IPv6 address',
    ],
    [
      { metadata: { name: "More" } },
      "metadata.name: Invalid value: \"More\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  ]);
});

test("the ranges of a ServiceCIDR cannot change, but a second family may come", () => {
  checkUpdates(serviceCIDRKind, GOOD, [
    [{}],
    [DUAL],
    [
      { spec: { cidrs: ["10.98.0.0/24"] } },
      'spec.cidrs[0]: Invalid value: "10.98.0.0/24": field is immutable',
    ],
    [
      { spec: { cidrs: ["fd00:1::/112", "10.97.0.0/24"] } },
      'spec.cidrs[0]: Invalid value: "fd00:1::/112": field is immutable',
    ],
    [
      { spec: { cidrs: ["10.97.0.0/24", "10.98.0.0/24"] } },
      'spec.cidrs: Invalid value: ["10.97.0.0/24","10.98.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
    [{ spec: { cidrs: [] } }, "spec.cidrs: Invalid value: []: field is immutable"],
  ]);
  checkUpdates(serviceCIDRKind, { ...GOOD, ...DUAL }, [
    [
      { spec: { cidrs: ["10.97.0.0/24"] } },
      'spec.cidrs: Invalid value: ["10.97.0.0/24"]: field is immutable',
    ],
  ]);
});
