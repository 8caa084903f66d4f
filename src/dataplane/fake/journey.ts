/** One way of one packet through the host: the hooks in order, connection tracking, translation and routing. */
import { Family, Hook } from "../../net/nftables/model.ts";
import { runBaseChain } from "./chain-run.ts";
import type { Found } from "./conntrack.ts";
import { copyConnection, mayBegin, newConnection, tupleOf } from "./conntrack.ts";
import type { NatKind } from "./nat.ts";
import { settle, translate } from "./nat.ts";
import type { Arrival, Effect, Fate, HookName, RulePlace, TraceStep } from "./packet-trace.ts";
import type { Packet } from "./packet.ts";
import { formatEndpoint, packetFamily } from "./packet.ts";
import type { PacketContext, RejectKind } from "./rule-run.ts";
import type { ChainState, Ruleset, TableState } from "./ruleset.ts";

/** NF_IP_PRI_CONNTRACK, NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC of linux/netfilter_ipv4.h, the same in IPv6. */
const PRIORITY = { conntrack: -200, dnat: -100, snat: 100 } as const;
/** NFT_TABLE_F_DORMANT: the table's base chains are not hooked in. */
const DORMANT = 1;

export interface BaseChain {
  readonly table: TableState;
  readonly chain: ChainState;
}

/** What runs at a hook, in order. All nat chains of a hook run at one place, and only for new connections. */
type HookEntry =
  | { readonly kind: "conntrack" }
  | { readonly kind: "nat" }
  | ({ readonly kind: "chain" } & BaseChain);

/** The entries of each hook for one family, worked out once for each ruleset. */
export class HookPlan {
  readonly #entries = new Map<HookName, readonly HookEntry[]>();
  readonly #natChains = new Map<HookName, readonly BaseChain[]>();

  constructor(ruleset: Ruleset, family: 4 | 6) {
    const own = family === 4 ? Family.ip : Family.ip6;
    const tables = [...ruleset.values()].filter(
      ({ table }) =>
        (table.family === Family.inet || table.family === own) && ((table.flags ?? 0) & DORMANT) === 0,
    );
    const bases = tables.flatMap((table) => [...table.chains.values()].map((chain) => ({ table, chain })));
    for (const hook of Object.keys(Hook) as HookName[]) {
      const here = bases
        .filter(({ chain }) => chain.chain.base?.hook === Hook[hook])
        .sort(
          byPriority(
            ({ chain }) => chain.chain.base!.priority,
            ({ chain }) => chain.hooked,
          ),
        );
      this.#natChains.set(hook, here.filter(isNat));
      const filters = here
        .filter((entry) => !isNat(entry))
        .map((entry) => ({
          priority: entry.chain.chain.base!.priority,
          since: entry.chain.hooked,
          entry: { kind: "chain", ...entry } as HookEntry,
        }));
      const sorted = [...filters, ...kernelEntries(hook, bases.filter(isNat))].sort(
        byPriority(
          ({ priority }) => priority,
          ({ since }) => since,
        ),
      );
      this.#entries.set(
        hook,
        sorted.map(({ entry }) => entry),
      );
    }
  }

  entries(hook: HookName): readonly HookEntry[] {
    return this.#entries.get(hook)!;
  }

  natChains(hook: HookName): readonly BaseChain[] {
    return this.#natChains.get(hook)!;
  }
}

function isNat({ chain }: BaseChain): boolean {
  return chain.chain.base?.type === "nat";
}

/** Lower priority first; of equal ones, what was hooked in last (nf_hook_entries_grow). */
function byPriority<T>(priority: (of: T) => number, since: (of: T) => number): (a: T, b: T) => number {
  return (a, b) => priority(a) - priority(b) || since(b) - since(a);
}

/** Translation is hooked in everywhere when the first nat chain comes; tracking is there before any chain, as it
 * is for real as long as some rule in the namespace asks about connections. */
function kernelEntries(
  hook: HookName,
  natChains: readonly BaseChain[],
): { priority: number; since: number; entry: HookEntry }[] {
  const entries: { priority: number; since: number; entry: HookEntry }[] = [];
  if (hook === "prerouting" || hook === "output")
    entries.push({ priority: PRIORITY.conntrack, since: 0, entry: { kind: "conntrack" } });
  if (natChains.length > 0 && hook !== "forward") {
    const since = Math.min(...natChains.map(({ chain }) => chain.hooked));
    entries.push({ priority: PRIORITY[natKind(hook)], since, entry: { kind: "nat" } });
  }
  return entries;
}

