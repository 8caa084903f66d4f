/** The schema of fairlead.dev/v1 Network. */
import { kindSchema } from "../meta/kind-schema.ts";
import { conditionSchema } from "../meta/schema.ts";
import { int32, list, object, objectSchema, oneOf, pointer, string } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { Network, NetworkSpec, NetworkStatus } from "./type.ts";

const specSchema: ObjectSchema<NetworkSpec> = objectSchema(
  "dev.fairlead.v1.NetworkSpec",
  "What the network should be. None of it can be changed later, but for the tag.",
  {
    subnet: string(
      1,
      "The IPv4 subnet in CIDR notation (10.1.1.0/24), /8 to /32. No other network's and no ServiceCIDR's addresses may be in it. At least one of subnet and ipv6Subnet is needed.",
    ),
    range: string(
      2,
      "The first and the last address of the subnet that are given out (10.1.1.10-10.1.1.20). All of the subnet if it is not set.",
    ),
    gateway: string(
      3,
      "The address of the network's gateway, inside of the subnet. The first address of the subnet if it is not set and the type is Data.",
    ),
    ipv6Subnet: string(
      4,
      "The IPv6 subnet in CIDR notation (fd00:1::/64). At least one of subnet and ipv6Subnet is needed.",
    ),
    ipv6Gateway: string(
      5,
      "The IPv6 address of the network's gateway, inside of the IPv6 subnet. The first address of the IPv6 subnet if it is not set and the type is Data.",
    ),
    type: oneOf(
      6,
      ["Data", "Infra"],
      "Data: containers are on the network, and a container engine on the host has one of the same name. Infra: its addresses are for services alone. Data if it is not set.",
    ),
    encapsulation: oneOf(
      7,
      ["VLAN", "VXLAN"],
      "How packets between hosts would be wrapped. It is recorded only: one host wraps none. VXLAN if it is not set.",
    ),
    packetTag: int32(8, "The number of the VLAN or VXLAN, 0 to 16777216. It is recorded only."),
    tag: string(9, "A short name for the network in configurations, of at most 128 bytes."),
  },
);

const dockerNetworkSchema: ObjectSchema<NonNullable<NetworkStatus["dockerNetwork"]>> = objectSchema(
  "dev.fairlead.v1.DockerNetwork",
  "A network of the container engine.",
  {
    name: string(1, "Its name in the engine."),
    id: string(2, "Its id in the engine."),
  },
);

const statusSchema: ObjectSchema<NetworkStatus> = objectSchema(
  "dev.fairlead.v1.NetworkStatus",
  "What the network is at present.",
  {
    conditions: list(
      1,
      conditionSchema,
      "Ready says whether the container engine's network is there, and if it is not, what the engine said.",
      { list: { type: "map", keys: ["type"] }, patch: { strategy: "merge", key: "type" } },
    ),
    dockerNetwork: pointer(object(2, dockerNetworkSchema, "The network of the container engine.")),
  },
);

export const networkSchema: ObjectSchema<Network> = kindSchema(
  "dev.fairlead.v1.Network",
  "A subnet that containers and virtual addresses of services share. A service draws its cluster IPs from it by the annotation fairlead.dev/network.",
  {
    spec: object(2, specSchema, "What the network should be."),
    status: object(3, statusSchema, "What the network is at present."),
  },
);
