/**
 * Makes sure that the kernel holds what is programmed, over many turns of the event loop, while changes go on. The sets are
 * compared one after the other, each with what it should hold at that moment, and repaired one by one.
 */
import type { Command, SetDefinition, SetElement } from "../../net/nftables/model.ts";
import { NetlinkDumpInterruptedError, NetlinkError } from "../../sys/netlink-error.ts";
import { desiredRules } from "./desired-state.ts";
import { elementData, elementKey, readElements, readStructure } from "./kernel-state.ts";
import { describePorts } from "./plan.ts";
import type { NftablesPort } from "./port.ts";
import type { Programmed } from "./programmed.ts";
import { elementChanges, reconcile } from "./reconcile.ts";
import { setReference, sets } from "./sets.ts";
import { atOnce, inTurns } from "./turns.ts";

/** What the sets should hold, also after commits of ours that are made while it is used. */
export class ExpectedElements {
  readonly #sets = new Map<string, Map<string, SetElement>>(sets.map(({ name }) => [name, new Map()]));
  /** How many commits were recorded. */
  commits = 0;
  /** The keys of one set that commits have written or deleted. */
  #touched: { readonly set: string; readonly keys: Set<string> } | undefined;

  /** `fixed`: those that are there whatever the ports are. */
  constructor(fixed: ReadonlyMap<string, readonly SetElement[]>) {
    for (const [name, elements] of fixed) this.#add(name, elements);
  }

  of(set: SetDefinition): ReadonlyMap<string, SetElement> {
    return this.#sets.get(set.name)!;
  }

  /** Adding what is there already changes nothing, so what is described may be recorded too. */
  describe(commands: readonly Command[]): void {
    for (const command of commands)
      if (command.op === "add elements") this.#add(command.set.name, command.elements);
      else if (command.op === "delete elements") {
        const elements = this.#sets.get(command.set.name)!;
        for (const element of command.elements) elements.delete(elementKey(element));
      }
  }

  /** To be told of each commit of ours. */
  record(commands: readonly Command[]): void {
    this.commits++;
    this.describe(commands);
    for (const command of commands)
      if ("elements" in command && command.set.name === this.#touched?.set)
        for (const element of command.elements) this.#touched.keys.add(elementKey(element));
  }

  /** The keys in a set that commits of ours write or delete from now on, until this is called again. */
  touched(set: SetDefinition): ReadonlySet<string> {
    this.#touched = { set: set.name, keys: new Set() };
    return this.#touched.keys;
  }

  #add(name: string, elements: readonly SetElement[]): void {
    const into = this.#sets.get(name)!;
    for (const element of elements) into.set(elementKey(element), element);
  }
}

export interface VerificationParts {
  readonly kernel: NftablesPort;
  readonly programmed: Programmed;
  readonly expected: ExpectedElements;
  /** Commits, and tells `expected`. */
  readonly commit: (commands: readonly Command[], generation?: number) => void;
  /** Throws if what is programmed is to be something else altogether. */
  readonly check: () => void;
}

/**
 * The kernel says of what it gives in parts that it may be incomplete when anybody commits meanwhile: elements can be passed
 * over or come twice. So a set is read again; and after so many such readings it is right if each element was seen in one of
 * them (or written by us meanwhile), and none that should not be there: then it ends whatever the load, and holds nobody up.
 */
const MAX_READINGS = 4;

/** A repair that is overtaken by others' commits this often is done whatever they did. */
const MAX_READS = 5;

/** How many elements had to be written; undefined if there is more to repair than elements. Throws NetlinkError. */
export async function verify(parts: VerificationParts): Promise<number | undefined> {
  const { kernel, programmed, expected, check } = parts;
  if (!isStructureRight(kernel, programmed)) return undefined;
  await inTurns(
    describePorts(programmed, (commands) => expected.describe(commands)),
    check,
  );
  let written = 0;
  for (const set of sets)
    if (set.flags.dynamic !== true && !(await isRight(parts, set))) {
      check();
      written += repair(parts, set);
    }
  return written;
}

/** Table, chains, rules and sets: few, whatever the number of services. */
function isStructureRight(kernel: NftablesPort, programmed: Programmed): boolean {
  const elements = new Map();
  const desired = { programmed, sets, ...desiredRules(programmed), elements };
  return reconcile(desired, { ...readStructure(kernel), elements }).commands.length === 0;
}

async function isRight(parts: VerificationParts, set: SetDefinition): Promise<boolean> {
  const touched = parts.expected.touched(set);
  const seen = new Set<string>();
  for (let reading = 1; reading <= MAX_READINGS; reading++) {
    const { commits } = parts.expected;
    const wanted = parts.expected.of(set);
    const wrong: string[] = [];
    let isWhole = true;
    try {
      await parts.kernel.visitElements(set, (elements) => {
        parts.check();
        for (const element of elements) {
          const key = elementKey(element);
          const want = wanted.get(key);
          if (want !== undefined && sameData(want, element)) seen.add(key);
          else wrong.push(key);
        }
      });
      isWhole = parts.expected.commits === commits;
    } catch (error) {
      // Gone: reading it at once will tell.
      if (error instanceof NetlinkError && error.code === "ENOENT") return false;
      if (!(error instanceof NetlinkDumpInterruptedError)) throw error;
      isWhole = false;
    }
    if (wrong.some((key) => !touched.has(key))) return false;
    if (!isWhole && reading < MAX_READINGS) continue;
    for (const key of wanted.keys()) if (!seen.has(key) && !touched.has(key)) return false;
    return true;
  }
  return false;
}

function sameData(a: SetElement, b: SetElement): boolean {
  if (a.data === undefined || b.data === undefined) return elementData(a) === elementData(b);
  if (a.data.length !== b.data.length) return false;
  for (let at = 0; at < a.data.length; at++) if (a.data[at] !== b.data[at]) return false;
  return true;
}

/** Reads the set at once and writes what differs. */
function repair({ kernel, expected, commit }: VerificationParts, set: SetDefinition): number {
  for (let attempt = 1; ; attempt++) {
    const generation = kernel.generation();
    const have = readElements(kernel, set);
    const { add, remove, replaced } = atOnce(elementChanges(set, [...expected.of(set).values()], have));
    const reference = setReference(set.name, set.kind);
    const commands: Command[] = [];
    if (remove.length > 0) commands.push({ op: "delete elements", set: reference, elements: remove });
    if (add.length > 0) commands.push({ op: "add elements", set: reference, elements: add });
    try {
      if (commands.length > 0) commit(commands, attempt < MAX_READS ? generation : undefined);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === "ERESTART" && attempt < MAX_READS) continue;
      throw error;
    }
    return remove.length - replaced + add.length;
  }
}
