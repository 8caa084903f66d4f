/** The fake kernel as the nftables data plane sees a kernel: its rules, its connections, and news of others' changes. */
import { formatIp, ip, ipBytes, ipFromBytes } from "../../base/ip.ts";
import type {
  Connection as TrackedConnection,
  ConnectionFilter,
  Tuple as TrackedTuple,
} from "../../net/conntrack/model.ts";
import { ConntrackFamily } from "../../net/conntrack/model.ts";
import type {
  Chain,
  Command,
  Family,
  Rule,
  SetDefinition,
  SetElement,
  Table,
} from "../../net/nftables/model.ts";
import type {
  ChangeWatch,
  ConntrackPort,
  NewClientListener,
  NewClientWatch,
  NftablesPort,
} from "../nftables/port.ts";
import { newClient } from "../nftables/new-clients.ts";
import { NEW_CLIENTS_GROUP } from "../nftables/pickers.ts";
import { table as ourTable } from "../nftables/ruleset.ts";
import type { Connection, Tuple } from "./conntrack.ts";
import { statusBits } from "./conntrack.ts";
import type { FakeKernel } from "./kernel.ts";
import { protocolNumber } from "./packet.ts";

export class FakePort implements NftablesPort, ConntrackPort {
  readonly #kernel: FakeKernel;

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
  }

  commit(commands: readonly Command[], options: { readonly generation?: number } = {}): void {
    this.#kernel.commit(commands, { ...options, by: this });
  }

  generation(): number {
    return this.#kernel.generation();
  }

  tables(family: Family): Table[] {
    return this.#kernel.tables(family);
  }

  chains(family: Family): Chain[] {
    return this.#kernel.chains(family);
  }

  rules(family: Family, table: string): Rule[] {
    return this.#kernel.rules(family, table);
  }

  sets(family: Family, table: string): SetDefinition[] {
    return this.#kernel.sets(family, table);
  }

  elements(set: Pick<SetDefinition, "family" | "table" | "name">): SetElement[] {
    return this.#kernel.elements(set);
  }

  element(set: Pick<SetDefinition, "family" | "table" | "name">, key: Uint8Array): SetElement | undefined {
    return this.#kernel.element(set, key);
  }

  visitElements(
    set: Pick<SetDefinition, "family" | "table" | "name">,
    visit: (elements: readonly SetElement[]) => void,
  ): Promise<void> {
    return this.#kernel.visitElements(set, visit);
  }

  /** All of the family: a filter is a hint, which kernels before 5.8 do not take. */
  connections(family: ConntrackFamily, filter: ConnectionFilter): TrackedConnection[] {
    return this.#kernel
      .trackedConnections()
      .map(tracked)
      .filter((one) => one.family === family)
      .filter(({ original }) => filter.protocol === undefined || original.protocol === filter.protocol);
  }

  forget(connections: readonly TrackedConnection[]): void {
    const wanted = new Set(connections.map(({ original, family }) => trackedKey(original, family)));
    for (const connection of this.#kernel.trackedConnections()) {
      const { original, family } = tracked(connection);
      if (wanted.has(trackedKey(original, family))) this.#kernel.forgetConnection(connection.original);
    }
  }

  /** As Linux before 6.8. */
  forgetMatching(): boolean {
    return false;
  }

  /** Tells new clients as packets are taken. */
  watchNewClients({ onClients }: NewClientListener): NewClientWatch {
    const subscription = this.#kernel.subscribeToLog(NEW_CLIENTS_GROUP, (packet) => {
      const client = newClient(packet);
      if (client !== undefined) onClients([client]);
    });
    return { hear: () => {}, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
  }

  /** Calls `onChange` when somebody who does not use this port changes table `inet fairlead`. */
  watch(onChange: (what: string) => void): ChangeWatch {
    const kernel = this.#kernel;
    let generation = kernel.generation();
    const subscription = kernel.subscribe(({ commands, by }) => {
      generation = kernel.generation();
      if (by !== this && commands.some(isOurs)) onChange(`table inet ${ourTable.name} was changed`);
    });
    return {
      get generation(): number {
        return generation;
      },
      [Symbol.dispose]: () => subscription[Symbol.dispose](),
    };
  }
}

function isOurs(command: Command): boolean {
  const { family, name } = ourTable;
  if ("table" in command) return command.table.family === family && command.table.name === name;
  const subject = "chain" in command ? command.chain : "rule" in command ? command.rule : command.set;
  return subject.family === family && subject.table === name;
}

function tracked(connection: Connection): TrackedConnection {
  const { family, original, reply, mark } = connection;
  return {
    family: family === 4 ? ConntrackFamily.ipv4 : ConntrackFamily.ipv6,
    original: trackedTuple(original, family),
    reply: trackedTuple(reply, family),
    status: statusBits(connection),
    mark,
    zone: 0,
    id: 0,
  };
}

function trackedTuple(tuple: Tuple, family: 4 | 6): TrackedTuple {
  const ends = {
    source: ipBytes(ip(tuple.source)),
    destination: ipBytes(ip(tuple.destination)),
    protocol: protocolNumber(tuple.protocol, family),
  };
  if (tuple.protocol === "ICMP") {
    const type = family === 4 ? 8 : 128; // echo request
    return { ...ends, icmp: { id: tuple.sourcePort, type, code: 0 } };
  }
  return { ...ends, sourcePort: tuple.sourcePort, destinationPort: tuple.destinationPort };
}

/** Names a tuple, in whatever bytes it came. */
function trackedKey(tuple: TrackedTuple, family: ConntrackFamily): string {
  const { source, destination, sourcePort = tuple.icmp?.id ?? 0, destinationPort = 0 } = tuple;
  const text = (bytes: Uint8Array): string => formatIp(ipFromBytes(bytes));
  return `${family} ${tuple.protocol} ${text(source)} ${sourcePort} ${text(destination)} ${destinationPort}`;
}
