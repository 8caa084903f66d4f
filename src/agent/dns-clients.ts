/**
 * For whom names outside of the cluster are looked up: this machine, what is on its bridges, pods and containers, and the
 * pods of other nodes.
 * A server that does that for everybody is a weapon in the hands of strangers (RFC 5358).
 */
import { type Cidr, cidrContains, formatIp, type Ip, parseIp } from "../base/ip.ts";
import { RouteSocket } from "../net/rtnetlink/route-socket.ts";
import { isLoopback } from "../dns/server.ts";

export interface DnsClients extends Disposable {
  mayRecurse(address: string): boolean;
}

/** The addresses of a namespace that matter: see {@link readHostNetworks}. */
export interface HostNetworks {
  readonly own: ReadonlySet<string>;
  /** Of interfaces that are bridges, with the addresses there. */
  readonly bridges: readonly { readonly name: string; readonly address: Ip; readonly prefixLength: number }[];
}

/** RT_SCOPE_UNIVERSE: no link-local addresses. */
const SCOPE_UNIVERSE = 0;
/** Milliseconds: what has come since is seen after that. */
const INTERVAL = 1000;

export function readHostNetworks(routes: RouteSocket): HostNetworks {
  const bridges = new Map(
    routes
      .links()
      .filter(({ kind }) => kind === "bridge")
      .map(({ index, name }) => [index, name]),
  );
  const addresses = routes.addresses();
  return {
    own: new Set(addresses.map(({ address }) => formatIp(address))),
    bridges: addresses.flatMap(({ link, address, prefixLength, scope }) => {
      const name = bridges.get(link);
      return name === undefined || scope !== SCOPE_UNIVERSE ? [] : [{ name, address, prefixLength }];
    }),
  };
}

/** Looks at the interfaces of `netns` when somebody comes whom it does not know. `others`: where pods of other nodes are. */
export async function openDnsClients(netns?: string, others: readonly Cidr[] = []): Promise<DnsClients> {
  const routes = await RouteSocket.open(netns === undefined ? {} : { netns });
  let networks: HostNetworks = { own: new Set(), bridges: [] };
  let lookedAt = -Infinity;
  const isOurs = (ip: Ip): boolean =>
    isLoopback(ip) ||
    others.some((range) => cidrContains(range, ip)) ||
    networks.own.has(formatIp(ip)) ||
    networks.bridges.some((bridge) => cidrContains(networkOf(bridge), ip));
  return {
    mayRecurse(text) {
      const ip = parseIp(text);
      if (ip === undefined) return false;
      if (isOurs(ip)) return true;
      if (performance.now() - lookedAt < INTERVAL) return false;
      lookedAt = performance.now();
      networks = readHostNetworks(routes);
      return isOurs(ip);
    },
    [Symbol.dispose]: () => routes[Symbol.dispose](),
  };
}

function networkOf({ address, prefixLength }: HostNetworks["bridges"][number]): Cidr {
  const hostBits = BigInt((address.family === 4 ? 32 : 128) - prefixLength);
  return {
    base: { family: address.family, value: (address.value >> hostBits) << hostBits },
    length: prefixLength,
  };
}
