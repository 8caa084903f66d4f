/** Pods reach an API that listens on loopback by the Service `kubernetes`; strangers do not reach its entrance for pods. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import { endpointsKind } from "../src/api/endpoints/kind.ts";
import { cidr, ip } from "../src/base/ip.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import type { RunningServer } from "../src/server/server.ts";
import { startServer } from "../src/server/start.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const GATEWAY = "10.244.0.1";

interface Serving extends AsyncDisposable {
  readonly server: RunningServer;
  /** The next one on the same store, at the same address, that expects pods. */
  again(): Promise<RunningServer>;
}

async function serving(): Promise<Serving> {
  const stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "fairlead-for-pods-"));
  stack.defer(() => rm(dataDir, { recursive: true }));
  const store = stack.use(createMemoryStore());
  const server = await startServer({ store, dataDir, bind: { host: "127.0.0.1", port: 0 } });
  stack.defer(() => server.close());
  return {
    server,
    async again() {
      const next = await startServer({ store, dataDir, bind: server.address, expectPods: true });
      stack.defer(() => next.close());
      return next;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The endpoints of the Service `kubernetes`, as both kinds tell them. */
async function published({ registry }: RunningServer): Promise<string> {
  const key = { namespace: "default", name: "kubernetes" };
  const endpoints = await registry.get(endpointsKind, key);
  const slice = await registry.get(endpointSliceKind, key);
  const [subset] = endpoints.subsets ?? [];
  return [
    `${subset?.addresses?.[0]?.ip}:${subset?.ports?.[0]?.port}`,
    `${slice.endpoints[0]?.addresses[0]}:${slice.ports?.[0]?.port}`,
  ].join(" ");
}

/** The status line of GET /livez as a client of namespace `netns` gets it, or "closed". */
async function livez(netns: string, { address, ca }: RunningServer): Promise<string> {
  const signal = AbortSignal.timeout(5000);
  const socket: Socket = await connectInNetns(netns, ip(GATEWAY), address.port, signal);
  const tls = connectTls({ socket, ca, servername: "kubernetes.default.svc" });
  try {
    await Promise.race([once(tls, "secureConnect"), once(tls, "close").then(() => assert.fail("closed"))]);
    tls.write("GET /livez HTTP/1.1\r\nhost: kubernetes.default.svc\r\nconnection: close\r\n\r\n");
    const [first] = (await once(tls, "data")) as [Buffer];
    return first.toString().split("\r\n")[0]!;
  } catch {
    return "closed";
  } finally {
    tls.destroy();
    socket.destroy();
  }
}

test("pods and the node get answers at the gateway, others are closed", { skip: needsNetns() }, async () => {
  await using scope = await serving();
  const { server } = scope;
  const { port } = server.address;
  assert.equal(await published(server), `127.0.0.1:${port} 127.0.0.1:${port}`);
  // The node with its bridge; a pod and a stranger, each joined to it.
  using node = testNetns("node");
  using pod = testNetns("pod");
  using stranger = testNetns("stranger");
  using routes = await RouteSocket.open({ netns: node.name });
  routes.setLink("lo", { up: true });
  for (const [peer, link, own, address] of [
    [pod, "pod0", GATEWAY, "10.244.0.7"],
    [stranger, "lan0", "192.0.2.1", "192.0.2.66"],
  ] as const) {
    routes.createVeth({ name: link, up: true }, { name: "eth0" }, peer.name);
    routes.addAddress(link, ip(own), 24);
    using inside = await RouteSocket.open({ netns: peer.name });
    inside.setLink("eth0", { up: true });
    inside.addAddress("eth0", ip(address), 24);
    inside.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip(own), link: inside.linkIndex("eth0") });
  }

  const door = { host: GATEWAY, netns: node.name, podRanges: [cidr("10.244.0.0/24")] };
  await assert.rejects(server.openToPods({ ...door, host: "10.9.9.9" }), { code: "EADDRNOTAVAIL" });
  assert.equal(
    await published(server),
    `127.0.0.1:${port} 127.0.0.1:${port}`,
    "a refused entrance changes nothing",
  );
  await server.openToPods(door);
  assert.equal(await published(server), `${GATEWAY}:${port} ${GATEWAY}:${port}`);
  assert.equal(await livez(pod.name, server), "HTTP/1.1 200 OK");
  assert.equal(await livez(node.name, server), "HTTP/1.1 200 OK");
  assert.equal(await livez(stranger.name, server), "closed");
  // Told again, nothing is opened twice.
  await server.openToPods(door);
  assert.equal(await published(server), `${GATEWAY}:${port} ${GATEWAY}:${port}`);

  // A connection that came in here does not hold up the end.
  const open = await connectInNetns(pod.name, ip(GATEWAY), port, AbortSignal.timeout(5000));
  const closed = once(open.resume(), "close");
  await server.close();
  await closed;

  // The next one leaves the endpoint where it was until it is told, so that a restart writes nothing.
  const next = await scope.again();
  assert.equal(await published(next), `${GATEWAY}:${port} ${GATEWAY}:${port}`);
  const { registry } = next;
  const version = async (): Promise<string | undefined> =>
    (await registry.get(endpointSliceKind, { namespace: "default", name: "kubernetes" })).metadata
      .resourceVersion;
  const before = await version();
  await next.openToPods(door);
  assert.equal(await version(), before);
  assert.equal(await livez(pod.name, next), "HTTP/1.1 200 OK");
  await next.keepFromPods();
  assert.equal(await published(next), `127.0.0.1:${port} 127.0.0.1:${port}`);
});
