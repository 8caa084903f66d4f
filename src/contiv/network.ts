/** A network as Contiv has it, and the Network it is in Kubernetes. Pure. */
import { networkType } from "../api/network/defaults.ts";
import type { Network, NetworkSpec } from "../api/network/type.ts";
import { canonicalCidr, formatCidr, parseIp } from "../base/ip.ts";
import { canonicalAddress } from "../base/sloppy-ip.ts";
import { contivName, kubernetesName, nameAnnotation } from "./names.ts";
import type { Picture } from "./picture.ts";
import type { NetworkConfig } from "./wire.ts";

const TYPES = { data: "Data", infra: "Infra" } as const;
const ENCAPSULATIONS = { vlan: "VLAN", vxlan: "VXLAN" } as const;

export function networkKey({ metadata }: Network, picture: Picture): string {
  const { namespace = "" } = metadata;
  return `${picture.tenantName(namespace)}:${picture.networkName(namespace, metadata.name ?? "")}`;
}

export function networkConfig(network: Network, picture: Picture): NetworkConfig {
  const { metadata, spec = {} } = network;
  const tenantName = picture.tenantName(metadata.namespace ?? "");
  const networkName = contivName("networks", network);
  return {
    key: `${tenantName}:${networkName}`,
    tenantName,
    networkName,
    nwType: networkType(spec).toLowerCase(),
    encap: (spec.encapsulation ?? "VXLAN").toLowerCase(),
    pktTag: spec.packetTag ?? 0,
    subnet: subnetText(spec),
    gateway: spec.gateway ?? "",
    ipv6Subnet: spec.ipv6Subnet ?? "",
    ipv6Gateway: spec.ipv6Gateway ?? "",
    cfgdTag: spec.tag ?? "",
    links: { Tenant: { type: "tenant", key: tenantName } },
  };
}

/** Of a config that was checked. */
export function networkOf(config: NetworkConfig): Network {
  const { networkName, tenantName } = config;
  return {
    apiVersion: "fairlead.dev/v1",
    kind: "Network",
    metadata: {
      namespace: kubernetesName("tenants", tenantName),
      name: kubernetesName("networks", networkName),
      annotations: nameAnnotation("networks", networkName),
    },
    spec: specOf(config),
  };
}

/** Kubernetes takes addresses in one form alone (RFC 5952). */
function specOf(config: NetworkConfig): NetworkSpec {
  const { nwType, encap, pktTag = 0, gateway, ipv6Subnet, ipv6Gateway, cfgdTag } = config;
  return {
    type: TYPES[(nwType || "data") as "data"],
    encapsulation: ENCAPSULATIONS[(encap || "vxlan") as "vxlan"],
    ...subnetOf(config.subnet ?? ""),
    ...(gateway && { gateway: canonicalAddress(gateway) }),
    ...(ipv6Subnet && { ipv6Subnet: canonicalCidr(ipv6Subnet) }),
    ...(ipv6Gateway && { ipv6Gateway: canonicalAddress(ipv6Gateway) }),
    ...(pktTag > 0 && { packetTag: pktTag }),
    ...(cfgdTag && { tag: cfgdTag }),
  };
}

/** Whether a request for a network that there is asks for another one. What it leaves out is as it would be by default. */
export function isOtherNetwork({ spec = {} }: Network, config: NetworkConfig): boolean {
  const wanted = specOf(config);
  const is: NetworkSpec = { type: "Data", encapsulation: "VXLAN", ...spec };
  // Who leaves the gateway out takes what there is: the server may have filled it in.
  const fields = ["type", "encapsulation", "subnet", "range", "ipv6Subnet", "tag"] as const;
  if (fields.some((field) => (is[field] ?? "") !== (wanted[field] ?? ""))) return true;
  if ((is.packetTag ?? 0) !== (wanted.packetTag ?? 0)) return true;
  return (["gateway", "ipv6Gateway"] as const).some(
    (field) => wanted[field] !== undefined && wanted[field] !== is[field],
  );
}

/** "10.1.1.0/24", or "10.1.1.10-10.1.1.20/24" where only some addresses are given out. */
function subnetText({ subnet = "", range = "" }: NetworkSpec): string {
  return range === "" ? subnet : `${range}${subnet.slice(subnet.indexOf("/"))}`;
}

function subnetOf(text: string): Pick<NetworkSpec, "subnet" | "range"> {
  if (text === "") return {};
  const [range = "", length = ""] = text.split("/");
  if (!range.includes("-")) return { subnet: text };
  // The subnet that the first address is in; the server sees whether the last one is in it too.
  const first = parseIp(range.slice(0, range.indexOf("-")));
  if (first === undefined) return { subnet: text };
  const bits = 32n - BigInt(length);
  const base = { family: first.family, value: (first.value >> bits) << bits };
  return { subnet: formatCidr({ base, length: Number(length) }), range };
}
