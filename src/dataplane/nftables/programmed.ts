/** What is programmed: the elements and chains that change are a function of this. Changed only by {@link commitPlan}. */
import type { Cidr } from "../../base/ip.ts";
import { cidr } from "../../base/ip.ts";
import { DataPlaneError } from "../dataplane.ts";
import type { VirtualPortKey } from "../table.ts";
import type { ClientTurns, ProgrammedChoice } from "./choice.ts";
import { IN_TURN } from "./client-turns.ts";
import type { Picker } from "./pickers.ts";
import type { IpVersion } from "./sets.ts";

export type AddressPlace = "ranges" | "whole" | "outside";

/** What is programmed for one virtual port. */
export interface ProgrammedPort {
  readonly version: IpVersion;
  /** address . protocol . port. */
  readonly key: Uint8Array;
  /** It is on every address of this node: the address is 0. */
  readonly isNode: boolean;
  /** Whose the address is: of the ranges, of services as a whole though in none of them, or it may be others' too. */
  readonly place: AddressPlace;
  /** What all clients get. */
  readonly all: ProgrammedChoice;
  /** What clients outside the cluster get; undefined if the same. */
  readonly external: ProgrammedChoice | undefined;
  /** The sources that may connect; undefined if all may. None is inside another. */
  readonly sources: readonly Cidr[] | undefined;
}

export interface Programmed {
  readonly ranges: readonly Cidr[];
  readonly ports: Map<VirtualPortKey, ProgrammedPort>;
  readonly counts: Counts;
  /** The chains that there are, by name. */
  readonly pickers: Map<string, ProgrammedPicker>;
  /** Whom new clients get, where least clients counts them. */
  readonly turns: ClientTurns;
}

export interface ProgrammedPicker {
  /** In by-picker. */
  readonly number: number;
  readonly picker: Picker;
}

/** How often something is used that has one element however often that is; it is there while the count is above 0. */
export interface Counts {
  /** Slots by endpoint's address, one character for a byte: selfN. */
  readonly self: Map<string, number>;
  /** Choices by address of an endpoint on this node: localN. */
  readonly local: Map<string, number>;
  /** Ports by their address, which is whole and outside the ranges: addressesN. */
  readonly whole: Map<string, number>;
  /** 4 or 6: node ports of the family. */
  readonly nodePorts: Map<string, number>;
  /** Choices by the chain that picks for them, where that is one port's or one Service's own. */
  readonly chains: Map<string, number>;
}

/** Nothing but the ranges. Throws DataPlaneError if one is not a CIDR range. */
export function nothingProgrammed(ranges: readonly string[], turns: ClientTurns = IN_TURN): Programmed {
  return {
    ranges: parseRanges(ranges, "service range"),
    ports: new Map(),
    counts: noCounts(),
    pickers: new Map(),
    turns,
  };
}

export function noCounts(): Counts {
  return { self: new Map(), local: new Map(), whole: new Map(), nodePorts: new Map(), chains: new Map() };
}

/** Throws DataPlaneError that says what it is that cannot be read. */
export function parseRanges(texts: readonly string[], what: string): Cidr[] {
  return texts.map((text) => {
    try {
      return cidr(text);
    } catch (cause) {
      throw new DataPlaneError(`${what}: ${(cause as Error).message}`, { cause });
    }
  });
}
