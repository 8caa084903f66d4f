/**
 * One batch of commands on the ruleset: all of it, or none and the kernel's error
 * (net/netfilter/nf_tables_api.c: nf_tables_newtable, _newchain, _newrule, _newset, nft_add_set_elem and the _del ones).
 */
import type { Chain, Command, Rule, SetDefinition, SetElement, Table } from "../../net/nftables/model.ts";
import { Hook } from "../../net/nftables/model.ts";
import type { Clock } from "./element-store.ts";
import { compareBytes, ElementStore } from "./element-store.ts";
import type { Objection } from "./rule-check.ts";
import { checkExpressions, checkGraph, checkTarget, MAX_DATA } from "./rule-check.ts";
import type { ChainState, RuleState, Ruleset, SetState, TableState } from "./ruleset.ts";
import { ruleSets, ruleTargets, tableKey, verdictTarget } from "./ruleset.ts";

/** NF_IP_PRI_CONNTRACK: address translation cannot come before connections are known. */
const PRIORITY_CONNTRACK = -200;

/** The limit of a set that has none and that rules fill. */
const DYNAMIC_SIZE = 0xffff;

/** A command that the kernel refuses; thrown inside a transaction only. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: string;

  constructor({ code, reason }: Objection) {
    super(reason);
    this.code = code;
  }
}

function refuse(code: string, reason: string): never {
  throw new Refused({ code, reason });
}

function unless(objection: Objection | undefined): void {
  if (objection !== undefined) throw new Refused(objection);
}

/** Numbers that the kernel counts up for a whole namespace. They are not given back when a batch fails. */
export interface Numbering {
  lastTable: bigint;
  lastHook: number;
}

export class Transaction {
  readonly #ruleset: Ruleset;
  readonly #numbering: Numbering;
  readonly #now: Clock;
  /** What to do, last first, to have the ruleset from before. */
  readonly #undo: (() => void)[] = [];
  /** Tables in which chains may be reached in new ways. */
  readonly #rewired = new Set<TableState>();

  constructor(ruleset: Ruleset, numbering: Numbering, now: Clock) {
    this.#ruleset = ruleset;
    this.#numbering = numbering;
    this.#now = now;
    for (const { sets } of ruleset.values()) for (const { elements } of sets.values()) elements.beginBatch();
  }

  /** Throws Refused; the caller must then {@link rollBack}. */
  execute(command: Command): void {
    switch (command.op) {
      case "add table":
        return this.#addTable(command.table);
      case "delete table":
        return this.#deleteTable(command.table);
      case "add chain":
        return this.#addChain(command.chain);
      case "delete chain":
        return this.#deleteChain(command.chain);
      case "flush chain":
        return this.#flushChain(command.chain);
      case "add rule":
        return this.#addRule(command.rule);
      case "delete rule":
        return this.#deleteRule(command.rule);
      case "add set":
        return this.#addSet(command.set);
      case "delete set":
        return this.#deleteSet(command.set);
      case "add elements":
        for (const element of command.elements) this.#addElement(this.#set(command.set), element);
        return;
      case "delete elements":
        for (const element of command.elements) this.#deleteElement(this.#set(command.set), element);
        return;
      default:
        command satisfies never;
    }
  }

  /** The last check, over everything. Throws Refused; the caller must then {@link rollBack}. */
  validate(): void {
    for (const table of this.#rewired)
      if (this.#ruleset.get(tableKey(table.table.family, table.table.name)) === table)
        unless(checkGraph(table));
  }

  rollBack(): void {
    for (const undo of this.#undo.reverse()) undo();
  }

  #change(change: () => void, undo: () => void): void {
    change();
    this.#undo.push(undo);
  }

  #put<K, V>(map: Map<K, V>, key: K, value: V): void {
    this.#change(
      () => map.set(key, value),
      () => map.delete(key),
    );
  }

