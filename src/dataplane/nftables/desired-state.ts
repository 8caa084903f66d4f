/** Everything that table `inet fairlead` should hold for a table of services, adopting the slots that are there. */
import type { Chain, Command, Rule, SetDefinition, SetElement } from "../../net/nftables/model.ts";
import type { ServiceTable } from "../table.ts";
import type { BridgePair } from "./bridges.ts";
import { bridgeElements } from "./bridges.ts";
import type { ElementTexts, KernelState } from "./kernel-state.ts";
import { latin1, latin1Bytes } from "./keys.ts";
import type { Programmed, ProgrammedPort } from "./plan.ts";
import { commitPlan, nothingProgrammed, planDelta, rangeElements } from "./plan.ts";
import { bridges, bySlots, chains, rules, sets, slotChain, slotCommands, slotRules } from "./ruleset.ts";

export type { BridgePair };

export interface DesiredState {
  readonly programmed: Programmed;
  readonly sets: readonly SetDefinition[];
  readonly chains: readonly Chain[];
  /** Each chain's in order. */
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  readonly elements: ReadonlyMap<string, readonly SetElement[]>;
}

/**
 * What should be there. Slots that the kernel has are kept as far as `table` allows, and so are chains for numbers of
 * slots that nothing has at the moment. Throws DataPlaneError if the table cannot be programmed.
 */
export function desiredState(
  table: ServiceTable,
  masquerade: readonly BridgePair[],
  kernel: KernelState | undefined,
): DesiredState {
  const programmed = nothingProgrammed(table.ranges);
  const found = kernel === undefined ? new Map() : foundSlots(kernel);
  const delta = { set: [...table.ports.values()], remove: [] };
  const plan = planDelta(programmed, delta, { found: (key) => found.get(latin1(key)) });
  commitPlan(programmed, plan);
  if (kernel !== undefined) for (const slots of foundChains(kernel)) programmed.chains.add(slots);

  const elements = new Map<string, SetElement[]>(sets.map((set) => [set.name, []]));
  for (const version of [4, 6] as const)
    elements.set(`ranges${version}`, rangeElements(programmed.ranges, version));
  elements.set(bridges.name, bridgeElements(masquerade));
  const slotRulesByChain = new Map<string, Rule[]>();
  for (const slots of programmed.chains) {
    slotRulesByChain.set(slotChain(slots).name, slotRules(slots));
    addElements(elements, slotCommands(slots));
  }
  addElements(
    elements,
    plan.commands.filter((command) => "set" in command && command.set.name !== bySlots.name),
  );
  return {
    programmed,
    sets,
    chains: [...chains, ...[...programmed.chains].map(slotChain)],
    rules: new Map([...Map.groupBy(rules, (rule) => rule.chain), ...slotRulesByChain]),
    elements,
  };
}

function addElements(into: Map<string, SetElement[]>, commands: readonly Command[]): void {
  for (const command of commands)
    if (command.op === "add elements") {
      const list = into.get(command.set.name)!;
      for (const element of command.elements) list.push(element);
    }
}

/** The endpoints that the kernel has, by slot, for each key of slotsN. */
function foundSlots(kernel: KernelState): Map<string, (string | undefined)[]> {
  const found = new Map<string, (string | undefined)[]>();
  for (const [version, keyLength] of [
    [4, 12],
    [6, 24],
  ] as const) {
    const counts: ElementTexts = kernel.elements.get(`slots${version}`) ?? new Map();
    for (const [key, count] of counts)
      found.set(key, Array.from({ length: Math.min(number(count), MAX_ADOPTED) }));
    for (const [key, endpoint] of kernel.elements.get(`endpoints${version}`) ?? []) {
      const slots = found.get(key.slice(0, keyLength));
      const slot = number(key.slice(keyLength));
      if (slots !== undefined && slot < slots.length) slots[slot] = endpoint;
    }
  }
  return found;
}

/** The ports that the kernel has and that should not be there any more, as they will be: without endpoints. */
export function removedPorts(
  kernel: KernelState,
  desired: DesiredState,
): Pick<ProgrammedPort, "version" | "key" | "slots">[] {
  const wanted = new Set<string>();
  for (const { key } of desired.programmed.ports.values()) wanted.add(latin1(key));
  return ([4, 6] as const).flatMap((version) =>
    [...(kernel.elements.get(`slots${version}`)?.keys() ?? [])]
      .filter((key) => !wanted.has(key))
      .map((key) => ({ version, key: latin1Bytes(key), slots: [] })),
  );
}

/** A count that somebody else wrote is no reason to make an array of any size. */
const MAX_ADOPTED = 65_535;

/** The number in the first 4 characters, which are bytes in host order. */
function number(text: string): number {
  return (
    text.charCodeAt(0) +
    text.charCodeAt(1) * 0x100 +
    text.charCodeAt(2) * 0x10000 +
    text.charCodeAt(3) * 0x1000000
  );
}

/** The numbers of slots that the kernel has a chain for. */
function foundChains(kernel: KernelState): number[] {
  return [...kernel.chains.keys()].flatMap((name) => {
    const match = /^of-([1-9]\d{0,4})$/.exec(name);
    const slots = Number(match?.[1] ?? 0);
    return slots > 0 && slotChain(slots).name === name ? [slots] : [];
  });
}
