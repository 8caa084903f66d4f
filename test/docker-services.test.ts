/**
 * What a Service says beyond its cluster IP, with containers of a real Docker engine as endpoints and clients: names,
 * node ports, addresses from outside, policies and weights, through Docker's own rules.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cidr, ip } from "../src/base/ip.ts";
import { address } from "../src/dns/fake-resolver.ts";
import { Flag } from "../src/net/dns/constants.ts";
import { MessageWriter } from "../src/net/dns/message-writer.ts";
import { lowerName } from "../src/net/dns/name.ts";
import { Query } from "../src/net/dns/query.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { fairleadOnDocker } from "./lab/docker-fairlead.ts";
import type { Up } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";
import { testNetns, type TestNetns } from "./lab/netns.ts";
import { httpGet, TIME_OUT } from "./lab/requests.ts";
import { until } from "./lab/eventually.ts";

const DNS = [
  "--dns=10.96.0.10",
  "--dns-search=default.svc.cluster.local",
  "--dns-search=svc.cluster.local",
  "--dns-search=cluster.local",
  "--dns-option=ndots:5",
];
const NODE = "192.0.2.1";
const OUTSIDE = "192.0.2.9";
/** Routed to the node by who is outside. */
const EXTERNAL = "198.51.100.7";
const LOAD_BALANCER = "198.51.100.8";
const NODE_PORT = 30080;
const LOCAL_NODE_PORT = 30081;

const METADATA = { apiVersion: "v1", kind: "Service" };
const PORT = { name: "http", port: 80, targetPort: 80, protocol: "TCP" };
const SELECTOR = { app: "web" };
const SERVICES = [
  {
    ...METADATA,
    metadata: { name: "web" },
    spec: {
      type: "LoadBalancer",
      selector: SELECTOR,
      externalIPs: [EXTERNAL],
      ports: [{ ...PORT, nodePort: NODE_PORT }],
    },
  },
  {
    ...METADATA,
    metadata: { name: "local" },
    spec: {
      type: "NodePort",
      selector: SELECTOR,
      externalTrafficPolicy: "Local",
      sessionAffinity: "ClientIP",
      ports: [{ ...PORT, nodePort: LOCAL_NODE_PORT }],
    },
  },
  { ...METADATA, metadata: { name: "each" }, spec: { clusterIP: "None", selector: SELECTOR, ports: [PORT] } },
];

