/**
 * What the programmer needs of nf_tables and conntrack in one network namespace. The real one is a netlink socket
 * (netlink-port.ts), the other a kernel in memory (dataplane/fake). Every call is done when it returns.
 */
import type { ConnectionFilter, Connection, ConntrackFamily } from "../../net/conntrack/model.ts";
import type {
  Chain,
  Command,
  Family,
  Rule,
  SetDefinition,
  SetElement,
  Table,
} from "../../net/nftables/model.ts";

export interface NftablesPort {
  /**
   * Does all commands at once, or none: then NetlinkError with the kernel's code and, as `index`, the message, which
   * counts from 1 for the first command. With `generation`: only if the ruleset is still that one, else ERESTART.
   */
  commit(commands: readonly Command[], options?: { readonly generation?: number }): void;
  /** A number that every commit by anybody in the namespace raises by one. */
  generation(): number;
  tables(family: Family): Table[];
  /** Of all tables of the family. */
  chains(family: Family): Chain[];
  /** Each chain's in order. */
  rules(family: Family, table: string): Rule[];
  sets(family: Family, table: string): SetDefinition[];
  /** In no particular order. */
  elements(set: Pick<SetDefinition, "family" | "table" | "name">): SetElement[];
  /** One of them, of a set that is no interval set; undefined if it is not there, or its time is over. */
  element(set: Pick<SetDefinition, "family" | "table" | "name">, key: Uint8Array): SetElement | undefined;
  /**
   * The same, part by part over many turns of the event loop; each part is `visit`'s own. One reading at a time. Throws
   * what `visit` throws, and NetlinkDumpInterruptedError if anybody committed anything before the end.
   */
  visitElements(
    set: Pick<SetDefinition, "family" | "table" | "name">,
    visit: (elements: readonly SetElement[]) => void,
    turn?: number,
  ): Promise<void>;
}

export interface ConntrackPort {
  /** At least the connections that match. */
  connections(family: ConntrackFamily, filter: ConnectionFilter): Connection[];
  /** Makes the kernel forget them. Those that are gone already are no error. */
  forget(connections: readonly Connection[]): void;
  /** Forgets all that match, of IPv4 with both ends; false, and nothing is forgotten, if the kernel is too old for that. */
  forgetMatching(filter: ConnectionFilter): boolean;
}

/** Hears what others commit in the namespace. */
export interface ChangeWatch extends Disposable {
  /** The newest generation that was told, to compare with the kernel's: if they differ, something was missed. */
  readonly generation: number | undefined;
}

/** Starts to listen; `onChange` is called when others changed our table, or when news of changes was lost. */
export type WatchChanges = (onChange: (what: string) => void) => Promise<ChangeWatch>;

/** A client that just got an endpoint, with least clients; addresses are one character for a byte. */
export interface NewClient {
  readonly client: string;
  /** Address, protocol and port that it connected to, as in the keys of pickersN. */
  readonly destination: string;
  /** Which turn it had: its key in idsN, from EXTERNAL_SLOTS on for clients outside. */
  readonly turn: number;
}

export interface NewClientListener {
  readonly onClients: (clients: readonly NewClient[]) => void;
  /** Some were not told. */
  readonly onLost: () => void;
}

/** Starts to listen for new clients. Throws what says why it cannot. */
export type WatchNewClients = (listener: NewClientListener) => Promise<NewClientWatch>;

export interface NewClientWatch extends Disposable {
  /** Tells at once of those who came so far. */
  hear(): void;
}
