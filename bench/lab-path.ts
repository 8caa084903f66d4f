/** Three namespaces in a row, over veth pairs: client 192.0.2.2/24 -- 192.0.2.1 node 198.51.100.1 -- 198.51.100.0/24 backend. */
import { cidr, ip } from "../src/base/ip.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { testNetns } from "../test/lab/netns.ts";

export interface RoutedPath extends Disposable {
  /** Names of namespaces. The client has routes of its own network only. */
  readonly client: string;
  readonly node: string;
  readonly backend: string;
}

/** `role` names the namespaces; the others are the addresses that client and backend have on their interface eth0. */
export async function createRoutedPath(
  role: string,
  clientAddresses: readonly string[],
  backendAddresses: readonly string[],
): Promise<RoutedPath> {
  using stack = new DisposableStack();
  const [client, node, backend] = ["client", "node", "backend"].map(
    (part) => stack.use(testNetns(`${role}-${part}`)).name,
  ) as [string, string, string];
  using inNode = await RouteSocket.open({ netns: node });
  using inClient = await RouteSocket.open({ netns: client });
  using inBackend = await RouteSocket.open({ netns: backend });
  inNode.createVeth({ name: "c" }, { name: "eth0" }, client);
  inNode.createVeth({ name: "b" }, { name: "eth0" }, backend);
  inNode.addAddress("c", ip("192.0.2.1"), 24);
  inNode.addAddress("b", ip("198.51.100.1"), 24);
  for (const address of clientAddresses) inClient.addAddress("eth0", ip(address), 24);
  for (const address of backendAddresses) inBackend.addAddress("eth0", ip(address), 24);
  for (const [socket, links] of [
    [inNode, ["lo", "c", "b"]],
    [inClient, ["lo", "eth0"]],
    [inBackend, ["lo", "eth0"]],
  ] as const)
    for (const link of links) socket.setLink(link, { up: true });
  writeSysctl("net/ipv4/ip_forward", 1, node);
  inBackend.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip("198.51.100.1") });
  const owned = stack.move();
  return { client, node, backend, [Symbol.dispose]: () => owned.dispose() };
}
