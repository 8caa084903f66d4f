/** Pods as processes in network namespaces: real traffic, a real kill -9, nothing left behind. Needs root. */
import assert from "node:assert/strict";
import { execFileSync, fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Pod, PodSpec } from "../src/api/pod/type.ts";
import { ip } from "../src/base/ip.ts";
import { FakePodApi } from "../src/containers/process/fake-pod-api.ts";
import { createProcessRuntime, type ProcessRuntime } from "../src/containers/process/runtime.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { listNetns } from "../src/sys/netns.ts";
import { processStartTime } from "../src/sys/process.ts";
import { readSysctl } from "../src/sys/sysctl.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";
import { until } from "./lab/eventually.ts";

const skip = needsNetns();
const DUAL = ["10.244.0.0/24", "fd00:10:244::/64"];

/** Answers each connection with the pod's name and the client's address. */
const SERVER = `require("net").createServer((socket) => {
  socket.on("error", () => {});
  socket.end(process.env.POD_NAME + " " + socket.remoteAddress.replace("::ffff:", ""));
}).listen(8080, "::")`;
const server: PodSpec = {
  nodeName: "node-a",
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: "server",
      command: [process.execPath, "-e", SERVER],
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    },
  ],
};
const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
const pidOf = (pod: Pod): number =>
  Number(/process:\/\/(\d+)-/.exec(pod.status!.containerStatuses![0]!.containerID!)![1]);
const podNetns = (): string[] => listNetns().filter((name) => name.startsWith("fairlead-pt-"));

/** A runtime for pods called pt-..., in a node namespace of its own. Disposed, it has ended and removed all of it. */
class NodeUnderTest implements AsyncDisposable {
  readonly api = new FakePodApi();
  readonly stateDir = mkdtempSync(join(tmpdir(), "fairlead-process-"));
  readonly #netns = testNetns("node");
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  get netns(): string {
    return this.#netns.name;
  }

  runtime(): ProcessRuntime {
    const { stateDir, netns } = this;
    const options = { nodeName: "node-a", stateDir, netns, podCidrs: DUAL, isolation: "netns" } as const;
    return createProcessRuntime(options)({ client: this.api });
  }

