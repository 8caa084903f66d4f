/** The pairs of interfaces between which connections are masqueraded, as elements of set `bridges`. */
import type { Command, SetElement } from "../../net/nftables/model.ts";
import { elementKey } from "./kernel-state.ts";
import { bridges, IFNAME_LENGTH, setReference } from "./sets.ts";

/** Two interfaces: what comes in by the first and goes out by the second is masqueraded. */
export type BridgePair = readonly [input: string, output: string];

/** One for each different pair. Throws RangeError if a name cannot be an interface's. */
export function bridgeElements(pairs: readonly BridgePair[]): SetElement[] {
  return [...byKey(pairs).values()];
}

/** What makes a set that holds `from` hold `to`; nothing if that is the same. Throws RangeError as {@link bridgeElements}. */
export function bridgeCommands(from: readonly BridgePair[], to: readonly BridgePair[]): Command[] {
  const [before, after] = [byKey(from), byKey(to)];
  const set = setReference(bridges.name, bridges.kind);
  const lost = [...before].filter(([key]) => !after.has(key)).map(([, element]) => element);
  const gained = [...after].filter(([key]) => !before.has(key)).map(([, element]) => element);
  const commands: Command[] = [];
  if (lost.length > 0) commands.push({ op: "delete elements", set, elements: lost });
  if (gained.length > 0) commands.push({ op: "add elements", set, elements: gained });
  return commands;
}

function byKey(pairs: readonly BridgePair[]): Map<string, SetElement> {
  return new Map(pairs.map(bridgeElement).map((element) => [elementKey(element), element]));
}

function bridgeElement([input, output]: BridgePair): SetElement {
  const key = new Uint8Array(2 * IFNAME_LENGTH);
  for (const [index, name] of [input, output].entries()) {
    const bytes = Buffer.from(name);
    if (bytes.length === 0 || bytes.length >= IFNAME_LENGTH)
      throw new RangeError(`an interface name has 1 to ${IFNAME_LENGTH - 1} bytes: ${JSON.stringify(name)}`);
    key.set(bytes, index * IFNAME_LENGTH);
  }
  return { key };
}
