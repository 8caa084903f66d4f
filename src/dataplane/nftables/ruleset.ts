/**
 * The constant part of the data plane: table `inet fairlead`, its chains, rules and empty sets, as values.
 *
 * Rules never change when Services do; everything that changes is elements of these sets (plan.ts). A packet's way:
 *
 *     nat-prerouting, nat-output   (before Docker's and others' dstnat)
 *       services                   how many endpoints has (address . protocol . port)?          slots4, slots6, by-slots
 *         of-N                     pick one of N: dnat to (address . protocol . port . random)  endpoints4, endpoints6
 *     filter-prerouting, filter-output   (just after dstnat)
 *       unserved                   what was not translated and is addressed to a service        ranges4, outside4, ...
 *         refuse                   a TCP reset or port unreachable at once
 *     nat-postrouting              (before Docker's and others' srcnat)
 *       source4, source6           a translated connection keeps the client's address, unless the endpoint could not answer
 *
 * Why data maps and one chain for each number of endpoints: docs/decisions/0003-nftables-shape.md.
 */
import { CT_STATE, CT_STATUS, L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import { ctHas, equals, field, goto, hostBytes } from "../../net/nftables/expressions.ts";
import { isIpv4, isIpv6, jump, lookup, meta, reg, verdict } from "../../net/nftables/expressions.ts";
import { Family, Hook, REG_VERDICT } from "../../net/nftables/model.ts";
import type { Chain, Command, Expression, Rule, SetDefinition, Table } from "../../net/nftables/model.ts";
import { commentUserdata } from "../../net/nftables/userdata.ts";

export const TABLE_NAME = "fairlead";
const OURS = { family: Family.inet, table: TABLE_NAME } as const;

export const table: Table = {
  family: Family.inet,
  name: TABLE_NAME,
  userdata: commentUserdata(
    "virtual addresses of services; kept by fairlead, which undoes changes made by others",
  ),
};

export type IpVersion = 4 | 6;
/** The most endpoints of one virtual port, because a chain is made for each number of endpoints that occurs. */
export const MAX_SLOTS = 65_535;

export function slotChainName(slots: number): string {
  return `of-${slots}`;
}

const ADDRESS = { 4: "ipv4_addr", 6: "ipv6_addr" } as const;
const ADDRESS_LENGTH = { 4: 4, 6: 16 } as const;

/** Every set is named after what it holds and, where there is one for each family, 4 or 6. */
function definitions(version: IpVersion): SetDefinition[] {
  const address = ADDRESS[version];
  const length = ADDRESS_LENGTH[version];
  const port = [address, "inet_proto", "inet_service"] as const;
  return [
    {
      ...OURS,
      name: `slots${version}`,
      kind: "map",
      keyTypes: port,
      keyLength: length + 8,
      dataTypes: ["mark"],
      dataLength: 4,
      flags: {},
      comment: "virtual address, protocol and port: how many endpoints it has",
    },
    {
      ...OURS,
      name: `endpoints${version}`,
      kind: "map",
      keyTypes: [...port, "mark"],
      keyLength: length + 12,
      dataTypes: [address, "inet_service"],
      dataLength: length + 4,
      flags: {},
      comment: "virtual address, protocol, port and number of the endpoint, from 0: the endpoint",
    },
    {
      ...OURS,
      name: `ranges${version}`,
      kind: "set",
      keyTypes: [address],
      keyLength: length,
      flags: { interval: true },
      comment: "addresses of services: what is not served in here is refused",
    },
    {
      ...OURS,
      name: `outside${version}`,
      kind: "set",
      keyTypes: port,
      keyLength: length + 8,
      flags: {},
      comment: "ports of virtual addresses outside the ranges",
    },
    {
      ...OURS,
      name: `self${version}`,
      kind: "set",
      keyTypes: [address, address],
      keyLength: 2 * length,
      flags: {},
      comment: "each endpoint with itself: it reaches its own service masqueraded",
    },
  ];
}

/** Chains of which each has one number of endpoints; its elements are added with the chains. */
export const bySlots: SetDefinition = {
  ...OURS,
  name: "by-slots",
  kind: "verdict map",
  keyTypes: ["mark"],
  keyLength: 4,
  flags: {},
  comment: "the chain that picks one of so many endpoints",
};

/** Length of an interface name's register, IFNAMSIZ. */
export const IFNAME_LENGTH = 16;

export const bridges: SetDefinition = {
  ...OURS,
  name: "bridges",
  kind: "set",
  keyTypes: ["ifname", "ifname"],
  keyLength: 2 * IFNAME_LENGTH,
  flags: {},
  comment: "interfaces in and out between which answers would bypass this host: masqueraded",
};

export const sets: readonly SetDefinition[] = [...definitions(4), ...definitions(6), bySlots, bridges];

function base(
  name: string,
  type: "filter" | "nat",
  hook: keyof typeof Hook,
  priority: number,
  comment: string,
): Chain {
  const userdata = commentUserdata(comment);
  return { ...OURS, name, base: { type, hook: Hook[hook], priority, policy: "accept" }, userdata };
}

function regular(name: string, comment: string): Chain {
  return { ...OURS, name, userdata: commentUserdata(comment) };
}

/** One before NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC (linux/netfilter_ipv4.h), so that Docker's rules come after ours. */
const BEFORE_DSTNAT = -101;
const BEFORE_SRCNAT = 99;
/** All nat chains run at NF_IP_PRI_NAT_DST (-100), whatever their priority among each other; a filter just after that. */
const AFTER_DSTNAT = -90;

/** Chains come before the chains that name them, so that the list can be executed in order. */
export const chains: readonly Chain[] = [
  regular("services", "the number of endpoints decides the chain"),
  regular("refuse", "answered at once: nobody serves this"),
  regular("unserved", "addressed to a service and not translated"),
  regular("source4", "which source address the endpoint sees"),
  regular("source6", "which source address the endpoint sees"),
  base("nat-prerouting", "nat", "prerouting", BEFORE_DSTNAT, "connections of others"),
  base("nat-output", "nat", "output", BEFORE_DSTNAT, "connections of this host"),
  base(
    "nat-postrouting",
    "nat",
    "postrouting",
    BEFORE_SRCNAT,
    "connections that are translated to an endpoint",
  ),
  base(
    "filter-prerouting",
    "filter",
    "prerouting",
    AFTER_DSTNAT,
    "packets of others, translated if they are going to be",
  ),
  base(
    "filter-output",
    "filter",
    "output",
    AFTER_DSTNAT,
    "packets of this host, translated if they are going to be",
  ),
];

function rule(
  chain: string,
  expressions: readonly (Expression | readonly Expression[])[],
  comment?: string,
): Rule {
  const flat = expressions.flat();
  return comment === undefined
    ? { ...OURS, chain, expressions: flat }
    : { ...OURS, chain, expressions: flat, comment };
}

/** The words of an address in 4-byte registers. */
const WORDS = { 4: 1, 6: 4 } as const;
const IP = { 4: "ip", 6: "ip6" } as const;
const isIp = { 4: isIpv4, 6: isIpv6 } as const;

/** Loads address . protocol . port of the packet's destination from register 0 on; the next free register. */
function destination(version: IpVersion): [Expression[], number] {
  const words = WORDS[version];
  const load = [
    ...isIp[version](),
    field(`${IP[version]} daddr`, reg(0)),
    meta("l4proto", reg(words)),
    field("th dport", reg(words + 1)),
  ];
  return [load, words + 2];
}

/**
 * The number of endpoints is looked up and its chain in turn. The kernel could use the first lookup's register for the
 * second at once; but nft up to 1.0.6 at least aborts when it lists that, so the number passes through the packet's
 * mark, which is put back before the rule ends: nothing else ever sees it.
 */
function dispatch(version: IpVersion): Rule {
  const [load, next] = destination(version);
  const [slots, former, number] = [reg(next), reg(next + 1), reg(next + 2)];
  return rule(
    "services",
    [
      load,
      lookup(`slots${version}`, reg(0), slots),
      meta("mark", former),
      { type: "meta set", key: "mark", sreg: slots },
      meta("mark", number),
      { type: "meta set", key: "mark", sreg: former },
      lookup("by-slots", number, REG_VERDICT),
    ],
    "the mark is as before in the end",
  );
}

function unserved(version: IpVersion): Rule[] {
  const [load] = destination(version);
  const address = [...isIp[version](), field(`${IP[version]} daddr`, reg(0))];
  return [
    rule("unserved", [address, lookup(`ranges${version}`, reg(0)), goto("refuse")]),
    rule("unserved", [load, lookup(`outside${version}`, reg(0)), goto("refuse")]),
  ];
}

/** A connection that was made to one of our addresses (and translated, which is known here): on to sourceN. */
function translated(version: IpVersion): Rule[] {
  const words = WORDS[version];
  const key = version === 4 ? "dst ip" : "dst ip6";
  const address = [...isIp[version](), { type: "ct", key, direction: "original", dreg: reg(0) } as const];
  return [
    rule("nat-postrouting", [address, lookup(`ranges${version}`, reg(0)), goto(`source${version}`)]),
    rule("nat-postrouting", [
      address,
      meta("l4proto", reg(words)),
      { type: "ct", key: "proto dst", direction: "original", dreg: reg(words + 1) },
      lookup(`outside${version}`, reg(0)),
      goto(`source${version}`),
    ]),
  ];
}

function source(version: IpVersion): Rule[] {
  const words = WORDS[version];
  const chain = `source${version}`;
  const saddr = [...isIp[version](), field(`${IP[version]} saddr`, reg(0))];
  const family = version === 4 ? Family.ip : Family.ip6;
  return [
    rule(
      chain,
      [
        saddr,
        field(`${IP[version]} daddr`, reg(words)),
        lookup(`self${version}`, reg(0)),
        { type: "masquerade" },
      ],
      "an endpoint that reaches itself would drop its own address",
    ),
    rule(
      chain,
      [meta("iifname", reg(0)), meta("oifname", reg(4)), lookup("bridges", reg(0)), { type: "masquerade" }],
      "answers inside one bridge would bypass this host",
    ),
    rule(
      chain,
      [saddr, loopback(version), { type: "masquerade" }],
      "nobody else can answer to a loopback address",
    ),
    rule(chain, [saddr, lookup(`ranges${version}`, reg(0)), { type: "masquerade" }], "nor to a virtual one"),
    rule(
      chain,
      [saddr, { type: "nat", kind: "snat", family, address: reg(0) }],
      "keep the client's address: no other rule masquerades after this",
    ),
  ];
}

/** Goes on only if register 0 holds 127.0.0.0/8 or ::1. */
function loopback(version: IpVersion): Expression[] {
  if (version === 6) return [equals(reg(0), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))];
  const mask = Uint8Array.of(255, 0, 0, 0);
  return [
    { type: "bitwise", sreg: reg(0), dreg: reg(0), mask, xor: new Uint8Array(4) },
    equals(reg(0), Uint8Array.of(127, 0, 0, 0)),
  ];
}

