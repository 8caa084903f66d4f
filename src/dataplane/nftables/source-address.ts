/** Which source address the endpoint sees: rules of nat-postrouting, for connections that were made to our addresses. */
import { CT_STATUS, equals, field, goto, hostBytes } from "../../net/nftables/expressions.ts";
import { lookup, meta, reg, verdict } from "../../net/nftables/expressions.ts";
import type { Expression, Rule } from "../../net/nftables/model.ts";
import { destination, IP, isIp, isLoopback, NAT_FAMILY, rule, WORDS } from "./rule-parts.ts";
import type { IpVersion } from "./sets.ts";

const masquerade: Expression = { type: "masquerade" };

/** nat-postrouting: finds connections that were made to one of our addresses. Others are left to others. */
export const translatedRules: readonly Rule[] = [
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
];

/** The address that the connection was made to, in the first register. */
function originalAddress(version: IpVersion): Expression {
  return { type: "ct", key: version === 4 ? "dst ip" : "dst ip6", direction: "original", dreg: reg(0) };
}

/** The port that it was made to, where keys of virtual ports have theirs. */
function originalPort(version: IpVersion): Expression {
  return { type: "ct", key: "proto dst", direction: "original", dreg: reg(WORDS[version] + 1) };
}

/** Goes on if the connection was made to an address of the service ranges. */
function madeToRange(version: IpVersion): Expression[] {
  return [originalAddress(version), lookup(`ranges${version}`, reg(0))];
}

/** Goes on if it was made to an address outside of them that is a service's as a whole. */
function madeToAddress(version: IpVersion): Expression[] {
  return [originalAddress(version), lookup(`addresses${version}`, reg(0))];
}

/** Goes on if it was made to a virtual port of any other address; a node port has no address of its own. */
function madeToPort(version: IpVersion): Expression[] {
  return [
    originalAddress(version),
    meta("l4proto", reg(WORDS[version])),
    originalPort(version),
    lookup(`outside${version}`, reg(0)),
  ];
}

function translated(version: IpVersion): Rule[] {
  const words = WORDS[version];
  const chain = "nat-postrouting";
  const source = goto(`source${version}`);
  const daddr = (at: number): Expression => field(`${IP[version]} daddr`, reg(at));
  return [
    rule(chain, [isIp[version](), madeToRange(version), source]),
    rule(chain, [isIp[version](), madeToAddress(version), source]),
    rule(chain, [isIp[version](), madeToPort(version), source]),
    rule(
      chain,
      [
        isIp[version](),
        // address . protocol of a node port, and the port that the connection was made to.
        destination(version, "node").slice(0, 3),
        originalPort(version),
        lookup(`outside${version}`, reg(0)),
        daddr(0),
        daddr(words),
        lookup(`self${version}`, reg(0)),
        source,
      ],
      "to a port that is a node port, and translated to one of our endpoints",
    ),
  ];
}

/** The chains source4 and source6. */
export const sourceRules: readonly Rule[] = [...source(4), ...source(6)];

function source(version: IpVersion): Rule[] {
  const words = WORDS[version];
  const chain = `source${version}`;
  const saddr = [...isIp[version](), field(`${IP[version]} saddr`, reg(0))];
  const keep = [
    ...saddr,
    { type: "nat", kind: "snat", family: NAT_FAMILY[version], address: reg(0) } as const,
  ];
  const routed = [...saddr, lookup(`routed${version}`, reg(0))];
  return [
    rule(
      chain,
      [saddr, field(`${IP[version]} daddr`, reg(words)), lookup(`self${version}`, reg(0)), masquerade],
      "an endpoint that reaches itself would drop its own address",
    ),
    rule(
      chain,
      [meta("iifname", reg(0)), meta("oifname", reg(4)), lookup("bridges", reg(0)), masquerade],
      "answers inside one bridge would bypass this host",
    ),
    rule(chain, [saddr, isLoopback(version), masquerade], "nobody else can answer to a loopback address"),
    rule(chain, [saddr, lookup(`ranges${version}`, reg(0)), masquerade], "nor to a virtual one"),
    rule(chain, [saddr, lookup(`addresses${version}`, reg(0)), masquerade], "the same"),
    rule(
      chain,
      [isIp[version](), field(`${IP[version]} daddr`, reg(0)), lookup(`local${version}`, reg(0)), keep],
      "answers come past here: keep the client's address, and no other rule masquerades after this",
    ),
    rule(chain, [routed, madeToRange(version), keep], "a pod of this node: answers come past here"),
    rule(chain, [routed, madeToAddress(version), keep], "the same"),
    rule(chain, [routed, madeToPort(version), keep], "the same"),
    rule(chain, [masquerade], "answers of other nodes' endpoints come back here only so"),
  ];
}
