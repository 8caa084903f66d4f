/**
 * What each virtual address means: the whole input of a data plane, as plain values.
 *
 * The table is computed from Services and EndpointSlices (service-table.ts) and is the same for every data plane:
 * kernel state is a function of it and of nothing else.
 */
import type { Protocol } from "../api/service/type.ts";

/** Where a connection may end: a pod's address and port. Addresses are in canonical text form (base/ip.ts). */
export interface Backend {
  readonly address: string;
  readonly port: number;
  /** How many new connections it gets beside the others: 1 to 1000. Backends of weight 0 are not in the table. @default {1} */
  readonly weight?: number;
  /**
   * It is on this node, so its answers come past here whatever source it sees (EndpointSlice endpoints[].nodeName).
   * @default {false}
   */
  readonly local?: boolean;
}

/**
 * How the backend of a new connection is picked. "source" and "source-port" are consistent hashes (Maglev) of the
 * client's address, or of its address and port: a change of the backends moves few clients beyond those it must.
 * "least-clients": a new client gets the backend with the fewest clients for its weight, of equals the first, and keeps
 * it on all ports of the Service (`affinity`): clients are counted for the Service, not for a port.
 */
export type Balance = "random" | "round-robin" | "source" | "source-port" | "least-clients";

/**
 * What kind of address of a Service a virtual port is on. A ClusterIP is nobody's but the Service's, wherever it is from
 * ({@link isWhole}); the others may also be a host's own.
 */
export type VirtualPortType = "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalIP";

/**
 * The backends of some clients. With none, connections are refused at once, or dropped without an answer where a
 * traffic policy Local leaves none here but others exist elsewhere (kube-proxy does the same).
 */
export interface Choice {
  /** No duplicates, in order of address and port. */
  readonly backends: readonly Backend[];
  /** @default {"refuse"} */
  readonly whenEmpty?: "refuse" | "drop";
}

/** One address, protocol and port that clients connect to. `backends` and `whenEmpty` are what clients get. */
export interface VirtualPort extends Choice {
  /** "namespace/name" of the Service. */
  readonly service: string;
  /** The Service port's name; "" for the only, unnamed one. */
  readonly portName: string;
  /** @default {"ClusterIP"} */
  readonly type?: VirtualPortType;
  /** NODE_ADDRESS[family] stands for every address of this node, loopback included: a node port. */
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
  /**
   * What clients outside the cluster get instead: those that are neither this node nor in `podRanges`
   * (externalTrafficPolicy Local). @default {the same as all}
   */
  readonly external?: Choice;
  /** CIDRs: connections from other sources are dropped (loadBalancerSourceRanges); with none in the list, all are. @default {all may} */
  readonly sourceRanges?: readonly string[];
  /** @default {"random"} */
  readonly balance?: Balance;
  /**
   * Seconds for which a client's address keeps its backend, counted from its last connection (sessionAffinity ClientIP).
   * @default {no client keeps its backend; with "least-clients": DEFAULT_AFFINITY_SECONDS}
   */
  readonly affinity?: number;
}

/** What the API server puts in where sessionAffinityConfig says nothing (DefaultClientIPServiceAffinitySeconds). */
export const DEFAULT_AFFINITY_SECONDS = 10_800;

/** The seconds for which a client keeps its backend; undefined if it does not. */
export function affinityOf({
  balance,
  affinity,
}: Pick<VirtualPort, "balance" | "affinity">): number | undefined {
  return affinity ?? (balance === "least-clients" ? DEFAULT_AFFINITY_SECONDS : undefined);
}

/** The address of a node port's VirtualPort. */
export const NODE_ADDRESS = { 4: "0.0.0.0", 6: "::" } as const;

export function isNodePort({ address }: Pick<VirtualPort, "address">): boolean {
  return address === NODE_ADDRESS[4] || address === NODE_ADDRESS[6];
}

/** Whether all of the port's address is the Service's, its unserved ports too, as in `ranges`. */
export function isWhole(port: Pick<VirtualPort, "address" | "type">): boolean {
  return (port.type ?? "ClusterIP") === "ClusterIP" && !isNodePort(port);
}

/** `address|protocol|port`, e.g. "10.96.0.10|TCP|80": at most one VirtualPort has it. */
export type VirtualPortKey = string;

export function virtualPortKey(port: Pick<VirtualPort, "address" | "protocol" | "port">): VirtualPortKey {
  return `${port.address}|${port.protocol}|${port.port}`;
}

/** The desired state, whole. */
export interface ServiceTable {
  readonly ports: ReadonlyMap<VirtualPortKey, VirtualPort>;
  /**
   * Ranges whose addresses belong to Services: whatever in them is not served is refused, and never leaves the host. The
   * same goes for each address outside of them that has a whole port ({@link isWhole}), as long as it has one.
   */
  readonly ranges: readonly string[];
  /** Where pods have their addresses, on this node and others: their connections come from inside the cluster. @default {none} */
  readonly podRanges?: readonly string[];
  /**
   * Where pods of all nodes have addresses that nodes have routes to. A pod's connection to a virtual address is translated
   * on the pod's own node, so the answer comes past here, and its source is kept also on the way to a backend of another
   * node. All other sources are masqueraded there, and those of node ports: a pod of another node may have come here by one,
   * and would be answered by the short way. @default {none}
   */
  readonly routedRanges?: readonly string[];
}

/** A change of the table. `set` adds or replaces. */
export interface TableDelta {
  readonly set: readonly VirtualPort[];
  readonly remove: readonly VirtualPortKey[];
}
