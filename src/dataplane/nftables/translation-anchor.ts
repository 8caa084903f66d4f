/**
 * Keeps established connections translated while table `inet fairlead` is away.
 *
 * The kernel follows connections only while some rule of the namespace asks about them, and translates the packets of known
 * ones only while there is some nat chain. When somebody flushes the ruleset there is neither until the table is repaired:
 * packets and answers go on with the addresses they have, meet nobody there, and the reset that they are answered with
 * ends the connection. So there is a second table, with nat chains that nearly never do anything, owned by a socket of
 * ours (NFT_TABLE_F_OWNER, Linux 5.12): `nft flush ruleset` passes over it, nobody else can delete it, and the kernel removes
 * it with the socket. Only the first packet of a connection comes to nat chains, so it costs the others nothing.
 *
 * A first packet to a service range, or to an address outside that is a service's as a whole, that nobody has translated or
 * refused until it leaves the host, or is taken in by it, is dropped: the kernel would remember the connection as one without
 * translation, for minutes, and the port that it came from with it. The client sends it again, and then the table is there.
 */
import type { Cidr } from "../../base/ip.ts";
import { cidr, ip, ipBytes } from "../../base/ip.ts";
import { CT_STATE, ctHas, field, lookup, reg, verdict } from "../../net/nftables/expressions.ts";
import { Family, Hook } from "../../net/nftables/model.ts";
import type { Chain, Command, Expression, Rule, SetDefinition } from "../../net/nftables/model.ts";
import { commentUserdata } from "../../net/nftables/userdata.ts";
import { latin1, latin1Bytes } from "./keys.ts";
import { NetlinkPort } from "./netlink-port.ts";
import { IP, isIp } from "./rule-parts.ts";
import type { IpVersion } from "./sets.ts";

/** NFT_TABLE_F_OWNER of linux/netfilter/nf_tables.h. */
const OWNED = 2;
/** Before all others' srcnat; the kernel wants nat after NF_IP_PRI_CONNTRACK, -200. */
const FIRST = -199;

export class TranslationAnchor implements Disposable {
  readonly #port: NetlinkPort;
  readonly #of: { readonly family: Family; readonly table: string };
  #ranges: string | undefined;
  /** With one character for a byte. */
  readonly #addresses = new Set<string>();

  /** In force until it is disposed, or this process ends. Throws NetlinkError. */
  static async open(netns: string | undefined): Promise<TranslationAnchor> {
    const port = await NetlinkPort.open(netns);
    try {
      return new TranslationAnchor(port);
    } catch (error) {
      port[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(port: NetlinkPort) {
    this.#port = port;
    // While one agent follows another there are two.
    const name = `fairlead-anchor-${port.netlinkPort()}`;
    this.#of = { family: Family.inet, table: name };
    const userdata = commentUserdata("keeps connections translated while others flush the ruleset");
    port.commit([
      { op: "add table", table: { family: Family.inet, name, flags: OWNED, userdata } },
      { op: "add set", set: this.#set(4) },
      { op: "add set", set: this.#set(6) },
      { op: "add chain", chain: this.#chain("leaving", Hook.postrouting) },
      { op: "add chain", chain: this.#chain("arriving", Hook.input) },
      { op: "add rule", rule: this.#asking() },
    ]);
  }

  /** The service ranges, as CIDRs, and the whole addresses outside of them, as text. Throws NetlinkError. */
  set(ranges: readonly string[], addresses: readonly string[]): void {
    this.#setRanges(ranges);
    const wanted = new Set(addresses.map((text) => latin1(ipBytes(ip(text)))));
    this.changeAddresses(
      new Map([
        ...Array.from(wanted, (key) => [key, true] as const),
        ...Array.from(this.#addresses.difference(wanted), (key) => [key, false] as const),
      ]),
    );
  }

  /**
   * Addresses, with one character for a byte, that have become services' as a whole (true) or are it no more. Whether
   * anything was written. Throws NetlinkError.
   */
  changeAddresses(changes: ReadonlyMap<string, boolean>): boolean {
    const news = [...changes].filter(([key, gained]) => this.#addresses.has(key) !== gained);
    const commands: Command[] = [];
    for (const version of [4, 6] as const)
      for (const op of ["delete elements", "add elements"] as const) {
        const elements = news
          .filter(
            ([key, gained]) => gained === (op === "add elements") && (key.length === 4 ? 4 : 6) === version,
          )
          .map(([key]) => ({ key: latin1Bytes(key) }));
        if (elements.length > 0) commands.push({ op, set: this.#set(version), elements });
      }
    if (commands.length === 0) return false;
    this.#port.commit(commands);
    for (const [key, gained] of news)
      if (gained) this.#addresses.add(key);
      else this.#addresses.delete(key);
    return true;
  }

  #setRanges(ranges: readonly string[]): void {
    if (ranges.join() === this.#ranges) return;
    const names = ["leaving", "arriving"] as const;
    const commands: Command[] = names.map((name) => ({ op: "flush chain", chain: { ...this.#of, name } }));
    commands.push({ op: "add rule", rule: this.#asking() });
    for (const name of names) {
      for (const version of [4, 6] as const)
        commands.push({
          op: "add rule",
          rule: this.#rule(name, [...isIn(version), { type: "counter" }, verdict("drop")]),
        });
      for (const range of ranges)
        commands.push({
          op: "add rule",
          rule: this.#rule(name, [...isTo(cidr(range)), { type: "counter" }, verdict("drop")]),
        });
    }
    this.#port.commit(commands);
    this.#ranges = ranges.join();
  }

  #set(version: IpVersion): SetDefinition {
    return {
      ...this.#of,
      name: `addresses${version}`,
      kind: "set",
      keyTypes: [version === 4 ? "ipv4_addr" : "ipv6_addr"],
      keyLength: version === 4 ? 4 : 16,
      flags: {},
      comment: "addresses of services outside the ranges",
    };
  }

  #chain(name: string, hook: Hook): Chain {
    return { ...this.#of, name, base: { type: "nat", hook, priority: FIRST, policy: "accept" } };
  }

  #asking(): Rule {
    const expressions = [...ctHas("state", CT_STATE.invalid), verdict("return")];
    return { ...this.#rule("leaving", expressions), comment: "asks, so that the kernel follows connections" };
  }

  #rule(chain: string, expressions: readonly Expression[]): Rule {
    return { ...this.#of, chain, expressions };
  }

  [Symbol.dispose](): void {
    this.#port[Symbol.dispose]();
  }
}

/** Goes on only if the packet is addressed to a whole address. */
function isIn(version: IpVersion): Expression[] {
  return [...isIp[version](), field(`${IP[version]} daddr`, reg(0)), lookup(`addresses${version}`, reg(0))];
}

/** Goes on only if the packet is addressed to the range. */
function isTo({ base, length }: Cidr): Expression[] {
  const network = ipBytes(base);
  const mask = network.map((_, i) => 0xff & ~(0xff >> Math.max(0, Math.min(8, length - 8 * i))));
  const { family } = base;
  return [
    ...isIp[family](),
    field(`${IP[family]} daddr`, reg(0)),
    { type: "bitwise", sreg: reg(0), dreg: reg(0), mask, xor: new Uint8Array(mask.length) },
    { type: "cmp", sreg: reg(0), op: "==", value: network },
  ];
}
