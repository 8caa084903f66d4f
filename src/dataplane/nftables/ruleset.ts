/**
 * The constant part of the data plane: table `inet fairlead`, its chains, rules and empty sets, as values.
 *
 * Rules never change when Services do; everything that changes is elements of the sets (sets.ts, plan.ts). A new
 * connection's way:
 *
 *     nat-prerouting, nat-output   (before Docker's and others' dstnat)
 *       services                   may its source connect to (address . protocol . port)?           restricted, allowed
 *                                  who picks its endpoint, for clients outside the cluster and all?  external, pickers
 *       node-ports                 the same for any address of this node, which is 0.0.0.0 or :: in the sets
 *         of-3, ...                by-picker's chains pick a slot: dnat to its endpoint              endpoints, affinity, ...
 *         discard, not-allowed     dropped without an answer
 *     filter-prerouting, filter-output   (just after dstnat)
 *       unserved                   what was not translated and is addressed to a service             ranges, addresses, outside
 *         refuse                   a TCP reset or port unreachable at once
 *     nat-postrouting              (before Docker's and others' srcnat)
 *       source4, source6           the client's address, or this node's where the answer would miss it   self, local, ...
 *
 * Why data maps and shared chains: docs/decisions/0003-nftables-shape.md.
 */
import { CT_STATE, CT_STATUS, L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import { ctHas, equals, field, goto, hostBytes } from "../../net/nftables/expressions.ts";
import { isIpv4, jump, lookup, meta, reg, verdict } from "../../net/nftables/expressions.ts";
import { Hook } from "../../net/nftables/model.ts";
import type { Chain, Command, Expression, Rule } from "../../net/nftables/model.ts";
import { commentUserdata } from "../../net/nftables/userdata.ts";
import { byPickerCommand, NOBODY } from "./pickers.ts";
import type { Destination } from "./rule-parts.ts";
import { destination, gotoPicker, IP, isIp, isLocal, isNodeAddress, keyWords } from "./rule-parts.ts";
import { notIn, regular, rule, WORDS } from "./rule-parts.ts";
import type { IpVersion } from "./sets.ts";
import { guarded, OURS, sets, table } from "./sets.ts";
import { sourceRules, translatedRules } from "./source-address.ts";

export { table, TABLE_NAME } from "./sets.ts";

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

/** One before NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC (linux/netfilter_ipv4.h), so that Docker's rules come after ours. */
const BEFORE_DSTNAT = -101;
const BEFORE_SRCNAT = 99;
/** All nat chains run at NF_IP_PRI_NAT_DST (-100), whatever their priority among each other; a filter just after that. */
const AFTER_DSTNAT = -90;

/** Chains come before the chains that name them, so that the list can be executed in order. */
export const chains: readonly Chain[] = [
  regular("refuse", "answered at once: nobody serves this"),
  regular("discard", "not answered: the service has endpoints, but none for this client on this node"),
  regular("not-allowed", "not answered: the service is not for this source"),
  regular("services", "who may connect, and who picks the endpoint"),
  regular("node-ports", "the same for all addresses of this node"),
  regular("unchanged", "a port of an address that may be others': refused, if not translated to itself"),
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

/** What is asked about a new connection, in order. The questions that few have to answer come first, and cost a lookup each. */
function dispatchRules(chain: string, to: Destination): Rule[] {
  const each = (make: (version: IpVersion) => Rule): Rule[] => [make(4), make(6)];
  // Past the key, the number that is found, and what copying it takes.
  const spare = (version: IpVersion): number => keyWords(version) + 3;
  const load = (version: IpVersion) => [...isIp[version](), ...destination(version, to)];
  const here = (version: IpVersion) => (to === "node" ? nodePort(version, spare(version)) : []);
  const saddr = (version: IpVersion, at: number) => field(`${IP[version]} saddr`, reg(at));
  return [
    ...each((version) =>
      rule(chain, [
        load(version),
        lookup(`restricted${version}`, reg(0)),
        saddr(version, keyWords(version)),
        notIn(`allowed${version}`, reg(0)),
        to === "node" ? nodePort(version, 0) : [],
        goto("not-allowed"),
      ]),
    ),
    ...each((version) =>
      rule(
        chain,
        [
          load(version),
          lookup(`external${version}`, reg(0), reg(keyWords(version))),
          saddr(version, spare(version)),
          notIn(`pods${version}`, reg(spare(version))),
          isLocal("saddr", reg(spare(version)), "!="),
          here(version),
          gotoPicker(keyWords(version)),
        ],
        "from outside the cluster; the mark is as before in the end",
      ),
    ),
    ...each((version) =>
      rule(
        chain,
        [
          load(version),
          lookup(`pickers${version}`, reg(0), reg(keyWords(version))),
          here(version),
          gotoPicker(keyWords(version)),
        ],
        "the mark is as before in the end",
      ),
    ),
  ];
}

/** Goes on only if the packet is for this node, and no virtual port has its very address. Uses registers from `at` on. */
function nodePort(version: IpVersion, at: number) {
  return [...isNodeAddress(version, at), ...notVirtual(version, at)];
}

/** On nodes without a route to them, virtual IPv6 addresses are routed as local ones (route.ts). */
function notVirtual(version: IpVersion, at: number) {
  return [
    ...destination(version, "address", at),
    notIn(`ranges${version}`, reg(at)),
    notIn(`addresses${version}`, reg(at)),
    notIn(`outside${version}`, reg(at)),
  ];
}

/** Goes on only if the packet is for a virtual port of an address that is not a service's as a whole. */
function inOutside(version: IpVersion, to: Destination) {
  return [...isIp[version](), ...destination(version, to), lookup(`outside${version}`, reg(0))];
}

/** Goes on only if the packet is for an address that is a service's as a whole. */
function inAddresses(version: IpVersion) {
  return [...isIp[version](), field(`${IP[version]} daddr`, reg(0)), lookup(`addresses${version}`, reg(0))];
}

function unserved(version: IpVersion): Rule[] {
  const address = [...isIp[version](), field(`${IP[version]} daddr`, reg(0))];
  return [
    rule("unserved", [address, lookup(`ranges${version}`, reg(0)), goto("refuse")]),
    rule("unserved", [inAddresses(version), goto("unchanged")]),
    rule("unserved", [inOutside(version, "address"), goto("unchanged")]),
    rule("unserved", [inOutside(version, "node"), isNodeAddress(version, 0), goto("unchanged")]),
  ];
}

/**
 * A connection to an endpoint that has the very address and port of the virtual port (a pod in the host's network behind a
 * node port, or behind an external or cluster IP that is the node's): translated to itself, which `ct status` does not tell.
 */
function unchanged(version: IpVersion, to: Destination): Rule {
  const [words, spare] = [WORDS[version], reg(keyWords(version))];
  const daddr = (at: number) => field(`${IP[version]} daddr`, reg(at));
  return rule("unchanged", [
    isIp[version](),
    destination(version, to),
    lookup(`pickers${version}`, reg(0), spare),
    daddr(0),
    daddr(words),
    lookup(`self${version}`, reg(0)),
    verdict("accept"),
  ]);
}

const known = (chain: string): Rule[] => [
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
];

/**
 * What an endpoint sends outside of its connections is not translated back: its client would know nothing of a connection
 * with that address, and answer with a reset that ends the endpoint's (kubernetes issue 74839).
 */
function strayAnswers(version: IpVersion): Rule {
  const saddr = (at: number): Expression => field(`${IP[version]} saddr`, reg(at));
  return rule(
    "filter-prerouting",
    [
      ctHas("state", CT_STATE.invalid),
      meta("l4proto", reg(0)),
      equals(reg(0), Uint8Array.of(L4_PROTOCOL.tcp)),
      isIp[version](),
      saddr(0),
      saddr(WORDS[version]),
      lookup(`self${version}`, reg(0)),
      verdict("drop"),
    ],
    "a stray segment of an endpoint: the client's reset would end its connection",
  );
}

/** The loopback interface is the first of every namespace. */
const LOOPBACK_INDEX = hostBytes(1);

/** Goes on only if somebody else sends to a loopback address while those are routed. */
const toGuarded: readonly Expression[] = [
  meta("iif", reg(0)),
  { type: "cmp", sreg: reg(0), op: "!=", value: LOOPBACK_INDEX },
  ...isIpv4(),
  field("ip daddr", reg(0)),
  lookup(guarded.name, reg(0)),
];

/** All rules, each chain's in order. */
export const rules: readonly Rule[] = [
  rule(
    "refuse",
    [ctHas("state", CT_STATE.invalid), verdict("drop")],
    "a stray segment of a translated connection: a reset would end it",
  ),
  rule("refuse", [
    meta("l4proto", reg(0)),
    equals(reg(0), Uint8Array.of(L4_PROTOCOL.tcp)),
    { type: "counter" },
    { type: "reject", with: "tcp reset" },
  ]),
  rule("refuse", [{ type: "counter" }, { type: "reject", with: "icmpx port-unreachable" }]),
  rule("discard", [{ type: "counter" }, verdict("drop")]),
  rule("not-allowed", [{ type: "counter" }, verdict("drop")]),
  ...dispatchRules("services", "address"),
  ...dispatchRules("node-ports", "node"),
  rule("nat-prerouting", [jump("services")]),
  rule("nat-prerouting", [toGuarded, verdict("accept")], "not translated: filter-prerouting drops it"),
  rule("nat-prerouting", [jump("node-ports")]),
  rule("nat-output", [jump("services")]),
  rule("nat-output", [jump("node-ports")]),
  ...unserved(4),
  ...unserved(6),
  rule("unchanged", [ctHas("state", CT_STATE.invalid), goto("refuse")]),
  ...([4, 6] as const).flatMap((version) => [
    unchanged(version, "address"),
    rule("unchanged", [inOutside(version, "address"), goto("refuse")]),
    rule("unchanged", [inAddresses(version), goto("refuse")]),
    unchanged(version, "node"),
  ]),
  rule("unchanged", [goto("refuse")]),
  ...known("filter-prerouting"),
  rule(
    "filter-prerouting",
    [toGuarded, verdict("drop")],
    "route_localnet is for node ports on 127.0.0.1 alone (CVE-2020-8558)",
  ),
  strayAnswers(4),
  strayAnswers(6),
  rule("filter-prerouting", [jump("unserved")]),
  ...known("filter-output"),
  rule("filter-output", [jump("unserved")]),
  ...translatedRules,
  ...sourceRules,
];

/** The elements that are always there: by-picker's chains for ports without endpoints. */
export const constantElements: readonly Command[] = Object.entries(NOBODY).map(([chain, number]) =>
  byPickerCommand("add elements", chain, number),
);

/** The constant part, in an order that one batch can execute on an empty table. */
export function skeleton(): Command[] {
  return [
    { op: "add table", table },
    ...sets.map((set): Command => ({ op: "add set", set })),
    ...chains.map((chain): Command => ({ op: "add chain", chain })),
    ...rules.map((rule): Command => ({ op: "add rule", rule })),
    ...constantElements,
  ];
}
