/** What has to be written to make the kernel's table what it should be, and how much of it is right already. */
import { isDeepStrictEqual } from "node:util";
import type {
  Chain,
  Command,
  Expression,
  Rule,
  SetDefinition,
  SetElement,
} from "../../net/nftables/model.ts";
import type { DesiredState } from "./desired-state.ts";
import { intervalChanges } from "./intervals.ts";
import type { ElementChanges } from "./intervals.ts";
import { elementData, elementKey, elementOfKey } from "./kernel-state.ts";
import type { ElementTexts, KernelState } from "./kernel-state.ts";
import { chains as constantChains } from "./ruleset.ts";
import { setReference, table } from "./sets.ts";
import { atOnce } from "./turns.ts";

export interface Reconciliation {
  /** To be sent as one batch; empty if all is right. */
  readonly commands: readonly Command[];
  /** Tables, chains, rules, sets and elements that are there and right. */
  readonly kept: number;
  /** Those that are added, changed or removed. */
  readonly written: number;
}

/** Repairs what differs, in place. A table whose chains or sets are of another make is made anew instead. */
export function reconcile(desired: DesiredState, kernel: KernelState): Reconciliation {
  return atOnce(compare(desired, kernel));
}

/** {@link reconcile} as work that can be left for a while. */
export function* compare(desired: DesiredState, kernel: KernelState): Generator<void, Reconciliation> {
  if (kernel.table === undefined || !isRepairable(desired, kernel)) return rebuild(desired, kernel);
  const steps = new Steps(1);
  // The order matters: rules name sets and chains, verdicts name chains, and nothing is deleted while it is named.
  const missingChains = desired.chains.filter((chain) => !kernel.chains.has(chain.name));
  const extraChains = [...kernel.chains.values()].filter(
    (chain) => !desired.chains.some(({ name }) => name === chain.name),
  );
  const extraSets = [...kernel.sets.values()].filter(
    (set) => !desired.sets.some(({ name }) => name === set.name),
  );
  for (const set of desired.sets) if (!kernel.sets.has(set.name)) steps.write({ op: "add set", set });
  for (const chain of missingChains) steps.write({ op: "add chain", chain });
  for (const chain of extraChains) steps.prepare({ op: "flush chain", chain });
  reconcileRules(steps, desired, kernel);
  for (const set of desired.sets) {
    const changes = yield* elementChanges(
      set,
      desired.elements.get(set.name) ?? [],
      kernel.elements.get(set.name),
    );
    steps.keep(changes.kept);
    steps.delete(set, changes.remove, changes.replaced);
    steps.add(set, changes.add);
  }
  for (const chain of extraChains) steps.write({ op: "delete chain", chain });
  for (const set of extraSets) steps.write({ op: "delete set", set });
  steps.keep(desired.chains.length - missingChains.length);
  steps.keep(desired.sets.filter((set) => kernel.sets.has(set.name)).length);
  return steps.result();
}

/** The whole table, in place of what is there. Packets see the old one or the new one. */
export function rebuild(desired: DesiredState, kernel: Pick<KernelState, "table">): Reconciliation {
  const steps = new Steps(0);
  if (kernel.table !== undefined) steps.prepare({ op: "delete table", table });
  steps.write({ op: "add table", table });
  for (const set of desired.sets) steps.write({ op: "add set", set });
  for (const chain of desired.chains) steps.write({ op: "add chain", chain });
  for (const rules of desired.rules.values()) for (const rule of rules) steps.write({ op: "add rule", rule });
  for (const set of desired.sets) steps.add(set, desired.elements.get(set.name) ?? []);
  return steps.result();
}

