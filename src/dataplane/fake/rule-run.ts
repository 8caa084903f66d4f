/** One rule on one packet: its expressions on registers, one after the other, as nft_do_chain runs them. */
import { formatIp, ip, ipBytes, ipFromBytes } from "../../base/ip.ts";
import type { IpFamily } from "../../base/ip.ts";
import type { Expression, SetElement, Verdict } from "../../net/nftables/model.ts";
import { Family, REG_VERDICT } from "../../net/nftables/model.ts";
import type { ConnectionTable, Found, PacketState } from "./conntrack.ts";
import { statusBits } from "./conntrack.ts";
import type { ElementStore } from "./element-store.ts";
import { compareBytes } from "./element-store.ts";
import { CT_LENGTHS } from "./expression-lengths.ts";
import type { Host } from "./host.ts";
import { ADDRESS_TYPE } from "./host.ts";
import { jhash, scale } from "./jhash.ts";
import { NAT_RANDOM_FLAGS, settle } from "./nat.ts";
import type { Effect, Fate, HookName } from "./packet-trace.ts";
import type { Packet } from "./packet.ts";
import { encodePacket, protocolNumber, transportOffset } from "./packet.ts";
import { Registers } from "./registers.ts";
import type { RuleState, TableState } from "./ruleset.ts";
import type { Choose } from "./share.ts";
import { formatLookup, formatValue, formatVerdict, hostNumber, networkNumber } from "./value-text.ts";

/** A packet on its way through the hooks, with all that rules can see and change of it. */
export interface PacketContext {
  readonly family: IpFamily;
  readonly host: Host;
  readonly connections: ConnectionTable;
  readonly choose: Choose;
  readonly effects: Effect[];
  packet: Packet;
  mark: number;
  hook: HookName;
  iif: string | undefined;
  oif: string | undefined;
  /** Undefined before connection tracking and for invalid packets. */
  found: Found | undefined;
  state: PacketState;
}

export type RejectKind = Extract<Fate, { kind: "rejected" }>["with"];

/** How a rule ended: it did not match, it matched and the next one follows, or it decided. */
export type RuleResult =
  | { readonly kind: "no match" }
  | { readonly kind: "matched"; readonly facts: readonly string[] }
  | {
      readonly kind: "verdict";
      readonly verdict: Verdict;
      readonly facts: readonly string[];
      readonly rejected?: RejectKind;
    };

/** The rule has an expression that this kernel does not know, so what it does cannot be said. */
export class UnknownExpressionError extends Error {
  override readonly name = "UnknownExpressionError";
}

/** What one expression says: go on, this rule does not match, or a verdict. */
type Step = "next" | "break" | Verdict;

export class RuleRun {
  readonly #context: PacketContext;
  readonly #table: TableState;
  readonly #rule: RuleState;
  readonly #registers = new Registers();
  readonly #facts: string[] = [];
  #bytes: Uint8Array | undefined;
  #rejected: RejectKind | undefined;

  constructor(context: PacketContext, table: TableState, rule: RuleState) {
    this.#context = context;
    this.#table = table;
    this.#rule = rule;
  }

