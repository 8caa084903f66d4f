/**
 * `fairlead agent` as a process, with the rights that Kubernetes gives to kube-proxy, against an API server in another
 * process that is killed and comes back; in a network namespace of its own.
 */
import assert from "node:assert/strict";
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findKubeProxyRules } from "../src/agent/foreign-proxy.ts";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import type { EndpointSlice } from "../src/api/endpointslice/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import type { Service } from "../src/api/service/type.ts";
import { cidr, ip } from "../src/base/ip.ts";
import { createHttpClient } from "../src/client/http.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { bindInNetns } from "../src/sys/netns-listener.ts";
import { ApiServerProcess } from "./lab/api-server-process.ts";
import { fairleadUntilReady, runFairlead, type Up } from "./lab/fairlead.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";
import { nft } from "./lab/nft.ts";
import { httpGet, type Outcome } from "./lab/requests.ts";

const VIP = "10.96.0.80";
const NODE = "agent-node";

const service: Service = {
  metadata: { namespace: "default", name: "web" },
  spec: { clusterIP: VIP, ports: [{ port: 80, targetPort: 8080 }] },
};

function slice(address: string): EndpointSlice {
  return {
    metadata: { namespace: "default", name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  };
}

/** A host of its own: a namespace with addresses of two backends that say which they are. */
async function host() {
  await using stack = new AsyncDisposableStack();
  const { name } = stack.use(testNetns("agent"));
  using routes = await RouteSocket.open({ netns: name });
  routes.setLink("lo", { up: true });
  routes.createLink({ kind: "bridge", name: "eth0", up: true });
  routes.addAddress("eth0", ip("192.0.2.1"), 24);
  routes.addRoute({
    destination: cidr("0.0.0.0/0"),
    gateway: ip("192.0.2.254"),
    link: routes.linkIndex("eth0"),
  });
  for (const address of ["10.1.0.1", "10.1.0.2"]) {
    routes.addAddress("eth0", ip(address), 32);
    const server = createServer((_, response) => void response.end(address));
    await new Promise<void>((resolve) => {
      server.listen({ fd: bindInNetns(name, ip(address), 8080) }, resolve);
    });
    stack.defer(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  const owned = stack.move();
  return { name, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Asks until the answer is `wanted`, for 10 seconds at most. */
async function until(ask: () => Promise<Outcome>, wanted: string): Promise<void> {
  let last: Outcome;
  const deadline = performance.now() + 10_000;
  do last = await ask();
  while (last.said !== wanted && performance.now() < deadline);
  assert.equal(last.said, wanted, last.error);
}

/** The table as nft lists it, without what packets change. */
function listing(netns: string): string {
  return nft(netns, "list table inet fairlead").replace(/counter packets \d+ bytes \d+/g, "counter");
}

/** What the last sync found and wrote. */
function synced(agent: Up): { kept: number; written: number } {
  const line = agent
    .stderr()
    .split("\n")
    .findLast((text) => text.includes("the data plane is in step"));
  return JSON.parse(line!) as { kept: number; written: number };
}

/** A host in a namespace and, elsewhere, an API server that runs. `stack` owns both, and the server's data. */
async function hostAndApi(
  stack: AsyncDisposableStack,
): Promise<{ readonly dataDir: string; readonly netns: string; readonly api: ApiServerProcess }> {
  const dataDir = await mkdtemp(join(tmpdir(), "fairlead-agent-"));
  stack.defer(() => rm(dataDir, { recursive: true }));
  const { name: netns } = stack.use(await host());
  const api = stack.use(new ApiServerProcess(dataDir));
  await api.start();
  return { dataDir, netns, api };
}

test(
  "traffic does not need the API server, and an agent that comes back writes nothing",
  { skip: needsNetns() },
  async () => {
    await using stack = new AsyncDisposableStack();
    const { dataDir, netns, api } = await hostAndApi(stack);
    const client = stack.use(createHttpClient(await loadKubeconfig({ path: api.kubeconfig })));
    await client.create(serviceKind, service);
    await client.create(endpointSliceKind, slice("10.1.0.1"));
    // Nothing but what the ClusterRole system:node-proxier allows.
    const kubeconfig = join(dataDir, "kube-proxy.conf");
    const admin = await readFile(api.kubeconfig, "utf8");
    await writeFile(kubeconfig, admin.replace(/^( +)user:$/m, "$1user:\n$1  as: system:kube-proxy"));
    assert.match(await readFile(kubeconfig, "utf8"), /as: system:kube-proxy/);
    const args = ["agent", "--kubeconfig", kubeconfig, "--netns", netns, "--node-name", NODE];
    const web = (): Promise<Outcome> => httpGet(netns, { host: VIP, port: 80 });
    const health = (): Promise<Outcome> => httpGet(netns, { host: "127.0.0.1", port: 10256 }, "/healthz");

    let agent = stack.use(await fairleadUntilReady([...args, "--dataplane", "nftables"]));
    await until(web, "10.1.0.1");
    assert.doesNotMatch(agent.stderr(), /forbidden|refuses/);
    const before = listing(netns);

    await api.end("SIGKILL");
    for (let i = 0; i < 20; i++) assert.equal((await web()).said, "10.1.0.1");
    assert.equal(listing(netns), before);
    assert.equal((await health()).error, undefined);

    await api.start();
    await client.update(endpointSliceKind, { ...slice("10.1.0.2") });
    await until(web, "10.1.0.2");
    assert.equal(synced(agent).kept, 0, "only the first start wrote the whole table");

    await agent.end("SIGKILL");
    const killed = listing(netns);
    assert.equal((await web()).said, "10.1.0.2");
    agent = stack.use(await fairleadUntilReady([...args, "--dataplane", "nftables"]));
    assert.equal(synced(agent).written, 0, agent.stderr());
    assert.equal(listing(netns), killed);

    // An API server that is away at the start: what is there stays as it is, and the agent waits for it.
    await agent.end("SIGTERM");
    await api.end("SIGKILL");
    const waiting = fairleadUntilReady([...args, "--dataplane", "nftables", "--cleanup"]);
    await until(async () => {
      const mode = await httpGet(netns, { host: "127.0.0.1", port: 10249 }, "/proxyMode");
      return mode;
    }, "nftables");
    assert.equal(listing(netns), killed);
    assert.equal((await web()).said, "10.1.0.2");
    await api.start();
    agent = stack.use(await waiting);
    assert.equal(synced(agent).written, 0, agent.stderr());
    const { code, stderr } = await agent.end("SIGTERM");
    assert.equal(code, 0, stderr);
    assert.throws(() => nft(netns, "list table inet fairlead"), /No such file or directory/);
  },
);

test(
  "an agent that is to clean up does so while the API server is away, its DNS too",
  { skip: needsNetns() },
  async () => {
    await using stack = new AsyncDisposableStack();
    const { netns, api } = await hostAndApi(stack);
    const args = [
      "agent",
      "--kubeconfig",
      api.kubeconfig,
      "--netns",
      netns,
      "--node-name",
      NODE,
      "--cleanup",
    ];
    const dns = ["--dns-ip", "10.96.0.10", "--dns-listen", "192.0.2.1"];
    const agent = stack.use(await fairleadUntilReady([...args, ...dns, "--dataplane", "nftables"]));
    await api.end("SIGKILL");
    const { code, stderr } = await agent.end("SIGTERM");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /cannot be reached.*the EndpointSlices of this node's DNS stay in the API/);
    assert.throws(() => nft(netns, "list table inet fairlead"), /No such file or directory/);
  },
);

test("kube-proxy's rules are found, of each mode and family", { skip: needsNetns() }, async () => {
  using netns = testNetns("proxy");
  assert.deepEqual(await findKubeProxyRules(netns.name), []);
  nft(netns.name, "add table ip kube-proxy");
  nft(netns.name, "add table ip6 nat; add chain ip6 nat KUBE-SERVICES; add chain ip6 nat KUBE-MARK-MASQ");
  nft(netns.name, "add table inet kube-proxy");
  assert.deepEqual(await findKubeProxyRules(netns.name), [
    "table ip kube-proxy",
    "chain KUBE-SERVICES of table ip6 nat",
  ]);
});

test("an agent that cannot run says why in one line", { skip: needsNetns() }, async () => {
  const cases: [string[], RegExp][] = [
    [["--kubeconfig", "/nonexistent"], /^fairlead: \/nonexistent cannot be read: .*: give a kubeconfig file/],
    [["--kubeconfig", "/dev/null", "--cluster-cidr", "x"], /^fairlead: --cluster-cidr "x" is not a range/],
    [["--kubeconfig", "/dev/null"], /^fairlead: \/dev\/null names no current-context/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runFairlead(["agent", ...args]);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});