/** HOOK2MANIP: which end a hook's nat chains decide. */
function natKind(hook: HookName): NatKind {
  return hook === "postrouting" || hook === "input" ? "snat" : "dnat";
}

export interface JourneyResult {
  readonly fate: Fate;
  readonly steps: readonly TraceStep[];
  readonly effects: readonly Effect[];
}

function answersTranslated(found: Found | undefined): boolean {
  if (found?.direction !== "reply") return false;
  const { dnat, snat } = found.connection.translated;
  return dnat || snat;
}

type Stop = { readonly by: RulePlace; readonly rejected?: RejectKind };

export class Journey {
  readonly #context: PacketContext;
  readonly #plan: HookPlan;
  readonly #original: Packet;
  readonly #steps: TraceStep[] = [];

  constructor(packet: Packet, plan: HookPlan, parts: Pick<PacketContext, "host" | "connections" | "choose">) {
    this.#original = packet;
    this.#plan = plan;
    this.#context = {
      ...parts,
      family: packetFamily(packet),
      effects: [],
      packet,
      mark: 0,
      hook: "prerouting",
      iif: undefined,
      oif: undefined,
      found: undefined,
      state: "invalid",
    };
  }

  travel(arrival: Arrival): JourneyResult {
    const fate = arrival.from === "network" ? this.#fromNetwork(arrival.iif) : this.#fromHost();
    return { fate, steps: this.#steps, effects: this.#context.effects };
  }

  #fromNetwork(iif: string): Fate {
    const { host } = this.#context;
    if (host.isStray(this.#original.source, this.#original.destination))
      return { kind: "refused", reason: "a loopback address on another interface" };
    const stopped = this.#hook("prerouting", iif, undefined);
    if (stopped !== undefined) return stopped;
    const { source, destination } = this.#context.packet;
    const martian = host.martian(source, destination, iif);
    if (martian !== undefined) return { kind: "refused", reason: martian };
    const route = host.route(destination, iif);
    if (route.kind === "none") return this.#noRoute();
    if (route.kind === "local") return this.#hook("input", iif, undefined) ?? this.#delivered("local");
    return (
      this.#hook("forward", iif, route.oif) ??
      this.#hook("postrouting", iif, route.oif) ??
      this.#delivered(route.oif)
    );
  }

  #fromHost(): Fate {
    const { host } = this.#context;
    const before = host.route(this.#context.packet.destination);
    if (before.kind === "none") return this.#noRoute();
    const stopped = this.#hook("output", undefined, before.oif);
    if (stopped !== undefined) return stopped;
    const route = host.route(this.#context.packet.destination);
    if (route.kind === "none") return this.#noRoute();
    const left = this.#hook("postrouting", undefined, route.oif);
    if (left !== undefined || route.kind === "forward") return left ?? this.#delivered(route.oif);
    this.#confirm();
    // Over loopback it comes in again and keeps its connection.
    return (
      this.#hook("prerouting", "lo", undefined) ??
      this.#hook("input", "lo", undefined) ??
      this.#delivered("local")
    );
  }

  #delivered(via: string): Fate {
    this.#confirm();
    const { source, sourcePort, destination, destinationPort } = this.#context.packet;
    const { found } = this.#context;
    const { destination: asked, destinationPort: port } = this.#original;
    return {
      kind: "delivered",
      via,
      source: { address: source, port: sourcePort },
      destination: { address: destination, port: destinationPort },
      translated: destination !== asked || destinationPort !== port || answersTranslated(found),
      sourcePortPicked: found?.direction === "original" && found.connection.sourcePortPicked,
    };
  }

  /** What stops the packet at this hook, or undefined. */
  #hook(hook: HookName, iif: string | undefined, oif: string | undefined): Fate | undefined {
    Object.assign(this.#context, { hook, iif, oif });
    for (const entry of this.#plan.entries(hook)) {
      let stop: Stop | undefined;
      if (entry.kind === "conntrack") this.#track();
      else if (entry.kind === "nat") {
        stop = this.#translate(hook);
        const refused = hook === "output" && stop === undefined ? this.#reroute() : undefined;
        if (refused !== undefined) return refused;
      } else stop = this.#chain(entry);
      if (stop === undefined) continue;
      const { by, rejected } = stop;
      return rejected === undefined ? { kind: "dropped", by } : { kind: "rejected", with: rejected, by };
    }
    return undefined;
  }

  /**
   * ip_route_me_harder: the host's own packet with a new destination is routed again, which may fail. The output
   * hook's later chains are still told of the first route.
   */
  #reroute(): Fate | undefined {
    const { host, packet } = this.#context;
    const { source, destination } = packet;
    if (destination === this.#original.destination) return undefined;
    const route = host.route(destination);
    if (route.kind === "none") return this.#noRoute();
    if (route.kind === "local" || !host.isStuck(source, route.oif)) return undefined;
    return { kind: "refused", reason: `${source} cannot leave this host` };
  }

  #noRoute(): Fate {
    return { kind: "refused", reason: `no route to ${this.#context.packet.destination}` };
  }

  #chain({ table, chain }: BaseChain): Stop | undefined {
    const { verdict, by, rejected } = runBaseChain(this.#context, table, chain, this.#steps);
    if (verdict === "accept") return undefined;
    return rejected === undefined ? { by: by! } : { by: by!, rejected };
  }

  /** nf_conntrack_in. */
  #track(): void {
    const context = this.#context;
    if (context.found !== undefined) return; // over loopback
    const { packet } = context;
    const known = context.connections.find(tupleOf(packet));
    const flags = packet.tcpFlags ?? ["SYN"];
    if (known === undefined) {
      if (!mayBegin(packet.protocol, flags)) return this.#say("belongs to no connection: invalid");
      context.state = "new";
      context.found = { connection: newConnection(context.family, tupleOf(packet)), direction: "original" };
      return this.#say("a new connection");
    }
    const found: Found = { connection: copyConnection(known.connection), direction: known.direction };
    const answered = found.direction === "reply" || found.connection.seenReply;
    context.found = found;
    context.state = answered ? "established" : "new";
    if (found.direction === "reply" && !found.connection.seenReply) {
      if (packet.protocol === "TCP" && flags.includes("RST"))
        // tcp_packet of nf_conntrack_proto_tcp.c: refused at once, so there never was a connection.
        context.effects.push({ kind: "connection ends", connection: found.connection });
      else found.connection.seenReply = true;
    }
    // What a packet says about a known connection holds even if the packet is stopped later.
    if (!context.effects.some(({ kind }) => kind === "connection ends"))
      context.effects.push({ kind: "connection", connection: found.connection });
    this.#say(`${found.direction === "reply" ? "an answer on" : "of"} a known connection`);
  }

  /** nf_nat_inet_fn: the chains are asked once for each end of a connection; then its packets follow. */
  #translate(hook: HookName): Stop | undefined {
    const { found, state, connections } = this.#context;
    if (found === undefined) return undefined;
    const kind = natKind(hook);
    const { connection, direction } = found;
    if (state === "new" && !connection.asked[kind]) {
      for (const base of this.#plan.natChains(hook)) {
        const stop = this.#chain(base);
        if (stop !== undefined) return stop;
        if (connection.asked[kind]) break;
      }
      // nf_nat_alloc_null_binding: as it is, but for a source port that is taken.
      if (!connection.asked[kind]) settle(connection, kind, {}, connections);
    }
    const before = this.#context.packet;
    this.#context.packet = translate(before, connection, direction, kind);
    const { packet } = this.#context;
    if (packet !== before) {
      const [end, address, port] =
        kind === "dnat"
          ? (["destination", packet.destination, packet.destinationPort] as const)
          : (["source", packet.source, packet.sourcePort] as const);
      this.#say(`${end} is now ${formatEndpoint({ address, port })}`);
    }
    return undefined;
  }

  /** nf_conntrack_confirm: only what gets through is remembered. */
  #confirm(): void {
    const { found, effects } = this.#context;
    if (found === undefined || found.connection.confirmed) return;
    found.connection.confirmed = true;
    effects.push({ kind: "connection", connection: found.connection });
  }

  #say(text: string): void {
    this.#steps.push({ hook: this.#context.hook, text });
  }
}
