/**
 * A client, a node and backends, each a network namespace with a process in it, joined by veth pairs to the node,
 * which routes between them. IPv4 and IPv6.
 *
 *     client 192.0.2.2, 2001:db8:1::2  --  node  --  backend N 10.1.N.2, 2001:db8:2:N::2
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { cidr, ip } from "../../src/base/ip.ts";
import { RouteSocket } from "../../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../../src/sys/netns.ts";
import { testNetns } from "./netns.ts";
import type { Peer } from "./nftables-peer.ts";

export interface LabHost extends Peer {
  readonly netns: string;
  readonly address4: string;
  readonly address6: string;
}

export interface NftablesLab extends AsyncDisposable {
  /** Where the data plane runs. Its own addresses are the gateways, 192.0.2.1 among them. */
  readonly node: LabHost;
  readonly client: LabHost;
  /** Each serves port 80 under the name b1, b2, ... */
  readonly backends: readonly LabHost[];
}

export async function nftablesLab(backendCount: number): Promise<NftablesLab> {
  await using stack = new AsyncDisposableStack();
  const nodeNetns = stack.use(testNetns("node")).name;
  const routes = stack.use(await RouteSocket.open({ netns: nodeNetns }));
  routes.setLink("lo", { up: true });
  callInNetns(nodeNetns, () => {
    writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
    writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    // Linux answers a client with six ICMP errors at once and then one in a second; tests ask more often than that.
    writeFileSync("/proc/sys/net/ipv4/icmp_ratelimit", "0");
    writeFileSync("/proc/sys/net/ipv6/icmp/ratelimit", "0");
  });
  const attach = async (role: string, network4: string, network6: string): Promise<LabHost> => {
    const netns = stack.use(testNetns(role)).name;
    const address = { address4: `${network4}.2`, address6: `${network6}::2` };
    routes.createVeth({ name: role, up: true }, { name: "eth0" }, netns);
    routes.addAddress(role, ip(`${network4}.1`), 24);
    routes.addAddress(role, ip(`${network6}::1`), 64);
    using inside = await RouteSocket.open({ netns });
    inside.setLink("lo", { up: true });
    inside.setLink("eth0", { up: true });
    inside.addAddress("eth0", ip(address.address4), 24);
    inside.addAddress("eth0", ip(address.address6), 64);
    inside.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip(`${network4}.1`) });
    inside.addRoute({ destination: cidr("::/0"), gateway: ip(`${network6}::1`) });
    return { netns, ...address, ...stack.use(startPeer(netns)) };
  };
  const client = await attach("client", "192.0.2", "2001:db8:1");
  const backends: LabHost[] = [];
  for (let n = 1; n <= backendCount; n++) {
    const backend = await attach(`b${n}`, `10.1.${n}`, `2001:db8:2:${n}`);
    await backend.listen({ port: 80, name: `b${n}` });
    backends.push(backend);
  }
  const addresses = { address4: "192.0.2.1", address6: "2001:db8:1::1" };
  const node = { netns: nodeNetns, ...addresses, ...stack.use(startPeer(nodeNetns)) };
  const owned = stack.move();
  return { node, client, backends, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function startPeer(netns: string): Peer & AsyncDisposable {
  const program = new URL("nftables-peer.ts", import.meta.url);
  const child = callInNetns(netns, () => fork(program, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  child.on("message", (message: { id: number; result?: unknown; error?: string }) => {
    const call = waiting.get(message.id)!;
    waiting.delete(message.id);
    if (message.error === undefined) call.resolve(message.result);
    else call.reject(new Error(message.error));
  });
  let lastId = 0;
  const method =
    <Name extends keyof Peer>(name: Name) =>
    (options: Parameters<Peer[Name]>[0]): Promise<never> => {
      const call = Promise.withResolvers<unknown>();
      waiting.set(++lastId, call);
      child.send({ id: lastId, method: name, options });
      return call.promise as Promise<never>;
    };
  return {
    listen: method("listen"),
    connect: method("connect"),
    connectMany: method("connectMany"),
    open: method("open"),
    exchange: method("exchange"),
    datagram: method("datagram"),
    [Symbol.asyncDispose]: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
