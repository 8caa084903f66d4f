/** What is found out about a traced connection (trace.ts), as data. */
import type { Trace } from "./fake/packet-trace.ts";
import type { Balance, VirtualPortType } from "./table.ts";
import type { SourceReason } from "./table-verdict.ts";

export interface EndpointShare {
  readonly address: string;
  readonly port: number;
  /** Of this client's new connections: 0 to 100. */
  readonly percent: number;
  /** The client's address as the endpoint sees it, and why; no reason if the table does not have the endpoint. */
  readonly seenAs: string;
  readonly why?: SourceReason["why"];
}

export interface Explanation {
  /** "untouched": none of our business, it goes on as if we were not there. */
  readonly fate: "balanced" | "refused" | "dropped" | "untouched";
  readonly client: { readonly address: string; readonly port: number; readonly isInside: boolean };
  /** "default/web". */
  readonly service?: string;
  readonly portName?: string;
  readonly type?: VirtualPortType;
  /** The service range that has the address. */
  readonly range?: string;
  readonly balance?: Balance;
  /** The client keeps its endpoint for so many seconds after each new connection; `left` if it has one now. */
  readonly affinity?: { readonly seconds: number; readonly left?: number };
  /** Those that this client can get, the most likely first, or as the table has them. */
  readonly endpoints: readonly EndpointShare[];
  /** How the client is refused. */
  readonly refusedWith?: "tcp reset" | "icmp port-unreachable";
  /** The reasons, a sentence each. */
  readonly words: readonly string[];
  /** Every rule on the way, for those who want to know (fake/packet-trace.ts' formatTrace). */
  readonly trace: Trace;
}
