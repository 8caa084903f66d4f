/**
 * Who shares the memory of clients: the virtual ports of one Service port (its cluster IPs, node port, external
 * addresses), as far as they choose among the same backends. A client that comes to another address of the Service
 * finds the backend that it had. With least clients it is all ports of the Service, and the backend is a container.
 */
import { affinityOf, type VirtualPort, type VirtualPortKey } from "../table.ts";
import { AffinityTable } from "./affinity.ts";
import type { Chooser, CompiledChoice } from "./chooser.ts";
import type { PortMemory } from "./handover.ts";

export class AffinityGroups {
  /** By Service port, then by virtual port. */
  readonly #groups = new Map<string, Map<VirtualPortKey, Chooser>>();
  readonly #changed = new Set<string>();

  /** `chooser` follows `before`, whose memory goes on. Call {@link regroup} after all changes that belong together. */
  set(key: VirtualPortKey, chooser: Chooser, before: Chooser | undefined): void {
    if (before !== undefined) this.remove(key, before);
    if (affinityOf(chooser.port) === undefined) return;
    chooser.all.affinity = before?.all.affinity;
    if (chooser.external !== undefined) chooser.external.affinity = before?.external?.affinity;
    const name = groupOf(chooser.port);
    const group = this.#groups.get(name) ?? new Map<VirtualPortKey, Chooser>();
    this.#groups.set(name, group.set(key, chooser));
    this.#changed.add(name);
  }

  remove(key: VirtualPortKey, { port }: Chooser): void {
    if (affinityOf(port) === undefined) return;
    const name = groupOf(port);
    const group = this.#groups.get(name);
    group?.delete(key);
    if (group?.size === 0) this.#groups.delete(name);
    this.#changed.add(name);
  }

  /** Takes in what {@link memory} of another process gave for this port. */
  restore(chooser: Chooser, memory: readonly PortMemory[], now: number): void {
    for (const { kind, clients } of memory) {
      const choice = kind === "all" ? chooser.all : kind === "external" ? chooser.external : undefined;
      if (choice === undefined || affinityOf(chooser.port) === undefined) continue;
      choice.affinity ??= new AffinityTable();
      choice.affinity.restore(clients, now);
    }
  }

  /** All that is remembered; what several ports share, once. */
  *memory(now: number): Generator<PortMemory> {
    const told = new Set<AffinityTable>();
    for (const group of this.#groups.values())
      for (const [key, chooser] of group)
        for (const kind of ["all", "external"] as const) {
          const affinity = chooser[kind]?.affinity;
          if (affinity === undefined || told.has(affinity)) continue;
          told.add(affinity);
          yield { key, kind, clients: affinity.entries(now) };
        }
  }

  regroup(): void {
    for (const name of this.#changed)
      share([...(this.#groups.get(name)?.values() ?? [])].flatMap(({ choices }) => choices));
    this.#changed.clear();
  }
}

/** Those that share get one table: the first that one of them had, unless others have it already. */
function share(choices: readonly CompiledChoice[]): void {
  const tables = new Map<string, AffinityTable>();
  const taken = new Set<AffinityTable>();
  for (const { affinity, sharing } of choices)
    if (affinity !== undefined && !taken.has(affinity) && !tables.has(sharing)) {
      tables.set(sharing, affinity);
      taken.add(affinity);
    }
  for (const choice of choices) {
    const table = tables.get(choice.sharing) ?? new AffinityTable();
    tables.set(choice.sharing, table);
    choice.affinity = table;
  }
}

/** Addresses of both families are told apart by their choices: those never have the same backends. */
function groupOf({ service, portName, protocol, balance }: VirtualPort): string {
  return balance === "least-clients" ? service : `${service}|${portName}|${protocol}`;
}
