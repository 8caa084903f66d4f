/**
 * The network that a cluster of namespaces lives in: hosts on one switch, IPv4 and IPv6, and nothing else of the machine.
 *
 *     control  192.0.2.1, 2001:db8:1::1       the API server and the test itself
 *     node N   192.0.2.(10+N), ...::(10+N)    pods in 10.244.N.0/24 and fd00:10:244:N::/64
 *     client   192.0.2.101, ...::101          no node: it knows no way to pods or virtual addresses
 *
 * Every node has routes to the pods of the others, as a cluster without an overlay has. What a node cannot place goes to
 * `control`, which forwards nothing.
 */
import { cidr, ip } from "../../src/base/ip.ts";
import { RouteSocket } from "../../src/net/rtnetlink/route-socket.ts";
import { writeSysctl } from "../../src/sys/sysctl.ts";
import { testNetns } from "./netns.ts";

export interface LabHost {
  readonly name: string;
  readonly netns: string;
  readonly address4: string;
  readonly address6: string;
}

export interface NodeHost extends LabHost {
  /** IPv4 first. */
  readonly podCidrs: readonly [string, string];
}

export interface ClusterNetwork extends Disposable {
  readonly control: LabHost;
  readonly nodes: readonly NodeHost[];
  readonly client: LabHost;
  /** Makes the outside client send what is for `destination`, an address, to that node. */
  routeClient(destination: string, node: LabHost): Promise<void>;
}

const NETWORK4 = "192.0.2.";
const NETWORK6 = "2001:db8:1::";
const ANY = [cidr("0.0.0.0/0"), cidr("::/0")] as const;

/** Names of nodes, in the order of their numbers. */
export async function openClusterNetwork(nodeNames: readonly string[]): Promise<ClusterNetwork> {
  using stack = new DisposableStack();
  const switchNetns = stack.use(testNetns("switch")).name;
  const ports = stack.use(await RouteSocket.open({ netns: switchNetns }));
  ports.createLink({ kind: "bridge", name: "switch" });
  ports.setLink("switch", { up: true });

  const attach = async (name: string, number: number): Promise<LabHost> => {
    const netns = stack.use(testNetns(name)).name;
    // Duplicate detection would keep IPv6 addresses unusable for a second.
    writeSysctl("net/ipv6/conf/default/accept_dad", 0, netns);
    // Linux answers with six ICMP errors at once and then one in a second; tests ask more often than that.
    writeSysctl("net/ipv4/icmp_ratelimit", 0, netns);
    writeSysctl("net/ipv6/icmp/ratelimit", 0, netns);
    const master = ports.linkIndex("switch");
    ports.createVeth({ name: `to-${name}`, master, up: true }, { name: "eth0" }, netns);
    const [address4, address6] = [`${NETWORK4}${number}`, `${NETWORK6}${number}`];
    using inside = await RouteSocket.open({ netns });
    inside.setLink("lo", { up: true });
    inside.setLink("eth0", { up: true });
    inside.addAddress("eth0", ip(address4), 24);
    inside.addAddress("eth0", ip(address6), 64);
    return { name, netns, address4, address6 };
  };

  const control = await attach("control", 1);
  const client = await attach("client", 101);
  const nodes: NodeHost[] = [];
  for (const [i, name] of nodeNames.entries()) {
    const number = i + 1;
    const podCidrs = [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`] as const;
    nodes.push({ ...(await attach(name, 10 + number)), podCidrs });
  }
  for (const host of [control, ...nodes]) {
    using inside = await RouteSocket.open({ netns: host.netns });
    for (const node of nodes) {
      if (node === host) continue;
      for (const [i, range] of node.podCidrs.entries())
        inside.addRoute({
          destination: cidr(range),
          gateway: ip(i === 0 ? node.address4 : node.address6),
        });
    }
    if (host === control) continue;
    inside.addRoute({ destination: ANY[0], gateway: ip(control.address4) });
    inside.addRoute({ destination: ANY[1], gateway: ip(control.address6) });
  }
  const owned = stack.move();
  return {
    control,
    nodes,
    client,
    async routeClient(destination, node) {
      const target = ip(destination);
      using inside = await RouteSocket.open({ netns: client.netns });
      inside.replaceRoute({
        destination: { base: target, length: target.family === 4 ? 32 : 128 },
        gateway: ip(target.family === 4 ? node.address4 : node.address6),
      });
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}