function filterRules(chain: string): Rule[] {
  return [
    rule(
      chain,
      [ctHas("state", CT_STATE.established | CT_STATE.related), verdict("accept")],
      "cheap for most packets",
    ),
    rule(
      chain,
      [ctHas("status", CT_STATUS.dnat), verdict("accept")],
      "an endpoint may have the address and port of a service",
    ),
    rule(chain, [jump("unserved")]),
  ];
}

/** All rules, each chain's in order. */
export const rules: readonly Rule[] = [
  dispatch(4),
  dispatch(6),
  rule("nat-prerouting", [jump("services")]),
  rule("nat-output", [jump("services")]),
  rule(
    "refuse",
    [ctHas("state", CT_STATE.invalid), verdict("drop")],
    "a stray segment of a translated connection: a reset would end it",
  ),
  rule("refuse", [
    meta("l4proto", reg(0)),
    equals(reg(0), Uint8Array.of(L4_PROTOCOL.tcp)),
    { type: "reject", with: "tcp reset" },
  ]),
  rule("refuse", [{ type: "reject", with: "icmpx port-unreachable" }]),
  ...unserved(4),
  ...unserved(6),
  ...filterRules("filter-prerouting"),
  ...filterRules("filter-output"),
  rule(
    "nat-postrouting",
    [
      { type: "ct", key: "status", dreg: reg(0) },
      { type: "bitwise", sreg: reg(0), dreg: reg(0), mask: hostBytes(CT_STATUS.dnat), xor: hostBytes(0) },
      equals(reg(0), hostBytes(0)),
      verdict("accept"),
    ],
    "not translated",
  ),
  ...translated(4),
  ...translated(6),
  ...source(4),
  ...source(6),
];

