/** A table of one kernel in another: what the real kernel has, to be asked what it does with a packet. */
import type { Command, Family } from "../../net/nftables/model.ts";
import type { NftablesPort } from "../nftables/port.ts";

/** The commands that make the table as `port` has it; undefined if it has none of that name. */
export function tableCommands(port: NftablesPort, family: Family, name: string): Command[] | undefined {
  const table = port.tables(family).find((one) => one.family === family && one.name === name);
  if (table === undefined) return undefined;
  const sets = port.sets(family, name);
  const chains = port.chains(family).filter((chain) => chain.family === family && chain.table === name);
  return [
    { op: "add table", table },
    ...sets.map((set): Command => ({ op: "add set", set })),
    ...chains.map((chain): Command => ({ op: "add chain", chain })),
    ...sets.map((set): Command => ({ op: "add elements", set, elements: port.elements(set) })),
    ...port.rules(family, name).map((rule): Command => ({ op: "add rule", rule })),
  ];
}