  async start(): Promise<this> {
    this.#abort = new AbortController();
    const { promise: synced, resolve } = Promise.withResolvers<void>();
    this.#running = this.runtime().run(this.#abort.signal, resolve);
    await Promise.race([synced, this.#running]);
    return this;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** What a client in `netns` hears from `address`. */
  async ask(netns: string, address: string): Promise<string> {
    const socket = await connectInNetns(netns, ip(address), 8080, AbortSignal.timeout(3000));
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.runtime().cleanup();
    this.#netns[Symbol.dispose]();
    rmSync(this.stateDir, { recursive: true });
  }
}

function netnsOf(pod: Pod): string {
  return `fairlead-${pod.metadata.name}-${pod.metadata.uid!.slice(0, 8)}`;
}

test(
  "pods talk to each other and to the node with their own addresses, IPv4 and IPv6, through the node",
  { skip },
  async () => {
    await using node = await new NodeUnderTest().start();
    node.api.add("pt-a", server);
    node.api.add("pt-b", server);
    const a = (await node.api.until("pt-a", isReady))!;
    const b = (await node.api.until("pt-b", isReady))!;
    assert.deepEqual(a.status!.podIPs, [{ ip: "10.244.0.2" }, { ip: "fd00:10:244::2" }]);
    assert.deepEqual(b.status!.podIPs, [{ ip: "10.244.0.3" }, { ip: "fd00:10:244::3" }]);
    assert.equal(a.status!.hostIP, "10.244.0.1");

    assert.equal(await node.ask(node.netns, "10.244.0.2"), "pt-a 10.244.0.1");
    assert.equal(await node.ask(node.netns, "fd00:10:244::3"), "pt-b fd00:10:244::1");
    assert.equal(await node.ask(netnsOf(a), "10.244.0.3"), "pt-b 10.244.0.2");
    assert.equal(await node.ask(netnsOf(b), "fd00:10:244::2"), "pt-a fd00:10:244::3");
    assert.equal(await node.ask(netnsOf(a), "10.244.0.2"), "pt-a 10.244.0.2", "a pod reaches itself");

    using inside = await RouteSocket.open({ netns: netnsOf(a) });
    const way = inside.routeTo(ip("10.244.0.3"));
    assert.deepEqual(
      way.gateway,
      ip("10.244.0.1"),
      "the way to another pod is by the node, not over the bridge",
    );
    const known = inside.neighbours(4).filter(({ link }) => link === inside.linkIndex("eth0"));
    const neighbours = known.map(({ address }) => address);
    assert.deepEqual(neighbours, [ip("10.244.0.1")], "a pod knows nobody but the node");

    using routes = await RouteSocket.open({ netns: node.netns });
    const ports = routes.links().filter(({ name }) => name.startsWith("flp"));
    assert.deepEqual(
      new Map(ports.map(({ alias, bridgePort }) => [alias, bridgePort?.hairpin])),
      new Map([
        [netnsOf(a), true],
        [netnsOf(b), true],
      ]),
    );
    assert.equal(readSysctl("net/ipv4/ip_forward", node.netns), "1");
    assert.equal(readSysctl("net/ipv4/conf/fairlead0/send_redirects", node.netns), "0");
    assert.equal(
      execFileSync("ip", ["netns", "pids", netnsOf(a)], { encoding: "utf8" }).trim(),
      String(pidOf(a)),
    );
  },
);

test(
  "a deleted pod leaves no process, namespace, interface or record, and its address can be had again",
  { skip },
  async () => {
    await using node = await new NodeUnderTest().start();
    // What the container starts in a session of its own is in the namespace all the same.
    const command = ["/bin/sh", "-c", "setsid sleep 63 & exec sleep 64"];
    node.api.add("pt-a", { ...server, containers: [{ name: "main", command }] });
    const a = (await node.api.until("pt-a", isReady))!;
    assert.deepEqual(podNetns(), [netnsOf(a)]);
    await until(() => pidsIn(netnsOf(a)).length === 2);
    const pids = pidsIn(netnsOf(a));
    node.api.remove("pt-a", 1);
    await node.api.until("pt-a", (pod) => pod === undefined);
    await until(() => readdirSync(join(node.stateDir, "pods")).length === 0);
    assert.deepEqual(podNetns(), []);
    await until(() => pids.every((pid) => processStartTime(pid) === undefined));
    using routes = await RouteSocket.open({ netns: node.netns });
    await until(() => linkNames(routes) === "lo fairlead0");
    assert.deepEqual(readdirSync(join(node.stateDir, "logs")), []);
  },
);

test("the gateway's hardware address stays the same as pods come and go", { skip }, async () => {
  await using node = await new NodeUnderTest().start();
  using routes = await RouteSocket.open({ netns: node.netns });
  const before = routes.link("fairlead0")!.address;
  for (const name of ["pt-a", "pt-b", "pt-c"]) {
    node.api.add(name, server);
    await node.api.until(name, isReady);
    assert.equal(routes.link("fairlead0")!.address, before, `with ${name}`);
  }
  node.api.remove("pt-a", 1);
  await node.api.until("pt-a", (pod) => pod === undefined);
  await until(() => routes.links().filter(({ name }) => name.startsWith("flp")).length === 2);
  assert.equal(routes.link("fairlead0")!.address, before, "without pt-a");
});

test(
  "a pod sees its own host name, hosts and resolver, and keeps no other pod's namespace alive",
  { skip },
  async () => {
    await using node = new NodeUnderTest();
    const dns = {
      metadata: { namespace: "kube-system", name: "kube-dns" },
      spec: { clusterIP: "10.96.0.10" },
    };
    node.api.others.set("Service kube-dns", dns);
    await node.start();
    const machine = [
      hostname(),
      readFileSync("/etc/hosts", "utf8"),
      readFileSync("/etc/resolv.conf", "utf8"),
    ];
    node.api.add("pt-a", { ...server, hostname: "db", subdomain: "sub" });
    node.api.add("pt-b", server);
    const a = (await node.api.until("pt-a", isReady))!;
    const b = (await node.api.until("pt-b", isReady))!;
    const inPod = (...command: string[]): string =>
      execFileSync("nsenter", ["-t", String(pidOf(a)), "--mount", "--uts", "--", ...command], {
        encoding: "utf8",
      });
    assert.equal(inPod("uname", "-n"), "db\n");
    const hosts = inPod("cat", "/etc/hosts");
    assert.match(hosts, /^10\.244\.0\.2\tdb\.sub\.default\.svc\.cluster\.local\tdb$/m);
    assert.match(hosts, /^fd00:10:244::2\tdb\.sub\.default\.svc\.cluster\.local\tdb$/m);
    const resolver = inPod("cat", "/etc/resolv.conf");
    assert.match(resolver, /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/m);
    assert.match(resolver, /^nameserver 10\.96\.0\.10$/m);
    assert.match(resolver, /^options ndots:5$/m);
    const now = [hostname(), readFileSync("/etc/hosts", "utf8"), readFileSync("/etc/resolv.conf", "utf8")];
    assert.deepEqual(now, machine);

    using routes = await RouteSocket.open({ netns: node.netns });
    const ports = (): number => routes.links().filter(({ name }) => name.startsWith("flp")).length;
    assert.equal(ports(), 2);
    node.api.add("pt-c", server);
    await node.api.until("pt-c", isReady);
    node.api.remove("pt-b", 1);
    await node.api.until("pt-b", (pod) => pod === undefined);
    assert.ok(!listNetns().includes(netnsOf(b)));
    await until(() => ports() === 2);
  },
);

test("a pod with hostNetwork is in the node's namespace and takes nothing of it away", { skip }, async () => {
  await using node = await new NodeUnderTest().start();
  node.api.add("pt-host", { ...server, hostNetwork: true });
  const host = (await node.api.until("pt-host", isReady))!;
  assert.equal(host.status!.podIP, "10.244.0.1");
  assert.equal(await node.ask(node.netns, "10.244.0.1"), "pt-host 10.244.0.1");
  await node.stop();
  await node.start();
  node.api.remove("pt-host", 1);
  await node.api.until("pt-host", (pod) => pod === undefined);
  assert.ok(listNetns().includes(node.netns));
});

test(
  "a pod's traffic goes on over a stop and a start, and what lost its pod meanwhile is taken away",
  { skip },
  async () => {
    await using node = await new NodeUnderTest().start();
    node.api.add("pt-a", server);
    node.api.add("pt-b", server);
    const a = (await node.api.until("pt-a", isReady))!;
    await node.api.until("pt-b", isReady);
    await node.stop();
    assert.equal(await node.ask(node.netns, "10.244.0.2"), "pt-a 10.244.0.1");
    node.api.remove("pt-b", 0);
    await node.start();
    assert.deepEqual(podNetns(), [netnsOf(a)]);
    assert.equal(await node.ask(node.netns, "10.244.0.2"), "pt-a 10.244.0.1");
    assert.equal(pidOf(node.api.pod("pt-a")!), pidOf(a));
    node.api.add("pt-c", server);
    await node.api.until("pt-c", isReady);
  },
);

test(
  "killed with -9 in the middle of starting pods, the next start leaves nothing behind",
  { skip },
  async () => {
    await using node = new NodeUnderTest();
    for (let round = 0; round < 6; round++) {
      const child = fork(new URL("./lab/process-runtime-child.ts", import.meta.url), [
        node.netns,
        node.stateDir,
      ]);
      await started(child);
      // Somewhere between the first namespace and the last process: each round a little later.
      await new Promise((resolve) => setTimeout(resolve, round * 12));
      child.kill("SIGKILL");
      await once(child, "exit");
      // Our API has never heard of its pods.
      await node.start();
      await node.stop();
      assert.deepEqual(podNetns(), [], `round ${round}`);
      assert.deepEqual(readdirSync(join(node.stateDir, "pods")), [], `round ${round}`);
      using routes = await RouteSocket.open({ netns: node.netns });
      await until(() => linkNames(routes) === "lo fairlead0");
    }
  },
);

async function started(child: ChildProcess): Promise<void> {
  await once(child, "message");
}

/** The kernel takes interfaces away some milliseconds after the namespace they were in. */
function linkNames(routes: RouteSocket): string {
  return routes
    .links()
    .map(({ name }) => name)
    .join(" ");
}

function pidsIn(netns: string): number[] {
  const text = execFileSync("ip", ["netns", "pids", netns], { encoding: "utf8" });
  return text.split("\n").filter(Boolean).map(Number);
}
