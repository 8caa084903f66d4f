/** Everything that table `inet fairlead` should hold for a table of services, adopting the slots that are there. */
import type { Chain, Command, Rule, SetDefinition, SetElement } from "../../net/nftables/model.ts";
import type { ServiceTable } from "../table.ts";
import type { BridgePair } from "./bridges.ts";
import { bridgeElements } from "./bridges.ts";
import type { ClientTurns } from "./choice.ts";
import type { ElementTexts, KernelState } from "./kernel-state.ts";
import { latin1, latin1Bytes, numberedKey } from "./keys.ts";
import { settingElements } from "./loopback-routing.ts";
import {
  byPickerCommand,
  EXTERNAL_SLOTS,
  MAX_SLOTS,
  pickerChain,
  pickerRules,
  sharedPicker,
} from "./pickers.ts";
import type { Found } from "./plan.ts";
import { commitPlan, planPorts } from "./plan.ts";
import type { Programmed } from "./programmed.ts";
import { nothingProgrammed, parseRanges } from "./programmed.ts";
import { rangeElements } from "./ranges.ts";
import { chains, constantElements, rules } from "./ruleset.ts";
import { bridges, byPicker, sets, settings } from "./sets.ts";
import { atOnce } from "./turns.ts";
import type { FlowPort } from "./udp-flows.ts";
import { removedPort } from "./udp-flows.ts";

export type { BridgePair };

export interface DesiredState {
  readonly programmed: Programmed;
  readonly sets: readonly SetDefinition[];
  readonly chains: readonly Chain[];
  /** Each chain's in order. */
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  /** Of the sets that packets do not write. */
  readonly elements: ReadonlyMap<string, readonly SetElement[]>;
}

/**
 * What should be there. Slots and the numbers of pickers that the kernel has are kept as far as `table` allows, and so are
 * pickers that nothing has at the moment, but others may have. Throws DataPlaneError if the table cannot be programmed.
 */
export function desiredState(
  table: ServiceTable,
  masquerade: readonly BridgePair[],
  kernel: KernelState | undefined,
  turns?: ClientTurns,
): DesiredState {
  return atOnce(planState(table, masquerade, kernel, turns));
}

/** {@link desiredState} as work that can be left for a while. */
export function* planState(
  table: ServiceTable,
  masquerade: readonly BridgePair[],
  kernel: KernelState | undefined,
  turns?: ClientTurns,
): Generator<void, DesiredState> {
  const programmed = nothingProgrammed(table.ranges, turns);
  const found = kernel === undefined ? undefined : yield* findIn(kernel);
  const plan = yield* planPorts(programmed, table.ports, found);
  yield;
  commitPlan(programmed, plan);
  for (const [name, number] of found?.pickers ?? []) {
    const picker = sharedPicker(name);
    if (picker !== undefined && !programmed.pickers.has(name))
      programmed.pickers.set(name, { number, picker });
  }
  yield;
  const elements = fixedElements(table, programmed, masquerade, settingElements(kernel));
  addElements(
    elements,
    plan.commands.filter((command) => "set" in command && command.set.name !== byPicker.name),
  );
  return { programmed, sets, ...desiredRules(programmed), elements };
}

/** The chains that there should be, and their rules. */
export function desiredRules(
  programmed: Pick<Programmed, "pickers">,
): Pick<DesiredState, "chains" | "rules"> {
  const pickers = [...programmed.pickers];
  return {
    chains: [...chains, ...pickers.map(([, { picker }]) => pickerChain(picker))],
    rules: new Map([
      ...Map.groupBy(rules, (rule) => rule.chain),
      ...pickers.map(([name, { picker }]) => [name, pickerRules(picker)] as const),
    ]),
  };
}

/** The elements of all sets that are not there because of a port. */
export function fixedElements(
  table: ServiceTable,
  programmed: Programmed,
  masquerade: readonly BridgePair[],
  settingsOn: readonly SetElement[],
): Map<string, SetElement[]> {
  const elements = new Map<string, SetElement[]>(sets.map((set) => [set.name, []]));
  const pods = parseRanges(table.podRanges ?? [], "pod range");
  const routed = parseRanges(table.routedRanges ?? [], "routed range");
  for (const version of [4, 6] as const) {
    elements.set(`ranges${version}`, rangeElements(programmed.ranges, version));
    elements.set(`pods${version}`, rangeElements(pods, version));
    elements.set(`routed${version}`, rangeElements(routed, version));
  }
  elements.set(bridges.name, bridgeElements(masquerade));
  elements.set(settings.name, [...settingsOn]);
  addElements(elements, constantElements);
  for (const [name, { number }] of programmed.pickers)
    addElements(elements, [byPickerCommand("add elements", name, number)]);
  return elements;
}