  #take<K, V>(map: Map<K, V>, key: K): void {
    const entries = [...map];
    this.#change(
      () => map.delete(key),
      () => {
        // In the place where it was: dumps go by the order of creation.
        map.clear();
        for (const [k, v] of entries) map.set(k, v);
      },
    );
  }

  #table({ family, table }: { family: Table["family"]; table: string }): TableState {
    return this.#ruleset.get(tableKey(family, table)) ?? refuse("ENOENT", `no table ${table}`);
  }

  #chain(of: Pick<Chain, "family" | "table" | "name">): [TableState, ChainState] {
    const table = this.#table(of);
    return [table, table.chains.get(of.name) ?? refuse("ENOENT", `no chain ${of.name} in table ${of.table}`)];
  }

  #set(of: Pick<SetDefinition, "family" | "table" | "name">): [TableState, SetState] {
    const table = this.#table(of);
    return [table, table.sets.get(of.name) ?? refuse("ENOENT", `no set ${of.name} in table ${of.table}`)];
  }

  /** Adds `by` to the references of the named chains and sets. */
  #refer(table: TableState, chains: readonly string[], sets: readonly string[], by: 1 | -1): void {
    const targets = [
      ...chains.map((name) => table.chains.get(name)!),
      ...sets.map((name) => table.sets.get(name)!),
    ];
    this.#change(
      () => targets.forEach((target) => (target.references += by)),
      () => targets.forEach((target) => (target.references -= by)),
    );
  }

  #addTable(table: Table): void {
    const key = tableKey(table.family, table.name);
    if (this.#ruleset.has(key)) return;
    const handle = ++this.#numbering.lastTable;
    const state = { table: { ...table, handle }, chains: new Map(), sets: new Map(), lastHandle: 0n };
    this.#put(this.#ruleset, key, state);
  }

  #deleteTable({ family, name }: Pick<Table, "family" | "name">): void {
    this.#table({ family, table: name });
    this.#take(this.#ruleset, tableKey(family, name));
  }

  #addChain(chain: Chain): void {
    const table = this.#table(chain);
    const existing = table.chains.get(chain.name);
    if (existing !== undefined) {
      const was = existing.chain.base;
      const { base } = chain;
      // nf_tables_updchain: nothing but the policy of a base chain can change, and nothing of ours does.
      if (
        base !== undefined &&
        (was?.type !== base.type || was.hook !== base.hook || was.priority !== base.priority)
      )
        refuse("EEXIST", `chain ${chain.name} is there and hooked in differently`);
      return;
    }
    if (chain.base?.type === "nat" && chain.base.priority <= PRIORITY_CONNTRACK)
      refuse("EOPNOTSUPP", `a nat chain cannot have priority ${chain.base.priority}`);
    if (chain.base?.type === "nat" && chain.base.hook === Hook.forward)
      refuse("EOPNOTSUPP", "there is no address translation in the forward hook");
    const handle = ++table.lastHandle;
    const hooked = chain.base === undefined ? 0 : ++this.#numbering.lastHook;
    this.#put(table.chains, chain.name, { chain: { ...chain, handle }, rules: [], hooked, references: 0 });
  }

  #deleteChain(of: Pick<Chain, "family" | "table" | "name">): void {
    const [table, chain] = this.#chain(of);
    this.#removeRules(table, chain, [...chain.rules]);
    if (chain.references > 0) refuse("EBUSY", `chain ${of.name} is still jumped to`);
    this.#take(table.chains, of.name);
  }

  #flushChain(of: Pick<Chain, "family" | "table" | "name">): void {
    const [table, chain] = this.#chain(of);
    this.#removeRules(table, chain, [...chain.rules]);
  }

  #addRule(rule: Rule): void {
    const [table, chain] = this.#chain({ ...rule, name: rule.chain });
    unless(checkExpressions(table, rule.expressions));
    const state: RuleState = {
      rule: { ...rule, handle: ++table.lastHandle },
      counters: new Map(),
      sequences: new Map(),
    };
    this.#refer(table, ruleTargets(rule.expressions), ruleSets(rule.expressions), 1);
    for (const expression of rule.expressions)
      if (expression.type === "dynset") this.#limit(table.sets.get(expression.set)!);
    this.#change(
      () => chain.rules.push(state),
      () => chain.rules.splice(chain.rules.indexOf(state), 1),
    );
    this.#rewired.add(table);
  }

  /** nft_dynset_init: a set that packets fill has a limit, and keeps it. */
  #limit(set: SetState): void {
    const { definition } = set;
    if (definition.size !== undefined) return;
    this.#change(
      () => (set.definition = { ...definition, size: DYNAMIC_SIZE }),
      () => (set.definition = definition),
    );
  }

  #deleteRule(of: Pick<Rule, "family" | "table" | "chain"> & { readonly handle: bigint }): void {
    const [table, chain] = this.#chain({ ...of, name: of.chain });
    const rule =
      chain.rules.find((state) => state.rule.handle === of.handle) ??
      refuse("ENOENT", `no rule with handle ${of.handle} in chain ${of.chain}`);
    this.#removeRules(table, chain, [rule]);
  }

  #removeRules(table: TableState, chain: ChainState, rules: readonly RuleState[]): void {
    const before = [...chain.rules];
    for (const { rule } of rules)
      this.#refer(table, ruleTargets(rule.expressions), ruleSets(rule.expressions), -1);
    const replace = (by: readonly RuleState[]): unknown => chain.rules.splice(0, chain.rules.length, ...by);
    this.#change(
      () => replace(before.filter((rule) => !rules.includes(rule))),
      () => replace(before),
    );
  }

  #addSet(set: SetDefinition): void {
    const table = this.#table(set);
    if (set.keyLength < 1 || set.keyLength > MAX_DATA) refuse("EINVAL", `keys of ${set.keyLength} bytes`);
    const { dataLength = 0 } = set;
    if (set.kind === "map" && (dataLength < 1 || dataLength > MAX_DATA))
      refuse("EINVAL", `data of ${dataLength} bytes`);
    unless(checkSetFlags(set));
    const existing = table.sets.get(set.name);
    if (existing !== undefined) {
      if (!sameDefinition(existing.definition, set))
        refuse("EEXIST", `set ${set.name} is there and different`);
      return;
    }
    const handle = ++table.lastHandle;
    const elements = new ElementStore(set, this.#now);
    // nft_select_set_ops: the hash that grows is taken for sets that forget, that say so, or whose size is not known.
    const { interval, timeout, dynamic } = set.flags;
    const fillable = interval !== true && (timeout === true || dynamic === true || set.size === undefined);
    this.#put(table.sets, set.name, { definition: { ...set, handle }, elements, fillable, references: 0 });
  }

  #deleteSet(of: Pick<SetDefinition, "family" | "table" | "name">): void {
    const [table, set] = this.#set(of);
    if (set.references > 0) refuse("EBUSY", `set ${of.name} is still looked up`);
    for (const element of set.elements.values()) {
      const target = verdictTarget(element.verdict);
      if (target !== undefined) this.#refer(table, [target], [], -1);
    }
    this.#take(table.sets, of.name);
  }

  #addElement([table, set]: [TableState, SetState], element: SetElement): void {
    const { definition, elements } = set;
    unless(checkElement(set, element));
    unless(checkTarget(table, verdictTarget(element.verdict)));
    const existing = elements.get(element);
    if (existing !== undefined) {
      // nft_add_set_elem: other data is EBUSY, and NLM_F_EXCL, with which the codec adds, makes the same one EEXIST.
      const same =
        compareBytes(existing.data ?? new Uint8Array(), element.data ?? new Uint8Array()) === 0 &&
        JSON.stringify(existing.verdict) === JSON.stringify(element.verdict);
      refuse(same ? "EEXIST" : "EBUSY", `set ${definition.name} has the element already`);
    }
    if (definition.size !== undefined && elements.size >= definition.size)
      refuse("ENFILE", `set ${definition.name} is full`);
    const target = verdictTarget(element.verdict);
    if (target !== undefined) {
      this.#refer(table, [target], [], 1);
      this.#rewired.add(table);
    }
    this.#change(
      () => elements.put(element),
      () => elements.remove(element),
    );
  }

  #deleteElement([table, { definition, elements }]: [TableState, SetState], element: SetElement): void {
    if (element.key.length !== definition.keyLength)
      refuse("EINVAL", `a key of ${element.key.length} bytes in set ${definition.name}`);
    const existing =
      elements.toDelete(element) ?? refuse("ENOENT", `set ${definition.name} does not have the element`);
    const target = verdictTarget(existing.verdict);
    if (target !== undefined) this.#refer(table, [target], [], -1);
    if (!elements.mayRemove(existing))
      refuse(
        "ENOENT",
        `not the end of the interval of set ${definition.name} whose start was deleted before`,
      );
    this.#change(
      () => elements.remove(existing),
      () => elements.put(existing),
    );
  }
}

