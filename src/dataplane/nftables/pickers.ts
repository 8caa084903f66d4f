/**
 * Pickers: chains that send a new connection to one of the endpoints of what it was made to. One chain serves all
 * virtual ports whose endpoints are picked alike; only true round robin counts for each port, in a chain of its own.
 *
 *     of-3                       one of 3 slots, at random
 *     by-source-of-1021          the slot that the client's address hashes to
 *     node-external-of-2         of a node port, for clients outside the cluster
 *     of-3-stay-10800            as before for 10800 seconds, else one of 3
 *     in-turn/10.96.0.1/tcp/80   the slots of one virtual port, one after the other
 *     least-clients-of-3-stay-10800/4/default/web   for all ports of a Service: a client's endpoint, or the next in turn of
 *                                those that get new clients (client-turns.ts)
 */
import { field, hostBytes, lookup, meta, reg } from "../../net/nftables/expressions.ts";
import type { Chain, Command, Expression, Rule } from "../../net/nftables/model.ts";
import { hashText } from "../maglev.ts";
import type { Balance } from "../table.ts";
import type { Destination } from "./rule-parts.ts";
import {
  copyNumber,
  destination,
  IP,
  isIp,
  keyWords,
  NAT_FAMILY,
  regular,
  rule,
  WORDS,
} from "./rule-parts.ts";
import type { IpVersion } from "./sets.ts";
import { byPicker } from "./sets.ts";

/** The most slots of one virtual port. */
export const MAX_SLOTS = 65_535;
/** Where the slots of clients outside the cluster begin. */
export const EXTERNAL_SLOTS = 65_536;

/** How the endpoint of a new connection is picked. */
export interface Picker {
  readonly balance: Balance;
  readonly slots: number;
  readonly to: Destination;
  /** For clients outside the cluster, where those get other endpoints. */
  readonly external: boolean;
  /** Seconds for which a client keeps its endpoint. */
  readonly affinity?: number;
  /** For round robin: the one virtual port whose turns are counted. For least clients: the Service. */
  readonly port?: { readonly version: IpVersion; readonly name: string };
}

/** The most that a ring of new clients' turns goes ahead, unless one round is longer: as long as the agent may be slow. */
const RING = 32;

/** How many turns of new clients are arranged, for least clients of so many slots: whole rounds. */
export function ringLength(slots: number): number {
  return slots === 1 ? 1 : slots * Math.ceil(RING / slots);
}

/**
 * What stands for a Service in the keys of clientsN: two numbers, so that no two Services have the same. They are made of
 * its name, so that they outlive the agent. Clients outside the cluster that get other endpoints are counted apart.
 */
export function clientGroup(service: string, external: boolean): readonly [number, number] {
  const text = external ? `${service} external` : service;
  return [hashText(text, 0x636c_6965), hashText(text, 0x6e74_7321)];
}

const WORD: Readonly<Record<Exclude<Balance, "round-robin" | "least-clients">, string>> = {
  random: "",
  source: "by-source-",
  "source-port": "by-source-port-",
};

/** The chain's name; of round robin without the number of slots, because the chain stays while that changes. */
export function pickerName({ balance, slots, to, external, affinity, port }: Picker): string {
  const whose = `${to === "node" ? "node-" : ""}${external ? "external-" : ""}`;
  const stay = affinity === undefined ? "" : `-stay-${affinity}`;
  if (balance === "round-robin") return `${whose}in-turn${stay}/${port?.name}`;
  if (balance === "least-clients")
    return `${whose}least-clients-of-${slots}${stay}/${port?.version}/${port?.name}`;
  return `${whose}${WORD[balance]}of-${slots}${stay}`;
}

const NAME = /^(node-)?(external-)?(by-source-|by-source-port-)?of-([1-9]\d{0,4})(?:-stay-([1-9]\d{0,9}))?$/;

/** The shared picker that has this name; undefined if none can have it. */
export function sharedPicker(name: string): Picker | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, node, external, word = "", slots, stay] = match;
  const balance = (Object.keys(WORD) as (keyof typeof WORD)[]).find((key) => WORD[key] === word)!;
  if (Number(slots) > MAX_SLOTS) return undefined;
  return {
    balance,
    slots: Number(slots),
    to: node === undefined ? "address" : "node",
    external: external !== undefined,
    ...(stay === undefined ? {} : { affinity: Number(stay) }),
  };
}

/** Chains for ports without endpoints: constant, and with constant numbers in by-picker. */
export const NOBODY = { refuse: 1, discard: 2 } as const;
export const FIRST_PICKER = 3;