  /** Throws UnknownExpressionError. */
  run(): RuleResult {
    for (const [index, expression] of this.#rule.rule.expressions.entries()) {
      const step = this.#evaluate(expression, index);
      if (step === "break") return { kind: "no match" };
      if (step !== "next" && step.code !== "continue") {
        const result = { kind: "verdict", verdict: step, facts: this.#facts } as const;
        return this.#rejected === undefined ? result : { ...result, rejected: this.#rejected };
      }
    }
    return { kind: "matched", facts: this.#facts };
  }

  #evaluate(expression: Expression, index: number): Step {
    switch (expression.type) {
      case "payload":
        return this.#load(expression.dreg, this.#payload(expression));
      case "meta":
        return this.#load(expression.dreg, this.#meta(expression.key));
      case "meta set":
        this.#context.mark = hostNumber(this.#registers.read(expression.sreg, 4));
        this.#facts.push(`mark set to ${this.#context.mark}`);
        return "next";
      case "ct":
        return this.#load(expression.dreg, this.#ct(expression));
      case "cmp":
        return this.#compare(expression);
      case "bitwise": {
        const { mask, xor } = expression;
        const value = this.#registers.read(expression.sreg, mask.length);
        return this.#load(
          expression.dreg,
          value.map((byte, at) => (byte & mask[at]!) ^ xor[at]!),
        );
      }
      case "lookup":
        return this.#lookup(expression);
      case "immediate":
        return this.#load(expression.dreg, expression.value);
      case "verdict":
        this.#facts.push(formatVerdict(expression.verdict));
        return expression.verdict;
      case "numgen":
        return this.#load(expression.dreg, hostWord(this.#number(expression, index)));
      case "jhash":
        return this.#load(expression.dreg, hostWord(this.#hash(expression)));
      case "nat":
        return this.#nat(expression);
      case "masquerade":
        return this.#masquerade(expression);
      case "reject":
        this.#rejected = this.#rejectKind(expression.with);
        this.#facts.push(`reject with ${expression.with}`);
        return { code: "drop" };
      case "counter":
        this.#context.effects.push({
          kind: "count",
          counters: this.#rule.counters,
          index,
          bytes: this.#packetBytes().length,
        });
        return "next";
      case "fib":
        return this.#load(expression.dreg, this.#fib(expression));
      case "dynset":
        return this.#fill(expression);
      case "log": {
        const { group, snaplen } = expression;
        const payload = this.#packetBytes().slice(0, snaplen === 0 ? undefined : snaplen);
        this.#context.effects.push({ kind: "log", group, payload, mark: this.#context.mark });
        this.#facts.push(`told to group ${group}`);
        return "next";
      }
      case "unknown":
        throw new UnknownExpressionError(
          `chain ${this.#rule.rule.chain} has the expression ${JSON.stringify(expression.name)}, which is not known here`,
        );
      default:
        return expression satisfies never;
    }
  }

  #load(dreg: number, value: Uint8Array | undefined): Step {
    if (value === undefined) return "break";
    this.#registers.write(dreg, value);
    return "next";
  }

  #packetBytes(): Uint8Array {
    return (this.#bytes ??= encodePacket(this.#context.packet));
  }

  #payload({ base, offset, length }: Extract<Expression, { type: "payload" }>): Uint8Array | undefined {
    // Packets here have no link header, as on loopback, on a tunnel and in the output hook.
    if (base === "link") return undefined;
    const bytes = this.#packetBytes();
    const start = offset + (base === "transport" ? transportOffset(this.#context.family) : 0);
    return start + length <= bytes.length ? bytes.subarray(start, start + length) : undefined;
  }

  #meta(key: Extract<Expression, { type: "meta" }>["key"]): Uint8Array {
    const { packet, family, mark, iif, oif, host } = this.#context;
    const index = (name: string | undefined): Uint8Array =>
      hostWord(name === undefined ? 0 : host.interfaceIndex(name));
    switch (key) {
      case "mark":
        return hostWord(mark);
      case "iif":
        return index(iif);
      case "oif":
        return index(oif);
      case "iifname":
        return paddedName(iif ?? "");
      case "oifname":
        return paddedName(oif ?? "");
      case "nfproto":
        return Uint8Array.of(family === 4 ? Family.ip : Family.ip6);
      case "l4proto":
        return Uint8Array.of(protocolNumber(packet.protocol, family));
      case "protocol":
        return family === 4 ? Uint8Array.of(0x08, 0x00) : Uint8Array.of(0x86, 0xdd);
      case "pkttype":
        return Uint8Array.of(iif === "lo" ? 5 : 0); // PACKET_LOOPBACK, PACKET_HOST
      default:
        return key satisfies never;
    }
  }

  #ct({ key, direction }: Extract<Expression, { type: "ct" }>): Uint8Array | undefined {
    const { found, state } = this.#context;
    if (key === "state") return hostWord({ invalid: 1, established: 2, new: 8 }[state]);
    if (found === undefined) return undefined;
    const { connection } = found;
    const tuple = direction === "reply" ? connection.reply : connection.original;
    const address = (text: string): Uint8Array | undefined => {
      const bytes = ipBytes(ip(text));
      return bytes.length === CT_LENGTHS[key] ? bytes : undefined;
    };
    switch (key) {
      case "status":
        return hostWord(statusBits(connection));
      case "direction":
        return Uint8Array.of(found.direction === "original" ? 0 : 1);
      case "mark":
        return hostWord(connection.mark);
      case "src ip":
      case "src ip6":
        return address(tuple.source);
      case "dst ip":
      case "dst ip6":
        return address(tuple.destination);
      case "proto dst":
        if (tuple.protocol !== "ICMP") return networkPort(tuple.destinationPort);
        // In place of a port an ICMP tuple has type and code, here of an echo request or reply.
        return Uint8Array.of(ECHO_TYPE[connection.family][direction ?? "original"], 0);
      case "protocol":
        return Uint8Array.of(protocolNumber(tuple.protocol, connection.family));
      default:
        return key satisfies never;
    }
  }

  #compare({ sreg, op, value }: Extract<Expression, { type: "cmp" }>): Step {
    const order = compareBytes(this.#registers.read(sreg, value.length), value);
    const holds = {
      "==": order === 0,
      "!=": order !== 0,
      "<": order < 0,
      "<=": order <= 0,
      ">": order > 0,
      ">=": order >= 0,
    }[op];
    return holds ? "next" : "break";
  }

  #lookup({ set: name, sreg, dreg, invert }: Extract<Expression, { type: "lookup" }>): Step {
    const { definition, elements } = this.#table.sets.get(name)!;
    const key = this.#registers.read(sreg, definition.keyLength);
    const element = this.#find(elements, key);
    if ((element === undefined) !== (invert === true)) return "break";
    this.#facts.push(formatLookup(definition, key, element));
    if (dreg === undefined || element === undefined) return "next";
    if (dreg === REG_VERDICT) return element.verdict!;
    return this.#load(dreg, element.data);
  }

  /** An element as this packet has left it. */
  #find(elements: ElementStore, key: Uint8Array): SetElement | undefined {
    const changed = this.#context.effects.findLast(
      (effect) =>
        effect.kind === "element" &&
        effect.elements === elements &&
        compareBytes(effect.element.key, key) === 0,
    );
    if (changed?.kind !== "element") return elements.lookup(key);
    return changed.change === "put" ? changed.element : undefined;
  }

  /**
   * nft_dynset_eval. An element that is there keeps its data. (What is deleted or over makes room at once here, and in
   * the kernel at its next collection, within a second.)
   */
  #fill({ op, set, keySreg, dataSreg, timeout }: Extract<Expression, { type: "dynset" }>): Step {
    const { definition, elements } = this.#table.sets.get(set)!;
    const key = this.#registers.read(keySreg, definition.keyLength);
    const { effects } = this.#context;
    const existing = this.#find(elements, key);
    const text = formatValue(definition.keyTypes, key);
    if (op === "delete") {
      if (existing !== undefined)
        effects.push({ kind: "element", change: "remove", elements, element: existing });
      this.#facts.push(`${text} is no longer in ${set}`);
      return "next";
    }
    const put = (element: SetElement): void =>
      void effects.push({ kind: "element", change: "put", elements, element });
    if (existing !== undefined) {
      const lifetime = existing.timeout ?? definition.timeout;
      if (op === "update" && lifetime !== undefined) put({ ...existing, expiration: timeout ?? lifetime });
      this.#facts.push(`${text} stays in ${set}`);
      return "next";
    }
    if (this.#sizeOf(elements) >= (definition.size ?? Infinity)) return "break";
    const data =
      dataSreg === undefined ? {} : { data: this.#registers.read(dataSreg, definition.dataLength!) };
    put({
      key,
      ...data,
      ...(timeout === undefined || timeout === definition.timeout ? {} : { timeout }),
    });
    this.#facts.push(`${text} is now in ${set}`);
    return "next";
  }

  /** How many elements there are after what this packet has done. */
  #sizeOf(elements: ElementStore): number {
    const left = new Map<string, number>();
    for (const effect of this.#context.effects) {
      if (effect.kind !== "element" || effect.elements !== elements) continue;
      const before = elements.get(effect.element) === undefined ? 0 : 1;
      const after = effect.change === "put" ? 1 : 0;
      left.set(Buffer.from(effect.element.key).toString("latin1"), after - before);
    }
    return [...left.values()].reduce((sum, change) => sum + change, elements.size);
  }

  #fib({ result, flags }: Extract<Expression, { type: "fib" }>): Uint8Array {
    const { host, packet, iif, oif } = this.#context;
    const address = flags.includes("saddr") ? packet.source : packet.destination;
    const own = flags.includes("iif") ? iif : flags.includes("oif") ? oif : undefined;
    if (result === "type") {
      const type = host.addressType(address, own);
      this.#facts.push(`${address} is ${type}`);
      return hostWord(ADDRESS_TYPE[type]);
    }
    const leads = iif === "lo" ? "lo" : host.interfaceTo(address);
    const name = own === undefined || own === leads ? leads : undefined;
    if (result === "oifname") return paddedName(name ?? "");
    return hostWord(name === undefined ? 0 : host.interfaceIndex(name));
  }

  #number({ mode, modulus, offset }: Extract<Expression, { type: "numgen" }>, index: number): number {
    let number: number;
    if (mode === "random") number = this.#context.choose(modulus);
    else {
      const { sequences } = this.#rule;
      const { effects } = this.#context;
      const pending = effects.findLast(
        (effect) => effect.kind === "sequence" && effect.sequences === sequences && effect.index === index,
      );
      const last = pending?.kind === "sequence" ? pending.value : (sequences.get(index) ?? modulus - 1);
      number = last + 1 < modulus ? last + 1 : 0;
      effects.push({ kind: "sequence", sequences, index, value: number });
    }
    this.#facts.push(`${mode === "random" ? "at random" : "next"}: ${number + offset} of ${modulus}`);
    return number + offset;
  }

  #hash({ sreg, length, seed, modulus, offset }: Extract<Expression, { type: "jhash" }>): number {
    // Without a seed the kernel takes one at random when the rule is added: any value can come.
    if (seed === undefined) return this.#context.choose(modulus) + offset;
    const number = scale(jhash(this.#registers.read(sreg, length), seed), modulus) + offset;
    this.#facts.push(`hash: ${number}`);
    return number;
  }

  #nat({ kind, family, address, port, flags = 0 }: Extract<Expression, { type: "nat" }>): Step {
    const { found, connections, family: own } = this.#context;
    // nft_nat_inet_eval: of the other family, it does nothing and the rule goes on.
    if ((family === Family.ip) !== (own === 4)) return "next";
    if (found === undefined) return "next";
    const range = {
      ...(address === undefined
        ? {}
        : { address: formatIp(ipFromBytes(this.#registers.read(address, own === 4 ? 4 : 16))) }),
      ...(port === undefined ? {} : { port: networkNumber(this.#registers.read(port, 2)) }),
      ...((flags & NAT_RANDOM_FLAGS) === 0 ? {} : { randomPort: true }),
    };
    const to = [range.address, range.port].filter((part) => part !== undefined).join(" port ");
    this.#facts.push(`${kind === "dnat" ? "destination" : "source"} becomes ${to}`);
    settle(found.connection, kind, range, connections);
    return { code: "accept" };
  }

  #masquerade({ flags = 0 }: Extract<Expression, { type: "masquerade" }>): Step {
    const { found, connections, host, oif, packet } = this.#context;
    if (found === undefined) return "next";
    const address = host.masqueradeAddress(oif!, packet.destination);
    if (address === undefined) {
      this.#facts.push(`masquerade: ${oif} has no address`);
      return { code: "drop" };
    }
    this.#facts.push(`masquerade: source becomes ${address}`);
    settle(
      found.connection,
      "snat",
      { address, ...((flags & NAT_RANDOM_FLAGS) === 0 ? {} : { randomPort: true }) },
      connections,
    );
    return { code: "accept" };
  }

  /** Whether the sender hears of it: nf_send_reset and nf_send_unreach of nf_reject_ipv4.c and nf_reject_ipv6.c. */
  #rejectKind(how: "tcp reset" | "icmpx port-unreachable"): RejectKind {
    const { packet, family, iif, host, hook } = this.#context;
    // An answer that comes from the address that the packet was for must be let out: always a reset, and of ICMP what
    // is said after routing.
    const back = host.route(packet.source);
    const isHeld = back.kind === "forward" && host.isStuck(packet.destination, back.oif);
    if (how === "tcp reset") {
      const isTold = packet.protocol === "TCP" && packet.tcpFlags?.includes("RST") !== true;
      return isTold && !isHeld ? "tcp reset" : "nothing";
    }
    if (hook === "input" && isHeld) return "nothing";
    // Before routing, the answer to the host's own address would come from one that is not the host's: icmp_route_lookup
    // refuses.
    const isFromOutside = family === 4 && hook === "prerouting" && iif !== "lo";
    const isStuck = isFromOutside && host.isLocal(packet.source) && !host.isLocal(packet.destination);
    return isStuck ? "nothing" : "icmp port-unreachable";
  }
}

const ECHO_TYPE = { 4: { original: 8, reply: 0 }, 6: { original: 128, reply: 129 } } as const;

function hostWord(number: number): Uint8Array {
  return Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24);
}

function networkPort(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port);
}

function paddedName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(Buffer.from(name, "latin1").subarray(0, 15));
  return bytes;
}
