/**
 * Keeps established connections translated while table `inet fairlead` is away.
 *
 * The kernel follows connections only while some rule of the namespace asks about them, and translates the packets of known
 * ones only while there is some nat chain. When somebody flushes the ruleset there is neither until the table is repaired:
 * packets and answers go on with the addresses they have, meet nobody there, and the reset that they are answered with
 * ends the connection. So there is a second table, with a nat chain and a rule that never holds, owned by a socket of
 * ours (NFT_TABLE_F_OWNER, Linux 5.12): `nft flush ruleset` passes over it, nobody else can delete it, and the kernel removes
 * it with the socket. Only the first packet of a connection comes to nat chains, so it costs the others nothing.
 */
import { CT_STATE, ctHas, verdict } from "../../net/nftables/expressions.ts";
import { Family, Hook } from "../../net/nftables/model.ts";
import { commentUserdata } from "../../net/nftables/userdata.ts";
import { NetlinkPort } from "./netlink-port.ts";

/** NFT_TABLE_F_OWNER of linux/netfilter/nf_tables.h. */
const OWNED = 2;
/** After everybody's dstnat, where it has nothing to say. */
const LAST = 0;

/** In force until it is disposed, or this process ends. Throws NetlinkError. */
export async function openTranslationAnchor(netns: string | undefined): Promise<Disposable> {
  const port = await NetlinkPort.open(netns);
  try {
    // While one agent follows another there are two.
    const name = `fairlead-anchor-${port.netlinkPort()}`;
    const userdata = commentUserdata("keeps connections translated while others flush the ruleset");
    const base = { type: "nat", hook: Hook.prerouting, priority: LAST, policy: "accept" } as const;
    const rule = {
      family: Family.inet,
      table: name,
      chain: "nothing",
      expressions: [...ctHas("state", CT_STATE.invalid), verdict("return")],
      comment: "asks about the connection, so that the kernel follows it",
    };
    port.commit([
      { op: "add table", table: { family: Family.inet, name, flags: OWNED, userdata } },
      { op: "add chain", chain: { family: Family.inet, table: name, name: "nothing", base } },
      { op: "add rule", rule },
    ]);
  } catch (error) {
    port[Symbol.dispose]();
    throw error;
  }
  return port;
}
