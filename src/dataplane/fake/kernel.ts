/**
 * nf_tables and connection tracking of one network namespace, in memory: takes the same commands as the real kernel,
 * refuses what it refuses, dumps what it dumps, and says what becomes of a packet in every way that can go.
 *
 * test/fake-kernel-vs-real.test.ts holds it against the real one.
 */
import { constants } from "node:os";
import type {
  Chain,
  Command,
  Expression,
  Family,
  Rule,
  SetDefinition,
  SetElement,
  Table,
} from "../../net/nftables/model.ts";
import type { LoggedPacket } from "../../net/nflog/nflog.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import type { NftablesPort } from "../nftables/port.ts";
import type { Connection, Tuple } from "./conntrack.ts";
import { ConnectionTable } from "./conntrack.ts";
import type { Clock } from "./element-store.ts";
import { compareBytes } from "./element-store.ts";
import { Host } from "./host.ts";
import type { HostOptions } from "./host.ts";
import type { JourneyResult } from "./journey.ts";
import { HookPlan, Journey } from "./journey.ts";
import type { Arrival, Effect, Fate, Outcome, Trace } from "./packet-trace.ts";
import type { Packet } from "./packet.ts";
import { packetFamily } from "./packet.ts";
import type { Ruleset, RuleState } from "./ruleset.ts";
import { tableKey } from "./ruleset.ts";
import type { Share } from "./share.ts";
import { addShares, allWays } from "./share.ts";
import type { Numbering } from "./transaction.ts";
import type { Objection } from "./rule-check.ts";
import { Refused, Transaction } from "./transaction.ts";

/** A host with one network that everything is in: enough where routes do not matter. */
export const SIMPLE_HOST: HostOptions = {
  interfaces: [{ name: "eth0", addresses: ["192.0.2.1/24", "2001:db8::1/64"] }],
  routes: [
    { to: "0.0.0.0/0", oif: "eth0" },
    { to: "::/0", oif: "eth0" },
  ],
};

/** What was committed, and by whom if they said. */
export type CommitListener = (commit: {
  readonly commands: readonly Command[];
  readonly by: object | undefined;
}) => void;

export class FakeKernel implements NftablesPort {
  readonly host: Host;
  readonly #ruleset: Ruleset = new Map();
  readonly #connections = new ConnectionTable();
  readonly #now: Clock;
  readonly #numbering: Numbering = { lastTable: 0n, lastHook: 0 };
  readonly #listeners = new Set<CommitListener>();
  readonly #logs = new Map<number, Set<(packet: LoggedPacket) => void>>();
  #generation = 1;
  /** Counts all changes, those of packets too: an outcome of an older trace can no longer happen. */
  #epoch = 0;
  #plans: Partial<Record<4 | 6, HookPlan>> = {};

  /** `now`: the clock by which elements' timeouts run. @default {time stands still} */
  constructor(host: HostOptions = SIMPLE_HOST, now: Clock = () => 0) {
    this.host = new Host(host);
    this.#now = now;
  }

