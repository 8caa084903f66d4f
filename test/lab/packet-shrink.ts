/** Makes a case that went wrong as small as it can be, and writes it down for people. */
import type { Backend, Choice, VirtualPort } from "../../src/dataplane/table.ts";
import { formatPacket } from "../../src/dataplane/fake/packet.ts";
import type { PacketCase, TableCase } from "./packet-cases.ts";

/** Packets, one after the other, to what is programmed for a table. */
export interface SequenceCase {
  readonly table: TableCase;
  readonly packets: readonly PacketCase[];
}

function without<T>(list: readonly T[], index: number): T[] {
  return list.filter((_, at) => at !== index);
}

/** All lists with some elements less: first with many less, then with one. */
function* shorter<T>(list: readonly T[]): Generator<T[]> {
  for (let size = list.length >> 1; size > 1; size >>= 1)
    for (let from = 0; from < list.length; from += size) yield list.toSpliced(from, size);
  for (const index of list.keys()) yield without(list, index);
}

function* smallerChoices<C extends Choice>(choice: C): Generator<C> {
  for (const backends of shorter(choice.backends)) yield { ...choice, backends };
  for (const [index, { weight: _weight, ...unweighted }] of choice.backends.entries())
    if (_weight !== undefined) yield { ...choice, backends: choice.backends.with(index, unweighted) };
}

function* smallerPorts(port: VirtualPort): Generator<VirtualPort> {
  const { external, sourceRanges, balance, affinity, whenEmpty, ...plain } = port;
  const parts = { external, sourceRanges, balance, affinity, whenEmpty };
  for (const name of Object.keys(parts) as (keyof typeof parts)[]) {
    if (port[name] === undefined) continue;
    const rest = Object.entries(parts).filter(([key, value]) => key !== name && value !== undefined);
    yield { ...plain, ...Object.fromEntries(rest) };
  }
  yield* smallerChoices(port);
  if (external !== undefined)
    for (const choice of smallerChoices(external)) yield { ...port, external: choice };
  for (const ranges of shorter(sourceRanges ?? [])) yield { ...port, sourceRanges: ranges };
}

/** All tables that are `table` with one part less. */
function* smallerTables(table: TableCase): Generator<TableCase> {
  for (const ports of shorter(table.ports)) yield { ...table, ports };
  for (const name of ["ranges", "podRanges", "routedRanges"] as const)
    for (const ranges of shorter(table[name])) yield { ...table, [name]: ranges };
  for (const masquerade of shorter(table.masquerade)) yield { ...table, masquerade };
  for (const [index, port] of table.ports.entries())
    for (const smaller of smallerPorts(port)) yield { ...table, ports: table.ports.with(index, smaller) };
}

function* smallerCases({ table, packets }: SequenceCase): Generator<SequenceCase> {
  // The last packet is the one that went wrong; those before it may have led to that.
  const last = packets.at(-1)!;
  for (const before of shorter(packets.slice(0, -1))) yield { table, packets: [...before, last] };
  for (const smaller of smallerTables(table)) yield { table: smaller, packets };
}

/** More tries than this take longer than anybody waits for a smaller case. */
const MOST_TRIES = 2000;

/**
 * The smallest case that one finds by taking parts away with which `wrong` still has something to say. Undefined if it
 * has nothing to say about the case itself, when that is tried again.
 */
export function shrinkCase(
  whole: SequenceCase,
  wrong: (candidate: SequenceCase) => string | undefined,
): { readonly least: SequenceCase; readonly why: string } | undefined {
  let why = wrong(whole);
  if (why === undefined) return undefined;
  let least = whole;
  let tries = 0;
  for (let again = true; again;) {
    again = false;
    for (const candidate of smallerCases(least)) {
      if (++tries > MOST_TRIES) return { least, why };
      const still = wrong(candidate);
      if (still === undefined) continue;
      [least, why, again] = [candidate, still, true];
      break;
    }
  }
  return { least, why };
}

function backendText({ address, port, weight, local }: Backend): string {
  return `${address} ${port}${weight === undefined ? "" : ` weight ${weight}`}${local === true ? " here" : ""}`;
}

function choiceText({ backends, whenEmpty }: Choice): string {
  const list = backends.map(backendText).join(", ");
  return list === "" ? `none: ${whenEmpty ?? "refuse"}` : list;
}

/** A line for each port and for what concerns all. */
export function tableText(table: TableCase): string {
  const ports = table.ports.map((port) => {
    const { address, protocol, port: number, external, sourceRanges, balance, affinity, type } = port;
    const extras = [
      ...(type === undefined ? [] : [type]),
      ...(external === undefined ? [] : [`from outside ${choiceText(external)}`]),
      ...(sourceRanges === undefined ? [] : [`only from ${sourceRanges.join(", ") || "nowhere"}`]),
      ...(balance === undefined ? [] : [balance]),
      ...(affinity === undefined ? [] : [`a client stays for ${affinity} s`]),
    ];
    return `  ${address} ${protocol} ${number} -> ${[choiceText(port), ...extras].join("; ")}`;
  });
  const lists = {
    ranges: table.ranges,
    pods: table.podRanges,
    routed: table.routedRanges,
    masqueraded: table.masquerade.map((pair) => pair.join(">")),
  };
  const rest = Object.entries(lists).flatMap(([name, list]) =>
    list.length === 0 ? [] : [`  ${name}: ${list.join(", ")}`],
  );
  return [...ports, ...rest].join("\n");
}

/** The table, and the packets in order. */
export function caseText({ table, packets }: SequenceCase): string {
  const lines = packets.map(({ packet, arrival }) => {
    const from = arrival.from === "host" ? "from this host" : `in through ${arrival.iif}`;
    return `  ${formatPacket({ ...packet, sourcePort: 0 })}, ${from}`;
  });
  return [tableText(table), ...lines].join("\n");
}
