/**
 * The demo's own little network, as root: a namespace that is the node, one that is a client, a cable between them.
 *
 *     client 192.0.2.2 ---- 192.0.2.1 node ---- fairlead0 ---- pods 10.244.0.x
 *
 * Addresses are those reserved for documentation (RFC 5737). The host's own network is not touched.
 */
import { cidr, ip } from "../../base/ip.ts";
import { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { createNetns, deleteNetns, listNetns } from "../../sys/netns.ts";
import { writeSysctl } from "../../sys/sysctl.ts";

const PREFIX = "fairlead-demo-";
const NODE_ADDRESS = "192.0.2.1";
const CLIENT_ADDRESS = "192.0.2.2";

export interface DemoNetwork extends Disposable {
  /** Names in /run/netns. */
  readonly node: string;
  readonly client: string;
  readonly nodeAddress: string;
  readonly clientAddress: string;
}

/** Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. What a killed demo left behind under the same names is removed first. */
export async function createDemoNetwork(): Promise<DemoNetwork> {
  const node = `${PREFIX}node`;
  const client = `${PREFIX}client`;
  using stack = new DisposableStack();
  for (const name of [node, client]) {
    if (listNetns().includes(name)) deleteNetns(name);
    createNetns(name);
    stack.defer(() => deleteNetns(name));
  }
  using inNode = await RouteSocket.open({ netns: node });
  using inClient = await RouteSocket.open({ netns: client });
  inNode.createVeth({ name: "to-client" }, { name: "eth0" }, client);
  inNode.addAddress("to-client", ip(NODE_ADDRESS), 24);
  inClient.addAddress("eth0", ip(CLIENT_ADDRESS), 24);
  for (const [socket, link] of [
    [inNode, "to-client"],
    [inClient, "eth0"],
  ] as const) {
    socket.setLink("lo", { up: true });
    socket.setLink(link, { up: true });
  }
  inClient.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip(NODE_ADDRESS) });
  writeSysctl("net/ipv4/ip_forward", 1, node);
  const owned = stack.move();
  return {
    node,
    client,
    nodeAddress: NODE_ADDRESS,
    clientAddress: CLIENT_ADDRESS,
    [Symbol.dispose]: () => owned.dispose(),
  };
}
