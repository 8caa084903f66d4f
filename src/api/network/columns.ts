/** The columns of `kubectl get networks`. */
import { formatCidr, formatIp } from "../../base/ip.ts";
import { ageColumn, column, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import { type NetworkAddresses, networkAddresses } from "./addresses.ts";
import { networkType } from "./defaults.ts";
import { type Network, READY_CONDITION } from "./type.ts";

const NONE = "<none>";

function family({ spec = {} }: Network, wanted: 4 | 6): NetworkAddresses | undefined {
  return networkAddresses(spec).find((one) => one.family === wanted);
}

function gateway(addresses: NetworkAddresses | undefined): string {
  return addresses?.gateway === undefined ? NONE : formatIp(addresses.gateway);
}

function containers({ spec = {} }: Network): string {
  const ranges = networkAddresses(spec).flatMap((one) => one.containers ?? []);
  return ranges.length === 0 ? NONE : ranges.map(formatCidr).join(",");
}

export const networkColumns: readonly Column<Network>[] = [
  nameColumn,
  column("Subnet", "The IPv4 subnet.", ({ spec }) => spec?.subnet ?? NONE),
  column("Gateway", "The address of the gateway, given or not.", (network) => gateway(family(network, 4))),
  column("IPv6 Subnet", "The IPv6 subnet.", ({ spec }) => spec?.ipv6Subnet ?? NONE),
  column("Type", "Data: containers are on it. Infra: services alone.", ({ spec }) => networkType(spec)),
  column(
    "Docker Network",
    "The network of the container engine.",
    ({ status }) => status?.dockerNetwork?.name ?? NONE,
  ),
  column(
    "Ready",
    "Whether the container engine's network is there.",
    ({ status }) => status?.conditions?.find(({ type }) => type === READY_CONDITION)?.status ?? NONE,
  ),
  ageColumn,
  wideColumn("Range", "The only addresses that are given out.", ({ spec }) => spec?.range ?? NONE),
  wideColumn("Containers", "What containers draw their addresses from.", containers),
  wideColumn("IPv6 Gateway", "The IPv6 address of the gateway, given or not.", (network) =>
    gateway(family(network, 6)),
  ),
  wideColumn(
    "Encap",
    "How packets between hosts would be wrapped.",
    ({ spec }) => spec?.encapsulation ?? NONE,
  ),
  wideColumn("Packet Tag", "The number of the VLAN or VXLAN.", ({ spec }) => String(spec?.packetTag ?? 0)),
  wideColumn("Tag", "The network's name in configurations.", ({ spec }) => spec?.tag ?? NONE),
];
