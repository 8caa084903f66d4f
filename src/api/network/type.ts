/**
 * fairlead.dev/v1 Network: a subnet that containers and virtual addresses of Services share.
 *
 * A Service whose annotation {@link NETWORK_ANNOTATION} names a Network of its namespace draws its cluster IPs there, not
 * from the ServiceCIDRs. On a host with a container engine a Network of type Data is a network of the engine's too.
 */
import type { Condition, KubeObject } from "../meta/type.ts";

export interface NetworkSpec {
  /** IPv4 in CIDR notation, "10.1.1.0/24", /8 to /32. At least one of `subnet` and `ipv6Subnet` is there. */
  subnet?: string;
  /** The only addresses that are given out, both ends included: "10.1.1.10-10.1.1.20". @default {all of the subnet} */
  range?: string;
  /** @default {the first address of the subnet, where the type is Data} */
  gateway?: string;
  ipv6Subnet?: string;
  /** @default {the first address of the subnet, where the type is Data} */
  ipv6Gateway?: string;
  /** Data: containers are on it. Infra: addresses for Services alone. @default {"Data"} */
  type?: "Data" | "Infra";
  /** How packets between hosts would be wrapped. Recorded for those who ask; one host needs neither. @default {"VXLAN"} */
  encapsulation?: "VLAN" | "VXLAN";
  /** The VLAN or VXLAN number, 0 to 16777216. Recorded, as the encapsulation is. @default {0} */
  packetTag?: number;
  /** A short name for the network in configurations ("Cfgd Tag"). Recorded. */
  tag?: string;
}

export interface NetworkStatus {
  /** {@link READY_CONDITION}: whether the engine's network is there. */
  conditions?: Condition[];
  /** The network of the container engine: its name there, and its id. */
  dockerNetwork?: { name?: string; id?: string };
}

export interface Network extends KubeObject {
  spec?: NetworkSpec;
  status?: NetworkStatus;
}

/** Of a Service: the Network of its namespace that its cluster IPs are of. */
export const NETWORK_ANNOTATION = "fairlead.dev/network";
/** Status True: the engine's network is as the spec says. False: `reason` and `message` say what the engine said. */
export const READY_CONDITION = "Ready";
/** Keeps a Network until the engine's network is gone; put there by whoever makes that. */
export const ENGINE_FINALIZER = "fairlead.dev/engine-network";
/**
 * The field manager of Contiv's REST. Whoever asks it for a Network waits for {@link READY_CONDITION} and is told what the
 * engine says; a Network that the engine refuses is taken back.
 */
export const NETMASTER = "netmaster";
