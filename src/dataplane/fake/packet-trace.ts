/** What becomes of a packet in the fake kernel: every way it can go, how likely, and the steps on it. */
import type { SetElement } from "../../net/nftables/model.ts";
import type { Connection } from "./conntrack.ts";
import type { ElementStore } from "./element-store.ts";
import type { Packet } from "./packet.ts";
import { formatEndpoint, formatPacket } from "./packet.ts";
import type { Share } from "./share.ts";
import { formatShare } from "./share.ts";

export type HookName = "prerouting" | "input" | "forward" | "output" | "postrouting";

/** Where a packet comes in: from the network through an interface, or from a process of the host. */
export type Arrival = { readonly from: "network"; readonly iif: string } | { readonly from: "host" };

export interface PacketEndpoint {
  readonly address: string;
  readonly port: number;
}

/** A rule by its place: `rule` counts from 1; 0 is the chain's policy. */
export interface RulePlace {
  readonly table: string;
  readonly chain: string;
  readonly rule: number;
}

export type Fate =
  /** It ends at a socket of the host (`via` "local"), or leaves through the interface `via`. */
  | {
      readonly kind: "delivered";
      readonly via: string;
      readonly source: PacketEndpoint;
      readonly destination: PacketEndpoint;
      /** False: with the destination that the sender wrote, and no answer to a translated packet. */
      readonly translated: boolean;
      /** The source port is one that the kernel picks; the one here is an example. */
      readonly sourcePortPicked: boolean;
    }
  /** Dropped, and the sender is told: "nothing" if this packet cannot be answered so (RFC 9293: no reset to a reset). */
  | {
      readonly kind: "rejected";
      readonly with: "tcp reset" | "icmp port-unreachable" | "nothing";
      readonly by: RulePlace;
    }
  | { readonly kind: "dropped"; readonly by: RulePlace }
  /** The kernel itself does not take it further. */
  | { readonly kind: "refused"; readonly reason: string };

export interface TraceStep {
  readonly hook: HookName;
  /** Absent where the kernel and no rule does it: connection tracking, routing. */
  readonly place?: RulePlace;
  /** What matched or was done, for people. */
  readonly text: string;
}

/** What the packet leaves behind, if this is how it went. */
export type Effect =
  | { readonly kind: "connection"; readonly connection: Connection }
  | { readonly kind: "connection ends"; readonly connection: Connection }
  | {
      readonly kind: "count";
      readonly counters: Map<number, { packets: bigint; bytes: bigint }>;
      readonly index: number;
      readonly bytes: number;
    }
  | {
      readonly kind: "element";
      readonly change: "put" | "remove";
      readonly elements: ElementStore;
      /** With `expiration` if it is to live longer or shorter than the set's elements do. */
      readonly element: SetElement;
    }
  /** It was told to whoever listens to the group: how the packet was at that moment, its first bytes, and its mark. */
  | { readonly kind: "log"; readonly group: number; readonly payload: Uint8Array; readonly mark: number }
  | {
      readonly kind: "sequence";
      readonly sequences: Map<number, number>;
      readonly index: number;
      readonly value: number;
    };

export interface Outcome {
  readonly fate: Fate;
  readonly share: Share;
  readonly steps: readonly TraceStep[];
  readonly effects: readonly Effect[];
}

export interface Trace {
  readonly packet: Packet;
  readonly arrival: Arrival;
  /** One for each fate, the most likely first; their shares add up to 1. */
  readonly outcomes: readonly Outcome[];
  /** The state of the kernel that it was made with. */
  readonly epoch: number;
}

function formatPlace({ table, chain, rule }: RulePlace): string {
  return rule === 0 ? `policy of ${chain}` : `${table} ${chain} rule ${rule}`;
}

/** "10.1.1.4:80 through pods, from 11.1.1.1:40000". */
export function formatFate(fate: Fate): string {
  switch (fate.kind) {
    case "delivered": {
      const where = fate.via === "local" ? "on this host" : `through ${fate.via}`;
      const picked = fate.sourcePortPicked ? " (a port that the kernel picks)" : "";
      const source = `${formatEndpoint(fate.source)}${picked}`;
      const to = `${fate.translated ? "" : "untranslated "}${formatEndpoint(fate.destination)}`;
      return `${to} ${where}, from ${source}`;
    }
    case "rejected":
      return `rejected with ${fate.with} by ${formatPlace(fate.by)}`;
    case "dropped":
      return `dropped by ${formatPlace(fate.by)}`;
    case "refused":
      return `not taken further: ${fate.reason}`;
    default:
      return fate satisfies never;
  }
}

/** All of it, a line for each outcome and each step. */
export function formatTrace({ packet, arrival, outcomes }: Trace): string {
  const from = arrival.from === "host" ? "from this host" : `in through ${arrival.iif}`;
  const lines = [`${formatPacket(packet)}, ${from}:`];
  for (const { fate, share, steps } of outcomes) {
    lines.push(`  ${formatShare(share)}: ${formatFate(fate)}`);
    for (const { hook, place, text } of steps)
      lines.push(`    ${hook}${place === undefined ? "" : ` ${formatPlace(place)}`}: ${text}`);
  }
  return lines.join("\n");
}
