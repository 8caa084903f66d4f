/**
 * Whether kube-proxy's rules are on this node: two proxies would both translate, and the one whose chain comes first
 * wins without a word. Rules outlive kube-proxy, so they are what is looked for.
 */
import { NetlinkPort } from "../dataplane/nftables/netlink-port.ts";
import { Family } from "../net/nftables/model.ts";

/** Table of kube-proxy's nftables mode (pkg/proxy/nftables: kubeProxyTable). */
const TABLE = "kube-proxy";
/** Chain of its iptables and ipvs modes (pkg/proxy/iptables: kubeServicesChain), as iptables-nft keeps it. */
const CHAIN = "KUBE-SERVICES";

/**
 * What was found in a namespace (the caller's without one), for people: "table ip kube-proxy". Rules of iptables-legacy
 * are not seen. Throws NetlinkError or SystemError.
 */
export async function findKubeProxyRules(netns: string | undefined): Promise<string[]> {
  using kernel = await NetlinkPort.open(netns);
  return (["ip", "ip6"] as const).flatMap((family) => [
    ...kernel
      .tables(Family[family])
      .filter(({ name }) => name === TABLE)
      .map(() => `table ${family} ${TABLE}`),
    ...kernel
      .chains(Family[family])
      .filter(({ name }) => name === CHAIN)
      .map(({ table }) => `chain ${CHAIN} of table ${family} ${table}`),
  ]);
}