class Steps {
  readonly #commands: Command[] = [];
  #kept: number;
  #written = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  keep(count: number): void {
    this.#kept += count;
  }

  /** A command that changes one object. */
  write(command: Command): void {
    this.#commands.push(command);
    this.#written++;
  }

  /** A command that only makes way for others. */
  prepare(command: Command): void {
    this.#commands.push(command);
  }

  add(set: SetDefinition, elements: readonly SetElement[]): void {
    if (elements.length === 0) return;
    this.#commands.push({ op: "add elements", set: setReference(set.name, set.kind), elements });
    this.#written += elements.length;
  }

  /** `replaced` of the elements are added again: that is one change each. */
  delete(set: SetDefinition, elements: readonly SetElement[], replaced: number): void {
    if (elements.length === 0) return;
    this.#commands.push({ op: "delete elements", set: setReference(set.name, set.kind), elements });
    this.#written += elements.length - replaced;
  }

  result(): Reconciliation {
    return { commands: this.#commands, kept: this.#kept, written: this.#written };
  }
}

function isRepairable(desired: DesiredState, kernel: KernelState): boolean {
  // Nothing of ours is dormant or owned by a process.
  if (kernel.table?.flags !== undefined) return false;
  for (const chain of constantChains) {
    const found = kernel.chains.get(chain.name);
    // A base chain that is not there can be added; a chain cannot be given another hook.
    if (found !== undefined && !sameHook(chain, found)) return false;
  }
  return desired.sets.every((set) => {
    const found = kernel.sets.get(set.name);
    return found === undefined || sameSet(set, found);
  });
}

function sameHook(a: Chain, b: Chain): boolean {
  return isDeepStrictEqual(a.base, b.base);
}

function sameSet(a: SetDefinition, b: SetDefinition): boolean {
  return (
    a.kind === b.kind &&
    a.keyLength === b.keyLength &&
    a.dataLength === b.dataLength &&
    a.size === b.size &&
    isDeepStrictEqual(a.keyTypes, b.keyTypes) &&
    isDeepStrictEqual(a.flags, b.flags)
  );
}

function reconcileRules(steps: Steps, desired: DesiredState, kernel: KernelState): void {
  const wrong: Rule[] = [];
  for (const chain of desired.chains) {
    const want = desired.rules.get(chain.name) ?? [];
    const have = kernel.rules.get(chain.name) ?? [];
    if (want.length === have.length && want.every((rule, index) => sameRule(rule, have[index]!))) {
      steps.keep(want.length);
      continue;
    }
    if (have.length > 0) steps.prepare({ op: "flush chain", chain });
    wrong.push(...want);
  }
  for (const rule of wrong) steps.write({ op: "add rule", rule });
}

function sameRule(a: Rule, b: Rule): boolean {
  return a.comment === b.comment && isDeepStrictEqual(a.expressions, b.expressions.map(withoutCount));
}

/** A counter as a rule is made with it: what it has counted makes it no other rule. */
function withoutCount(expression: Expression): Expression {
  return expression.type === "counter" ? { type: "counter" } : expression;
}

/** Elements compared before the work may be left for a while. */
const ELEMENTS_AT_ONCE = 512;

/** What has to change in a set, from the elements that should be there and the texts of those that are. */
export function* elementChanges(
  set: SetDefinition,
  want: readonly SetElement[],
  have: ElementTexts = new Map(),
): Generator<void, ElementChanges> {
  // Packets write these: nothing in them is wrong.
  if (set.flags.dynamic === true) return { add: [], remove: [], kept: 0, replaced: 0 };
  if (set.flags.interval === true && set.keyTypes.length === 1) return intervalChanges(want, have.keys());
  const add: SetElement[] = [];
  const remove: SetElement[] = [];
  let kept = 0;
  for (const [index, element] of want.entries()) {
    if (index % ELEMENTS_AT_ONCE === 0) yield;
    const key = elementKey(element);
    const data = have.get(key);
    if (data !== undefined && data === elementData(element)) {
      kept++;
      continue;
    }
    add.push(element);
    if (data !== undefined) remove.push(elementOfKey(key));
  }
  const replaced = remove.length;
  if (have.size > kept + replaced) {
    const wanted = new Set(want.map(elementKey));
    for (const key of have.keys()) if (!wanted.has(key)) remove.push(elementOfKey(key));
  }
  return { add, remove, kept, replaced };
}