/** nf_tables_newset, and what no kind of set can do (nft_select_set_ops). */
function checkSetFlags({ name, flags, timeout }: SetDefinition): Objection | undefined {
  if (flags.constant === true && flags.timeout === true)
    return { code: "EOPNOTSUPP", reason: `set ${name} cannot be constant and forget elements` };
  if (timeout !== undefined && flags.timeout !== true)
    return { code: "EINVAL", reason: `set ${name} has a timeout and not the flag` };
  if (flags.interval === true && flags.dynamic === true)
    return { code: "EOPNOTSUPP", reason: `packets cannot fill the intervals of set ${name}` };
  return undefined;
}

/** nft_set_is_same: what decides how the set is kept. */
function sameDefinition(a: SetDefinition, b: SetDefinition): boolean {
  const shape = ({
    kind,
    keyTypes,
    keyLength,
    dataTypes,
    dataLength,
    flags,
    size,
    timeout,
  }: SetDefinition): string =>
    JSON.stringify([
      kind,
      keyTypes,
      keyLength,
      dataTypes ?? null,
      dataLength ?? 0,
      [flags.interval, flags.timeout, flags.dynamic, flags.constant].map((flag) => flag === true),
      size,
      timeout,
    ]);
  return shape(a) === shape(b);
}

function checkElement({ definition, elements }: SetState, element: SetElement): Objection | undefined {
  const { name, kind, keyLength, dataLength, flags } = definition;
  const wrong = (reason: string): Objection => ({ code: "EINVAL", reason: `${reason} in set ${name}` });
  if (element.key.length !== keyLength) return wrong(`a key of ${element.key.length} bytes`);
  if (element.intervalEnd === true) {
    if (flags.interval !== true) return wrong("the end of an interval");
    if (element.data !== undefined || element.verdict !== undefined) return wrong("data at an end");
    return checkOverlap(definition, elements, element);
  }
  if (flags.timeout !== true && (element.timeout !== undefined || element.expiration !== undefined))
    return wrong("a timeout");
  if (element.keyEnd !== undefined && flags.interval !== true) return wrong("a last key");
  if ((kind === "map") !== (element.data !== undefined)) return wrong("data, or none, is not");
  if ((kind === "verdict map") !== (element.verdict !== undefined))
    return wrong("a verdict, or none, is not");
  if (element.data !== undefined && element.data.length !== dataLength)
    return wrong(`data of ${element.data.length} bytes`);
  if (flags.interval !== true) return undefined;
  return definition.keyTypes.length > 1
    ? checkBox(definition, elements, element)
    : checkOverlap(definition, elements, element);
}