export function byPickerCommand(
  op: "add elements" | "delete elements",
  name: string,
  number: number,
): Command {
  const verdict = { code: "goto", chain: name } as const;
  return { op, set: byPicker, elements: [{ key: hostBytes(number), verdict }] };
}

export function pickerChain(picker: Picker): Chain {
  const { balance, slots, affinity, to, external } = picker;
  const how = {
    random: "at random",
    "round-robin": "in turn",
    "least-clients": "by the number of clients",
    source: "by the hash of the client's address",
    "source-port": "by the hash of the client's address and port",
  }[balance];
  const whose = `${to === "node" ? ", of a node port" : ""}${external ? ", from outside" : ""}`;
  const stay = affinity === undefined ? "" : `; the same client stays for ${affinity} s`;
  if (balance === "round-robin") return regular(pickerName(picker), `each endpoint in turn${whose}${stay}`);
  return regular(
    pickerName(picker),
    slots === 1 ? `the only endpoint${whose}${stay}` : `one of ${slots}, ${how}${whose}${stay}`,
  );
}

/**
 * The rules of a picker's chain. Each loads the key again: since Linux 6.12 the kernel refuses rules that read registers
 * which they did not write.
 */
export function pickerRules(picker: Picker): Rule[] {
  const versions = picker.port === undefined ? ([4, 6] as const) : [picker.port.version];
  return versions.flatMap((version) => {
    const way = picker.balance === "least-clients" ? ({ ...picker, balance: "random" } as const) : picker;
    const pick = pickRule(version, picker, slotOf(version, way, keyWords(version)));
    // A commit between the packet's two lookups can take the picked slot away; slot 0 is always there.
    const first = pickRule(
      version,
      picker,
      first0(version, picker),
      "that endpoint was just removed: the first",
    );
    return [...stayRules(version, picker), pick, ...(picker.slots === 1 ? [] : [first])];
  });
}

/** What is to be added, in this order, before a port can be given the picker for the first time. */
export function pickerCommands(picker: Picker, number: number): Command[] {
  return [
    { op: "add chain", chain: pickerChain(picker) },
    ...pickerRules(picker).map((rule): Command => ({ op: "add rule", rule })),
    byPickerCommand("add elements", pickerName(picker), number),
  ];
}

/** Loads the slot into register `at`; uses the registers after it. */
function slotOf(version: IpVersion, { balance, slots, external }: Picker, at: number): Expression[] {
  const [dreg, offset] = [reg(at), external ? EXTERNAL_SLOTS : 0];
  // One of one is 0. An immediate 0 would do, but nft cannot show it in a concatenation.
  if (balance === "random") return [{ type: "numgen", mode: "random", modulus: slots, offset, dreg }];
  if (balance === "round-robin" || balance === "least-clients")
    return [{ type: "numgen", mode: "incremental", modulus: slots, offset, dreg }];
  const words = WORDS[version];
  const sreg = reg(at + 1);
  const client = [field(`${IP[version]} saddr`, sreg)];
  if (balance === "source-port") client.push(field("th sport", reg(at + 1 + words)));
  const length = 4 * (words + (balance === "source-port" ? 1 : 0));
  return [...client, { type: "jhash", sreg, length, modulus: slots, seed: HASH_SEED, offset, dreg }];
}

/** The same on all nodes, so that a client has the same endpoint through each of them. */
const HASH_SEED = 0x6661_6972;

function first0(version: IpVersion, picker: Picker): Expression[] {
  return slotOf(version, { ...picker, balance: "random", slots: 1 }, keyWords(version));
}

function pickRule(version: IpVersion, picker: Picker, slot: readonly Expression[], comment?: string): Rule {
  const result = keyWords(version) + 1;
  return rule(
    pickerName(picker),
    [
      isIp[version](),
      destination(version, picker.to),
      slot,
      lookup(`endpoints${version}`, reg(0), reg(result)),
      dnat(version, result),
    ],
    comment,
  );
}

function dnat(version: IpVersion, at: number): Expression {
  const [address, port] = [reg(at), reg(at + WORDS[version])];
  return { type: "nat", kind: "dnat", family: NAT_FAMILY[version], address, port };
}

/**
 * Session affinity. What is remembered of a client is not the endpoint's address but a number that names it (no register
 * that a map gave can be a part of a key, see copyNumber, and a mark holds 4 bytes). In `members` the name is an endpoint
 * as long as that is one of the port's.
 */