/** The constant part, in an order that one batch can execute on an empty table. */
export function skeleton(): Command[] {
  return [
    { op: "add table", table },
    ...sets.map((set): Command => ({ op: "add set", set })),
    ...chains.map((chain): Command => ({ op: "add chain", chain })),
    ...rules.map((rule): Command => ({ op: "add rule", rule })),
  ];
}

export function slotChain(slots: number): Chain {
  return regular(
    slotChainName(slots),
    slots === 1 ? "the only endpoint" : `one of ${slots} endpoints, at random`,
  );
}

/**
 * The rules of the chain that picks one of `slots` endpoints. Each loads the key again: since Linux 6.12 the kernel
 * refuses rules that read registers which they did not write.
 */
export function slotRules(slots: number): Rule[] {
  return ([4, 6] as const).flatMap((version) => {
    const pick = slotRule(version, slotChainName(slots), slots);
    if (slots === 1) return [pick];
    // A commit between the packet's two lookups can take the picked slot away; slot 0 is always there.
    return [pick, slotRule(version, slotChainName(slots), 1, "that endpoint was just removed: the first")];
  });
}

function slotRule(version: IpVersion, chain: string, slots: number, comment?: string): Rule {
  const words = WORDS[version];
  const [load, next] = destination(version);
  const [slot, address] = [reg(next), reg(next + 1)];
  const family = version === 4 ? Family.ip : Family.ip6;
  return rule(
    chain,
    [
      load,
      // One of one is 0. An immediate 0 would do, but nft cannot show it in a concatenation.
      { type: "numgen", mode: "random", modulus: slots, offset: 0, dreg: slot },
      lookup(`endpoints${version}`, reg(0), address),
      { type: "nat", kind: "dnat", family, address, port: address + words },
    ],
    comment,
  );
}

/** What is to be added, in this order, before a virtual port can have `slots` endpoints for the first time. */
export function slotCommands(slots: number): Command[] {
  const verdict = { code: "goto", chain: slotChainName(slots) } as const;
  return [
    { op: "add chain", chain: slotChain(slots) },
    ...slotRules(slots).map((rule): Command => ({ op: "add rule", rule })),
    { op: "add elements", set: bySlots, elements: [{ key: hostBytes(slots), verdict }] },
  ];
}
