/**
 * What the programmer needs of nf_tables and conntrack in one network namespace. The real one is a netlink socket,
 * the other a kernel in memory (dataplane/fake). Every call is done when it returns.
 */
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
  /** A number that every commit by anybody in the namespace changes. */
  generation(): number;
  tables(family: Family): Table[];
  /** Of all tables of the family. */
  chains(family: Family): Chain[];
  /** Each chain's in order. */
  rules(family: Family, table: string): Rule[];
  sets(family: Family, table: string): SetDefinition[];
  /** In no particular order. */
  elements(set: Pick<SetDefinition, "family" | "table" | "name">): SetElement[];
}
