/**
 * What the table says becomes of a new connection: read off the table alone, without any rules. What the rules of a data
 * plane do is held against it, and it names the reasons when somebody asks (trace.ts).
 */
import { cidr, cidrContains, ip } from "../base/ip.ts";
import type { Protocol } from "../api/service/type.ts";
import type { Backend, Choice, ServiceTable, VirtualPort } from "./table.ts";
import { isNodePort, isWhole, NODE_ADDRESS, virtualPortKey } from "./table.ts";

export interface NewConnection {
  /** The client's address; of the family of `address`. Addresses are in canonical text form. */
  readonly source: string;
  readonly address: string;
  /** 0 for ICMP. */
  readonly port: number;
  readonly protocol: Protocol | "ICMP";
  /** A process of this host connects. */
  readonly fromHost: boolean;
}

/** What the host around the table knows. */
export interface VerdictHost {
  /** Whether connections to the address end at this host: loopback addresses are its own, too. */
  isOwn(address: string): boolean;
  /** Whether answers between client and endpoint would bypass this host (interfaces that it bridges). @default {never} */
  bypasses?(source: string, backend: Backend): boolean;
}

/** Why an endpoint sees another source than the client's; `kept` if it sees the client. */
export type SourceReason =
  | { readonly kept: true; readonly why: "the endpoint is on this node" | "it is a pod of this node" }
  | {
      readonly kept: false;
      readonly why:
        | "an endpoint that reaches itself would drop its own address"
        | "answers would bypass this node"
        | "nobody else can answer to a loopback address"
        | "nobody else can answer to a virtual address"
        | "answers from another node would miss this one";
    };

export type TableVerdict =
  /** None of our business: no port of a Service, nor in a service range. */
  | { readonly kind: "untouched" }
  /** In the service range `range`, and no port of a Service; a Service's whole address is a range of one. */
  | { readonly kind: "refused"; readonly range: string; readonly port?: undefined }
  /** `choice` is what this client gets. */
  | {
      readonly kind: "refused" | "dropped";
      readonly port: VirtualPort;
      readonly choice: Choice;
      readonly isInside: boolean;
      readonly why: "source ranges" | "no endpoint" | "no endpoint here";
    }
  | {
      readonly kind: "balanced";
      readonly port: VirtualPort;
      readonly choice: Choice;
      readonly isInside: boolean;
    };

/** The virtual port that the connection is made to: the address' own before those of all the node's addresses. */
export function portOf(
  table: ServiceTable,
  { address, port, protocol }: Omit<NewConnection, "source" | "fromHost">,
  host: VerdictHost,
): VirtualPort | undefined {
  if (protocol === "ICMP") return undefined;
  const exact = table.ports.get(virtualPortKey({ address, port, protocol }));
  if (exact !== undefined || !host.isOwn(address)) return exact;
  // Linux routes packets to ::1 to nobody else, whatever they are translated to: that node port is the userspace proxy's.
  if (address === "::1" || virtualRange(table, address) !== undefined) return undefined;
  const any = NODE_ADDRESS[address.includes(":") ? 6 : 4];
  return table.ports.get(virtualPortKey({ address: any, port, protocol }));
}

/** A function of the table: time (affinity) and earlier connections (round robin) only narrow the choice down. */
export function tableVerdict(
  table: ServiceTable,
  connection: NewConnection,
  host: VerdictHost,
): TableVerdict {
  const { source, address } = connection;
  const port = portOf(table, connection, host);
  if (port === undefined) {
    const range = virtualRange(table, address);
    return range === undefined ? { kind: "untouched" } : { kind: "refused", range };
  }
  // Who says that it is this host is believed: nobody else can be answered at that address.
  const isInside =
    connection.fromHost || host.isOwn(source) || rangeWith(table.podRanges ?? [], source) !== undefined;
  const choice = isInside ? port : (port.external ?? port);
  const subject = { port, choice, isInside };
  if (port.sourceRanges !== undefined && rangeWith(port.sourceRanges, source) === undefined)
    return { kind: "dropped", ...subject, why: "source ranges" };
  if (choice.backends.length > 0) return { kind: "balanced", ...subject };
  return choice.whenEmpty === "drop"
    ? { kind: "dropped", ...subject, why: "no endpoint here" }
    : { kind: "refused", ...subject, why: "no endpoint" };
}

/** Whose address the endpoint sees of a connection that was made to `port`, and why. */
export function sourceReason(
  table: ServiceTable,
  source: string,
  port: Pick<VirtualPort, "address">,
  backend: Backend,
  host: VerdictHost,
): SourceReason {
  if (backend.address === source)
    return { kept: false, why: "an endpoint that reaches itself would drop its own address" };
  if (host.bypasses?.(source, backend) === true)
    return { kept: false, why: "answers would bypass this node" };
  if (isLoopback(source)) return { kept: false, why: "nobody else can answer to a loopback address" };
  if (virtualRange(table, source) !== undefined)
    return { kept: false, why: "nobody else can answer to a virtual address" };
  if (backend.local === true) return { kept: true, why: "the endpoint is on this node" };
  if (!isNodePort(port) && rangeWith(table.routedRanges ?? [], source) !== undefined)
    return { kept: true, why: "it is a pod of this node" };
  return { kept: false, why: "answers from another node would miss this one" };
}

/** The range of nothing but virtual addresses that the address is in: a service range, or itself. */
export function virtualRange(table: ServiceTable, address: string): string | undefined {
  const range = rangeWith(table.ranges, address);
  if (range !== undefined) return range;
  for (const port of table.ports.values())
    if (port.address === address && isWhole(port)) return `${address}/${address.includes(":") ? 128 : 32}`;
  return undefined;
}

function rangeWith(ranges: readonly string[], address: string): string | undefined {
  const parsed = ip(address);
  return ranges.find((text) => cidrContains(cidr(text), parsed));
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