/** nft_pipapo_insert: neither corner may be in another box, and no part may end before it starts. */
function checkBox(
  { name }: SetDefinition,
  elements: ElementStore,
  element: SetElement,
): Objection | undefined {
  const { key, keyEnd = key } = element;
  const other = elements.lookup(key) ?? elements.lookup(keyEnd);
  if (other !== undefined) return { code: "EEXIST", reason: `a box that overlaps another in set ${name}` };
  if (elements.isBox(element)) return undefined;
  return { code: "EINVAL", reason: `a box that ends before it starts in set ${name}` };
}

/** __nft_rbtree_insert: a start after a start, or an end beside an end, would make intervals overlap. */
function checkOverlap(
  { name }: SetDefinition,
  elements: ElementStore,
  element: SetElement,
): Objection | undefined {
  // The border itself, if it is there already, is not a neighbour.
  if (elements.get(element) !== undefined) return undefined;
  const [before, after] = elements.neighbours(element.key);
  const ends = element.intervalEnd === true;
  const alike = (border: SetElement | undefined): boolean =>
    border !== undefined && (border.intervalEnd === true) === ends;
  if (!alike(before) && !(ends && alike(after))) return undefined;
  return { code: "EEXIST", reason: `an interval that overlaps another in set ${name}` };
}