  /** `by` tells listeners whose commit it is. Throws NetlinkError. */
  commit(
    commands: readonly Command[],
    options: { readonly generation?: number; readonly by?: object } = {},
  ): void {
    if (options.generation !== undefined && options.generation !== this.#generation)
      throw refusal("ERESTART", "the ruleset has another generation", 0, commands.length);
    let failure = this.#attempt(commands, false);
    // What is only found out in the end is looked for again, command by command, to name the one that is to blame.
    if (failure?.isWhole === true) failure = this.#attempt(commands, true);
    if (failure !== undefined) throw refusal(failure.code, failure.reason, failure.index, commands.length);
    this.#generation++;
    this.#epoch++;
    this.#plans = {};
    for (const listener of this.#listeners) listener({ commands, by: options.by });
  }

  /** Undefined if all is done; else nothing is. `validateEach`: after every command instead of once in the end. */
  #attempt(commands: readonly Command[], validateEach: boolean): Failure | undefined {
    const transaction = new Transaction(this.#ruleset, this.#numbering, this.#now);
    let failure: Failure | undefined;
    let index = 0;
    for (const command of commands) {
      // No message is sent for no elements.
      if ("elements" in command && command.elements.length === 0) continue;
      index++;
      const objection = refused(() => {
        transaction.execute(command);
        if (validateEach) transaction.validate();
      });
      if (objection !== undefined) {
        failure = { ...objection, index, isWhole: false };
        break;
      }
    }
    const objection = failure === undefined ? refused(() => transaction.validate()) : undefined;
    if (objection !== undefined) failure = { ...objection, index: 0, isWhole: true };
    if (failure !== undefined) transaction.rollBack();
    return failure;
  }

  generation(): number {
    return this.#generation;
  }

  /** Calls `listener` after each commit. */
  subscribe(listener: CommitListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Calls `listener` with each packet that a rule logs to nfnetlink_log's `group`, as it is taken. */
  subscribeToLog(group: number, listener: (packet: LoggedPacket) => void): Disposable {
    const listeners = this.#logs.get(group) ?? new Set();
    this.#logs.set(group, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  tables(family: Family): Table[] {
    return this.#tablesOf(family).map(({ table }) => table);
  }

  chains(family: Family): Chain[] {
    return this.#tablesOf(family).flatMap(({ chains }) => [...chains.values()].map(({ chain }) => chain));
  }

  rules(family: Family, table: string): Rule[] {
    const chains = this.#ruleset.get(tableKey(family, table))?.chains.values() ?? [];
    return [...chains].flatMap(({ rules }) => rules.map(asDumped));
  }

  sets(family: Family, table: string): SetDefinition[] {
    const state = this.#ruleset.get(tableKey(family, table));
    if (state === undefined) throw refusal("ENOENT", `no table ${table}`, 0, 1);
    return [...state.sets.values()].map(({ definition, elements }) => ({
      ...definition,
      count: elements.count,
    }));
  }

  elements(set: Pick<SetDefinition, "family" | "table" | "name">): SetElement[] {
    const state = this.#ruleset.get(tableKey(set.family, set.table))?.sets.get(set.name);
    if (state === undefined) throw refusal("ENOENT", `no set ${set.name} in table ${set.table}`, 0, 1);
    return [...state.elements.values()];
  }

  element(set: Pick<SetDefinition, "family" | "table" | "name">, key: Uint8Array): SetElement | undefined {
    return this.elements(set).find((one) => compareBytes(one.key, key) === 0);
  }

  async visitElements(
    set: Pick<SetDefinition, "family" | "table" | "name">,
    visit: (elements: readonly SetElement[]) => void,
  ): Promise<void> {
    visit(this.elements(set));
  }

  #tablesOf(family: Family): { table: Table; chains: Map<string, { chain: Chain }> }[] {
    return [...this.#ruleset.values()].filter(({ table }) => table.family === family);
  }

  /** All that can become of the packet. Changes nothing: {@link take} makes one outcome happen. */
  trace(packet: Packet, arrival: Arrival): Trace {
    const family = packetFamily(packet);
    if (packetFamily({ destination: packet.source }) !== family)
      throw new RangeError(`${packet.source} and ${packet.destination} are of different families`);
    if (arrival.from === "network") this.host.interfaceIndex(arrival.iif);
    const plan = (this.#plans[family] ??= new HookPlan(this.#ruleset, family));
    const parts = { host: this.host, connections: this.#connections };
    const byFate = new Map<string, { result: JourneyResult; share: Share }>();
    for (const way of allWays((choose) => new Journey(packet, plan, { ...parts, choose }).travel(arrival))) {
      const key = fateKey(way.result.fate);
      const same = byFate.get(key);
      if (same === undefined) byFate.set(key, way);
      else same.share = addShares(same.share, way.share);
    }
    const outcomes = [...byFate.values()].map(({ result, share }) => ({ ...result, share }));
    return { packet, arrival, outcomes: outcomes.sort(likeliestFirst), epoch: this.#epoch };
  }

  /** Lets the outcome happen: connections, counters and sequences are then as it leaves them. */
  take(trace: Trace, outcome: Outcome): void {
    if (trace.epoch !== this.#epoch || !trace.outcomes.includes(outcome))
      throw new RangeError(
        "this outcome is of another trace or of a kernel that has changed since: trace again",
      );
    for (const effect of outcome.effects) this.#apply(effect);
    this.#epoch++;
  }

  /** Sends a packet for which there is only one outcome, and lets it happen. Throws RangeError if there are several. */
  send(packet: Packet, arrival: Arrival): Outcome {
    const trace = this.trace(packet, arrival);
    const [outcome] = trace.outcomes;
    if (outcome === undefined || trace.outcomes.length !== 1)
      throw new RangeError(`the packet can go ${trace.outcomes.length} ways: trace it and take one`);
    this.take(trace, outcome);
    return outcome;
  }

  trackedConnections(): Connection[] {
    return [...this.#connections.values()];
  }

  /** Forgets the connection, as `conntrack -D` does; false if there is none. */
  forgetConnection(original: Tuple): boolean {
    this.#epoch++;
    return this.#connections.remove(original);
  }

  forgetConnections(): void {
    this.#epoch++;
    this.#connections.clear();
  }

  #apply(effect: Effect): void {
    switch (effect.kind) {
      case "connection":
        return this.#connections.put(effect.connection);
      case "connection ends":
        this.#connections.remove(effect.connection.original);
        return;
      case "count": {
        const { packets, bytes } = effect.counters.get(effect.index) ?? { packets: 0n, bytes: 0n };
        effect.counters.set(effect.index, { packets: packets + 1n, bytes: bytes + BigInt(effect.bytes) });
        return;
      }
      case "element":
        if (effect.change === "put") effect.elements.put(effect.element);
        else effect.elements.remove(effect.element);
        return;
      case "log":
        for (const listener of this.#logs.get(effect.group) ?? []) listener(effect);
        return;
      case "sequence":
        effect.sequences.set(effect.index, effect.value);
        return;
      default:
        effect satisfies never;
    }
  }
}

interface Failure extends Objection {
  /** Which command it was, counted from 1. */
  readonly index: number;
  /** It is the batch as a whole that is refused. */
  readonly isWhole: boolean;
}

function refused(step: () => void): Objection | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return { code: error.code, reason: error.message };
    throw error;
  }
}

function fateKey(fate: Fate): string {
  return JSON.stringify(fate);
}

function likeliestFirst({ share: a }: Outcome, { share: b }: Outcome): number {
  const difference = b.numerator * a.denominator - a.numerator * b.denominator;
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

/** The rule as a dump has it: with what was counted, and 4-byte registers by those numbers (nft_dump_register). */
function asDumped({ rule, counters }: RuleState): Rule {
  const expressions = rule.expressions.map((expression, index) => {
    if (expression.type !== "counter") return shortRegisters(expression);
    const { packets, bytes } = counters.get(index) ?? { packets: 0n, bytes: 0n };
    return {
      type: "counter",
      packets: (expression.packets ?? 0n) + packets,
      bytes: (expression.bytes ?? 0n) + bytes,
    } as const;
  });
  return { ...rule, expressions };
}

/** 1 to 4 are the same memory as every fourth from 8 on; the codec tells the latter. */
function shortRegisters(expression: Expression): Expression {
  const short = { ...expression } as Record<string, unknown>;
  for (const name of ["dreg", "sreg", "keySreg", "dataSreg", "address", "port"]) {
    const register = short[name];
    if (typeof register === "number" && register >= 1 && register <= 4) short[name] = 4 + 4 * register;
  }
  return short as unknown as Expression;
}

/** ERESTART is not in node:os. */
const ERESTART = 85;

function refusal(code: string, text: string, index: number, commands: number): NetlinkError {
  const errno =
    code === "ERESTART" ? ERESTART : ((constants.errno as Readonly<Record<string, number>>)[code] ?? 0);
  // The batch begins with a message of its own, and ends with one.
  return new NetlinkError([{ errno, code, text, offset: undefined, index, type: 0 }], commands + 2);
}