function stayRules(version: IpVersion, picker: Picker): Rule[] {
  if (picker.affinity === undefined) return [];
  if (picker.balance === "least-clients") return leastClientsRules(version, picker, picker.affinity);
  const words = WORDS[version];
  // The client, what it connects to, and a number: the key of affinityN starts at 0, those of idsN and membersN after it.
  const [client, key, number] = [reg(0), words, words + keyWords(version)];
  const result = number + 1;
  const load = [
    ...isIp[version](),
    field(`${IP[version]} saddr`, client),
    ...destination(version, picker.to, key),
  ];
  const affinity = `affinity${version}`;
  const timeout = picker.affinity * 1000;
  const remember = (op: "update" | "delete"): Expression => ({
    type: "dynset",
    op,
    set: affinity,
    keySreg: client,
    dataSreg: reg(number),
    ...(op === "update" ? { timeout } : {}),
  });
  const toMember = [lookup(`members${version}`, reg(key), reg(result))];
  return [
    rule(
      pickerName(picker),
      [
        load,
        lookup(affinity, client, reg(result)),
        copyNumber(result, number),
        toMember,
        remember("update"),
        dnat(version, result),
      ],
      "as last time, and from now on as long again",
    ),
    rule(
      pickerName(picker),
      [
        load,
        slotOf(version, picker, number),
        lookup(`ids${version}`, reg(key), reg(result)),
        copyNumber(result, number),
        toMember,
        // An update does not change what is remembered, only for how long.
        remember("delete"),
        remember("update"),
        dnat(version, result),
      ],
      "a new client, or its endpoint is gone; if no more clients can be remembered, the next rule",
    ),
  ];
}

/** Where the kernel tells new clients (net/nflog): any number that nobody else on the host is likely to use. */
export const NEW_CLIENTS_GROUP = 0x666c;
/** IPv6 and the ports after it. */
export const TOLD_BYTES = 60;

/**
 * As session affinity, but for a Service as a whole, and a new client gets the next turn of the ring that the agent has put
 * into idsN; which turn that was is told to the agent, in the packet's mark, as the last thing: it is a client now.
 */
function leastClientsRules(version: IpVersion, picker: Picker, affinity: number): Rule[] {
  const words = WORDS[version];
  // The client and its Service, the key of clientsN; then what it connects to and a number, that of idsN and membersN.
  const [client, key] = [0, words + 2];
  const number = key + keyWords(version);
  // In IPv6 these are all the registers that there are.
  const [result, former, turn] = [number + 1, number + 2, number + 3];
  const clients = `clients${version}`;
  const [high, low] = clientGroup(picker.port!.name, picker.external);
  const load = [
    ...isIp[version](),
    field(`${IP[version]} saddr`, reg(client)),
    constant(high, words),
    constant(low, words + 1),
    ...destination(version, picker.to, key),
  ];
  const remember = (op: "update" | "delete"): Expression => ({
    type: "dynset",
    op,
    set: clients,
    keySreg: reg(client),
    dataSreg: reg(number),
    ...(op === "update" ? { timeout: affinity * 1000 } : {}),
  });
  // The key is not needed any more, and there is no more room beside it.
  const toMember = [lookup(`members${version}`, reg(key), reg(key))];
  const nextTurn = slotOf(version, { ...picker, slots: ringLength(picker.slots) }, turn);
  return [
    rule(
      pickerName(picker),
      [
        load,
        lookup(clients, reg(client), reg(result)),
        copyNumber(result, number),
        toMember,
        remember("update"),
        dnat(version, key),
      ],
      "a client of the service: as last time, and from now on as long again",
    ),
    rule(
      pickerName(picker),
      [
        load,
        nextTurn,
        copyNumber(turn, number, former),
        lookup(`ids${version}`, reg(key), reg(result)),
        copyNumber(result, number),
        toMember,
        remember("delete"),
        remember("update"),
        tellNumber(turn, former),
        dnat(version, key),
      ],
      "a new client, or its endpoint is gone: the next turn; if no more clients can be remembered, the next rule",
    ),
  ];
}

/** A number that is always the same. An immediate would do, but nft cannot show it in a concatenation. */
function constant(number: number, at: number): Expression {
  return { type: "numgen", mode: "random", modulus: 1, offset: number, dreg: reg(at) };
}

/** Logs the packet with the number in `at` as its mark, and puts the mark back. */
function tellNumber(at: number, former: number): Expression[] {
  return [
    meta("mark", reg(former)),
    { type: "meta set", key: "mark", sreg: reg(at) },
    { type: "log", group: NEW_CLIENTS_GROUP, snaplen: TOLD_BYTES, queueThreshold: 1 },
    { type: "meta set", key: "mark", sreg: reg(former) },
  ];
}
