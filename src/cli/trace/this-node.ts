/** The node that the command runs on: its addresses and routes, and what its kernel has been told. */
import { formatCidr, formatIp, ip } from "../../base/ip.ts";
import { tableCommands } from "../../dataplane/fake/copy-table.ts";
import type { HostOptions } from "../../dataplane/fake/host.ts";
import { FakeKernel } from "../../dataplane/fake/kernel.ts";
import { NetlinkPort } from "../../dataplane/nftables/netlink-port.ts";
import { ROUTE_PROTOCOL } from "../../dataplane/nftables/route.ts";
import { TABLE_NAME } from "../../dataplane/nftables/ruleset.ts";
import { Family } from "../../net/nftables/model.ts";
import { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { readSysctl } from "../../sys/sysctl.ts";

/** RT_TABLE_MAIN of linux/rtnetlink.h. */
const MAIN = 254;
/** Addresses of the interface alone (RT_SCOPE_LINK, IPv6's fe80::/10) are nobody's way to a Service. */
const SCOPE_LINK = 253;

/** Interfaces, addresses and routes of a network namespace. Throws SystemError. */
export async function readHost(netns: string | undefined): Promise<HostOptions> {
  using socket = await RouteSocket.open(netns === undefined ? {} : { netns });
  const links = socket.links().filter(({ loopback }) => !loopback);
  const all = socket.addresses();
  const name = new Map(links.map((link) => [link.index, link.name]));
  const isOn = (setting: string): boolean =>
    readSysctl(`net/ipv4/conf/${setting}/route_localnet`, netns) !== "0";
  const everywhere = isOn("all");
  const families = [4, 6] as const;
  const routes = families.flatMap((family) => socket.routes({ family, table: MAIN }));
  // Where nothing else leads to the Services, our own route over loopback lets this host's packets come to the rules.
  const ours = families.flatMap((family) => socket.routes({ family, protocol: ROUTE_PROTOCOL }));
  return {
    interfaces: links.map((link) => ({
      name: link.name,
      addresses: all
        .filter((one) => one.link === link.index && one.scope < SCOPE_LINK)
        .map((one) => `${formatIp(one.address)}/${one.prefixLength}`),
      routeLocalnet: everywhere || isOn(link.name),
    })),
    routes: [
      ...routes
        .filter(({ type, link }) => type === "unicast" && link !== undefined && name.has(link))
        .map(({ destination, link }) => ({ to: formatCidr(destination), oif: name.get(link!)! })),
      ...ours.map(({ destination }) => ({ to: formatCidr(destination), oif: "lo" })),
    ],
  };
}

/** The address that a process of this host sends from when it connects to `address`; undefined without a route. */
export async function sourceTo(netns: string | undefined, address: string): Promise<string | undefined> {
  using socket = await RouteSocket.open(netns === undefined ? {} : { netns });
  try {
    const { source } = socket.routeTo(ip(address));
    return source === undefined ? undefined : formatIp(source);
  } catch (error) {
    // ENETUNREACH and the like: the trace says that there is no route.
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}

/** A copy of the kernel's table, to send packets through; undefined where fairlead has programmed nothing. Needs root. */
export async function copyKernel(
  netns: string | undefined,
  host: HostOptions,
): Promise<FakeKernel | undefined> {
  using port = await NetlinkPort.open(netns);
  const commands = tableCommands(port, Family.inet, TABLE_NAME);
  if (commands === undefined) return undefined;
  const kernel = new FakeKernel(host);
  kernel.commit(commands);
  return kernel;
}