describe("Services whose endpoints are Docker's containers", { skip: needsDocker() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "fltest-docker-services-"));
  const kubeconfig = join(directory, "kubeconfig");
  const stack = new DisposableStack();
  let engine: DockerEngine;
  let outside: TestNetns;
  let up: Up;
  const addresses = new Map<string, string>();

  const kube = (...args: string[]): Promise<string> => kubectl(kubeconfig, args, { netns: engine.netns });
  /** "web-1 172.17.0.3": who answered, and the client that it saw; or what went wrong. */
  async function ask(netns: string, host: string, port: number): Promise<string> {
    const { said, error } = await httpGet(netns, { host, port }, "/cgi-bin/who", 1500);
    return error ?? said!.trim();
  }
  /** busybox asks for the name in all of the search list, and ends with 1 because it is not in all of it. */
  const lookUp = (container: string, ...words: string[]): Promise<string> =>
    engine
      .docker("exec", container, "/bin/busybox", "nslookup", ...words)
      .catch((error: { stdout: string }) => error.stdout);

  const startFairlead = (): Promise<Up> =>
    fairleadOnDocker(engine, directory, { "--dns-upstream": "127.0.0.1:5300" });

  async function runContainer(
    name: string,
    network: string,
    labels: Record<string, string> = {},
  ): Promise<void> {
    await engine.run({ name, network, labels, options: ["--hostname", name, ...DNS] });
    addresses.set(name, await engine.address(name, network));
  }

  before(async () => {
    engine = await DockerEngine.start();
    outside = stack.use(testNetns("outside"));
    using routes = await RouteSocket.open({ netns: engine.netns });
    routes.createVeth({ name: "eth0", up: true }, { name: "eth0" }, outside.name);
    routes.addAddress("eth0", ip(NODE), 24);
    using theirs = await RouteSocket.open({ netns: outside.name });
    theirs.setLink("eth0", { up: true });
    theirs.addAddress("eth0", ip(OUTSIDE), 24);
    theirs.addRoute({ destination: cidr("198.51.100.0/24"), gateway: ip(NODE) });
    stack.use(hostResolver(engine.netns));
    await engine.createNetwork("net-a", "10.92.1.0/24", "10.92.1.254");
    await engine.createNetwork("net-b", "10.92.2.0/24", "10.92.2.254");
    up = await startFairlead();
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: SERVICES });
    await kubectl(kubeconfig, ["create", "--validate=false", "-f", "-"], {
      netns: engine.netns,
      input: list,
    });
    const status = { status: { loadBalancer: { ingress: [{ ip: LOAD_BALANCER }] } } };
    await kube(
      "patch",
      "service",
      "web",
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify(status),
    );
    await runContainer("web-1", "net-a", { app: "web" });
    await runContainer("web-2", "net-a", { app: "web", "fairlead.dev/weight": "9" });
    await runContainer("beside", "net-a");
    await runContainer("apart", "net-b");
    await runContainer("default", "bridge");
    await engine.createNetwork("later", "10.92.3.0/24", "10.92.3.254");
    await runContainer("newcomer", "later");
  });

  after(async () => {
    await up?.[Symbol.asyncDispose]();
    stack.dispose();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test("names: of Services, of endpoints and of the outside, on Docker's own network and through its resolver", async () => {
    const first = (text: string): string[] =>
      [...text.matchAll(/^Address: (\S+)$/gm)].map(([, found]) => found!);
    const clusterIP = await kube("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
    const endpoints = ["web-1", "web-2"].map((name) => addresses.get(name)!);
    // On networks of one's own Docker's resolver, 127.0.0.11, asks the address that --dns says from inside the container.
    for (const [client, server] of [
      ["default", "10.96.0.10"],
      ["apart", "127.0.0.11"],
      ["newcomer", "127.0.0.11"],
    ] as const) {
      const web = await lookUp(client, "web");
      assert.match(web, new RegExp(`^Server:\\s+${server}$`, "m"), client);
      assert.deepEqual(first(web), [clusterIP], client);
      assert.deepEqual(first(await lookUp(client, "each")).sort(), endpoints.toSorted(), client);
      const srv = await lookUp(client, "-type=srv", "_http._tcp.each.default.svc.cluster.local");
      for (const endpoint of endpoints)
        assert.ok(srv.includes(` 80 ${endpoint.replaceAll(".", "-")}.each.default.svc.cluster.local`), srv);
      assert.deepEqual(first(await lookUp(client, "outside.example")), ["203.0.113.80"], client);
    }
  });

  test("node ports, external IPs and load balancers' addresses from everywhere, and the client's own address", async () => {
    const outward: [string, number][] = [
      [NODE, NODE_PORT],
      [EXTERNAL, 80],
      [LOAD_BALANCER, 80],
    ];
    const namespaces = new Map([[OUTSIDE, outside.name]]);
    for (const name of ["beside", "apart", "default", "newcomer"])
      namespaces.set(addresses.get(name)!, await engine.netnsOf(name));
    for (const [client, netns] of namespaces)
      for (const [host, port] of outward) {
        const said = await untilAnswered(() => ask(netns, host, port));
        assert.match(said, new RegExp(`^web-[12] ${client}$`), `${client} to ${host}:${port}`);
      }
    for (const host of [NODE, "127.0.0.1", "172.17.0.1"])
      assert.match(await ask(engine.netns, host, NODE_PORT), /^web-[12] /, `the node at ${host}`);
  });

  test("the label fairlead.dev/weight, and a container that reaches itself by a node port", async () => {
    const netns = await engine.netnsOf("web-1");
    const answers: string[] = [];
    for (let round = 0; round < 20; round++)
      answers.push(...(await Promise.all(Array.from({ length: 10 }, () => ask(netns, NODE, NODE_PORT)))));
    const own = answers.filter((said) => said.startsWith("web-1 "));
    // One in ten of 200: 20, with five standard deviations (4.2) on both sides, but at least one.
    assert.ok(own.length >= 1 && own.length <= 41, `${own.length} of 200 at web-1`);
    assert.deepEqual(new Set(own), new Set(["web-1 10.92.1.254"]), "itself sees the node");
    const others = answers.filter((said) => !said.startsWith("web-1 "));
    assert.deepEqual(new Set(others), new Set([`web-2 ${addresses.get("web-1")}`]));
  });

  test("externalTrafficPolicy Local and session affinity for a client from outside", async () => {
    const answers = new Set<string>();
    for (let i = 0; i < 20; i++) answers.add(await ask(outside.name, NODE, LOCAL_NODE_PORT));
    assert.equal(answers.size, 1, [...answers].join());
    assert.match([...answers][0]!, new RegExp(`^web-[12] ${OUTSIDE}$`));
  });

  test("what is no Service's stays apart, and a restart closes no way", async () => {
    const apart = await engine.netnsOf("apart");
    assert.equal(await ask(apart, addresses.get("web-1")!, 80), TIME_OUT);
    const before = rules();
    await up.end("SIGTERM");
    assert.deepEqual(rules(), before);
    assert.match(await ask(outside.name, NODE, NODE_PORT), /^web-/);
    const stopped = new AbortController();
    const seen = new Set<string>();
    const watching = (async () => {
      while (!stopped.signal.aborted) {
        seen.add(await ask(outside.name, NODE, NODE_PORT));
        seen.add(rules().join("\n"));
      }
    })();
    up = await startFairlead();
    stopped.abort();
    await watching;
    const said = [...seen].filter((one) => !/^web-[12] /.test(one));
    assert.deepEqual(said, [before.join("\n")]);

    await kube("delete", "service", "local");
    await until(
      () => !rules().some((rule) => rule.includes("30081") || rule.includes("30080:")),
      10_000,
      () => rules().join("\n"),
    );
    assert.match(await ask(outside.name, NODE, NODE_PORT), /^web-/, "the other one's port is as it was");
  });

  test("Docker from 28 on, which drops what comes to a container from another bridge, answers too", async () => {
    const links = callInNetns(engine.netns, () =>
      execFileSync("ip", ["-br", "-4", "addr"], { encoding: "utf8" }),
    );
    for (const [name, gateway] of [
      ["web-1", "10.92.1.254"],
      ["web-2", "10.92.1.254"],
      ["apart", "10.92.2.254"],
    ] as const) {
      const bridge = links
        .split("\n")
        .find((line) => line.includes(` ${gateway}/`))!
        .split(" ")[0]!;
      const rule = ["-d", addresses.get(name)!, "!", "-i", bridge, "-j", "DROP"];
      callInNetns(engine.netns, () =>
        execFileSync("iptables", ["-w", "-t", "raw", "-A", "PREROUTING", ...rule]),
      );
    }
    const netns = await engine.netnsOf("apart");
    const cluster = await kube("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
    assert.equal(
      await ask(netns, cluster, 80),
      TIME_OUT,
      "not known yet: Docker adds these with a container",
    );
    await runContainer("one-more", "net-b");
    for (const [host, port] of [
      [cluster, 80],
      [NODE, NODE_PORT],
    ] as const)
      assert.match(await untilAnswered(() => ask(netns, host, port)), /^web-[12] 10\.92\.1\.254$/, host);
    assert.match(
      await ask(outside.name, NODE, NODE_PORT),
      new RegExp(` ${OUTSIDE}$`),
      "outside keeps its address",
    );
  });

  const rules = (): string[] =>
    callInNetns(engine.netns, () =>
      execFileSync("iptables", ["-w", "-S", "DOCKER-USER"], { encoding: "utf8" }),
    )
      .split("\n")
      .filter((line) => line.includes("fairlead"))
      .sort();

  /** The rules follow a Service within a tenth of a second, which nobody outside is told of. */
  async function untilAnswered(request: () => Promise<string>): Promise<string> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const said = await request();
      if (said !== TIME_OUT && said !== "ECONNREFUSED") return said;
      if (performance.now() > deadline) return said;
    }
  }
});

/** The resolver of the host: it knows every name, as 203.0.113.80. */
function hostResolver(netns: string): Disposable {
  // A look-up that answers at once makes node:dgram bind inside the call.
  const lookup = ((host: string, _: unknown, done: (error: null, address: string, family: number) => void) =>
    done(null, host, 4)) as never;
  const socket = callInNetns(netns, () =>
    createSocket({ type: "udp4", lookup }).bind({ port: 5300, address: "127.0.0.1", exclusive: true }),
  );
  socket.on("message", (message, from) => {
    const query = new Query();
    query.parse(message, message.length);
    const writer = new MessageWriter().begin(message.readUInt16BE(0), Flag.QR);
    writer.question(lowerName(query.key), query.type);
    if (query.type === 1) writer.record("answer", address("outside.example", 60, "203.0.113.80"));
    const bytes = writer.take();
    message.copy(bytes, 12, 12, query.questionEnd);
    socket.send(bytes, from.port, from.address);
  });
  return { [Symbol.dispose]: () => void socket.close() };
}