function addElements(into: Map<string, SetElement[]>, commands: readonly Command[]): void {
  for (const command of commands)
    if (command.op === "add elements") {
      const list = into.get(command.set.name)!;
      for (const element of command.elements) list.push(element);
    }
}

const KEY_LENGTHS = [
  [4, 12],
  [6, 24],
] as const;

function* findIn(kernel: KernelState): Generator<void, Found> {
  const slots = yield* foundSlots(kernel);
  return {
    slots: (key, external) => slots[external ? "external" : "all"].get(latin1(key)) ?? [],
    ring: (key, external) => {
      const names = kernel.elements.get(`ids${key.length === KEY_LENGTHS[0][1] ? 4 : 6}`);
      const found: number[] = [];
      for (let turn = external ? EXTERNAL_SLOTS : 0; ; turn++) {
        const name = names?.get(latin1(numberedKey(key, turn)));
        if (name === undefined) return found;
        found.push(hostNumber(name));
      }
    },
    pickers: foundPickers(kernel),
  };
}

type Slots = Map<string, (string | undefined)[]>;

/** Elements looked at before the work may be left for a while. */
const ELEMENTS_AT_ONCE = 512;

/** The endpoints that the kernel has, by slot, for each virtual port's key. */
function* foundSlots(kernel: KernelState): Generator<void, { all: Slots; external: Slots }> {
  const found = { all: new Map(), external: new Map() } satisfies Record<string, Slots>;
  let seen = 0;
  for (const [version, keyLength] of KEY_LENGTHS)
    for (const [key, endpoint] of kernel.elements.get(`endpoints${version}`) ?? []) {
      if (++seen % ELEMENTS_AT_ONCE === 0) yield;
      const number = hostNumber(key.slice(keyLength));
      const external = number >= EXTERNAL_SLOTS;
      const slot = external ? number - EXTERNAL_SLOTS : number;
      // A number that somebody else wrote is no reason to make an array of any size.
      if (slot >= MAX_SLOTS) continue;
      const port = key.slice(0, keyLength);
      const into: Slots = external ? found.external : found.all;
      let list = into.get(port);
      if (list === undefined) into.set(port, (list = []));
      list[slot] = endpoint;
    }
  return found;
}

/** The chains that the kernel has in by-picker; of two with the same number or name, one. */
function foundPickers(kernel: KernelState): Map<string, number> {
  const constant = new Set(constantElements.flatMap(numbersOf));
  const texts: ElementTexts = kernel.elements.get(byPicker.name) ?? new Map();
  const pickers = new Map<string, number>();
  for (const [key, verdict] of texts) {
    const name = verdict.startsWith("goto ") ? verdict.slice("goto ".length) : "";
    const number = hostNumber(key);
    if (kernel.chains.has(name) && !chains.some((chain) => chain.name === name) && !constant.has(number))
      pickers.set(name, number);
  }
  return pickers;
}

function numbersOf(command: Command): number[] {
  return command.op === "add elements" ? command.elements.map(({ key }) => hostNumber(latin1(key))) : [];
}

/** The ports that the kernel has and that should not be there any more, as they will be: without endpoints. */
export function removedPorts(kernel: KernelState, desired: DesiredState): FlowPort[] {
  const wanted = new Set<string>();
  for (const { key } of desired.programmed.ports.values()) wanted.add(latin1(key));
  return KEY_LENGTHS.flatMap(([version]) => {
    const keys = [`pickers${version}`, `external${version}`].flatMap((name) => [
      ...(kernel.elements.get(name)?.keys() ?? []),
    ]);
    return [...new Set(keys)]
      .filter((key) => !wanted.has(key))
      .map((key) => removedPort(version, latin1Bytes(key)));
  });
}

/** The number in the first 4 characters, which are bytes in host order. */
function hostNumber(text: string): number {
  return (
    text.charCodeAt(0) +
    text.charCodeAt(1) * 0x100 +
    text.charCodeAt(2) * 0x10000 +
    text.charCodeAt(3) * 0x1000000
  );
}
