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
}

/** One address, protocol and port that clients connect to. */
export interface VirtualPort {
  /** "namespace/name" of the Service. */
  readonly service: string;
  /** The Service port's name; "" for the only, unnamed one. */
  readonly portName: string;
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** New connections are spread over these evenly. No duplicates. Empty: connections are refused. */
  readonly backends: readonly Backend[];
}

/** `address|protocol|port`, e.g. "10.96.0.10|TCP|80": at most one VirtualPort has it. */
export type VirtualPortKey = string;

export function virtualPortKey(port: Pick<VirtualPort, "address" | "protocol" | "port">): VirtualPortKey {
  return `${port.address}|${port.protocol}|${port.port}`;
}

/** The desired state, whole. */
export interface ServiceTable {
  readonly ports: ReadonlyMap<VirtualPortKey, VirtualPort>;
  /** Ranges whose addresses belong to Services: whatever in them is not served is refused, and never leaves the host. */
  readonly ranges: readonly string[];
}

/** A change of the table. `set` adds or replaces. */
export interface TableDelta {
  readonly set: readonly VirtualPort[];
  readonly remove: readonly VirtualPortKey[];
}
