/**
 * Virtual addresses of a Network of both families, on a real Docker engine: TCP and UDP, from containers of its own, of other
 * networks and of another tenant, from the host and from the provider; and what becomes of a host that gets such an address.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ip } from "../src/base/ip.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { until } from "./lab/eventually.ts";
import { fairleadOnDocker } from "./lab/docker-fairlead.ts";
import type { Up } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";
import { ASK, type Outcome, TIME_OUT } from "./lab/requests.ts";

const VIP = { 4: "100.1.1.3", 6: "fd64:1::3" } as const;
const SUBNETS = {
  "default/srv": ["100.1.1.0/24", "fd64:1::/64"],
  "default/prov": ["10.1.1.0/24", "fd10:1::/64"],
  "blue/theirs": ["100.2.1.0/24", "fd64:2::/64"],
} as const;
/** Beside the address's port that is served: TCP 80 and UDP 53. */
const UNSERVED = 81;
const PORT = { TCP: 80, UDP: 53 } as const;
/** Refusals and answers that need no time-out come at once, on a machine with other work too. */
const AT_ONCE = 500;
/** What the way is given to be open everywhere: addresses of IPv6 are tested for duplicates for a second or two. */
const PATIENCE = 10_000;

type Protocol = keyof typeof PORT;
const KINDS = [
  [4, "TCP"],
  [4, "UDP"],
  [6, "TCP"],
  [6, "UDP"],
] as const;

describe("virtual addresses of both families on a Docker engine", { skip: needsDocker() }, () => {
  let engine: DockerEngine;
  let up: Up;
  let server: ChildProcess | undefined;
  /** Namespaces of the clients, by who they are. */
  const clients = new Map<string, string>();
  const directory = mkdtempSync(join(tmpdir(), "fltest-netreach6-"));
  const kubeconfig = join(directory, "kubeconfig");
  const kube = (input: object | undefined, ...args: string[]): Promise<string> =>
    kubectl(kubeconfig, args, {
      netns: engine.netns,
      ...(input === undefined ? {} : { input: JSON.stringify(input) }),
    });
  const create = (object: object): Promise<string> => kube(object, "create", "--validate=false", "-f", "-");

  before(async () => {
    engine = await DockerEngine.start();
    up = await fairleadOnDocker(engine, directory);
    await kube(undefined, "create", "namespace", "blue");
    for (const [key, [subnet, ipv6Subnet]] of Object.entries(SUBNETS)) {
      const [namespace = "", name = ""] = key.split("/");
      const metadata = { name, namespace };
      await create({
        apiVersion: "fairlead.dev/v1",
        kind: "Network",
        metadata,
        spec: { subnet, ipv6Subnet },
      });
      const ready = ["wait", "-n", namespace, "--for=condition=Ready", `network.fairlead.dev/${name}`];
      await kube(undefined, ...ready, "--timeout=20s");
    }
    const both = (n: number): string[] => ["--ipv6", "--subnet", `fd${n}:1::/64`];
    await engine.createNetwork("client", "11.1.1.0/24", "11.1.1.254", ...both(11));
    await engine.createNetwork("inner", "12.1.1.0/24", "12.1.1.254", "--internal", ...both(12));
    await engine.run({ name: "provider", network: "prov", labels: { tier: "web" } });
    for (const [who, on] of [
      ["a neighbour", "srv"],
      ["beside the provider", "prov"],
      ["another network", "client"],
      ["another tenant's", "theirs/blue"],
      ["an internal network", "inner"],
    ] as const) {
      const container = who.replaceAll(/\W+/g, "-");
      await engine.run({ name: container, network: on });
      clients.set(who, await engine.netnsOf(container));
    }
    const provider = await engine.netnsOf("provider");
    clients.set("the provider itself", provider);
    clients.set("the host", engine.netns);
    const netexec = join(import.meta.dirname, "lab/netexec.ts");
    server = callInNetns(provider, () =>
      spawn(process.execPath, [netexec], { env: { ...process.env, HOSTNAME: "provider" }, stdio: "ignore" }),
    );
    const ports = [
      { name: "web", port: PORT.TCP, targetPort: 8080, protocol: "TCP" },
      { name: "dns", port: PORT.UDP, targetPort: 8081, protocol: "UDP" },
    ];
    const annotations = { "fairlead.dev/network": "srv" };
    await create({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "app", namespace: "default", annotations },
      spec: { selector: { tier: "web" }, ipFamilyPolicy: "RequireDualStack", ports },
    });
  });

  after(async () => {
    if (server !== undefined) await stop(server);
    await up?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async function ask(
    netns: string,
    [version, protocol]: readonly [4 | 6, Protocol],
    what: string,
    port: number = PORT[protocol],
  ): Promise<Outcome & { readonly milliseconds: number }> {
    const began = performance.now();
    const outcome = await ASK[protocol](netns, { host: VIP[version], port }, what);
    return { ...outcome, milliseconds: performance.now() - began };
  }

  test("the Service has the lowest address of each family", async () => {
    const addresses = await kube(undefined, "get", "service", "app", "-o", "jsonpath={.spec.clusterIPs}");
    assert.deepEqual(JSON.parse(addresses), [VIP[4], VIP[6]]);
  });

  for (const filtering of [1, 0])
    test(`with bridge-nf-call at ${filtering} each of them is answered from everywhere, and sees who asks`, async () => {
      for (const tables of ["iptables", "ip6tables"])
        writeSysctl(`net/bridge/bridge-nf-call-${tables}`, filtering, engine.netns);
      // What fairlead does about that it does at its next look, which a container that starts wakes.
      await engine.run({ name: `waker-${filtering}`, network: "client" });
      for (const [who, netns] of clients)
        for (const kind of KINDS) {
          const what = `${who}, IPv${kind.join(" ")}`;
          const deadline = performance.now() + PATIENCE;
          let answer = await ask(netns, kind, "hostname");
          while (answer.error !== undefined && performance.now() < deadline)
            answer = await ask(netns, kind, "hostname");
          assert.equal(answer.error, undefined, what);
          assert.equal(answer.said, "provider", what);
          answer = await ask(netns, kind, "clientip");
          assert.ok(answer.milliseconds < AT_ONCE, `${what}: ${answer.milliseconds} ms`);
          const isOwn = !["the host", "the provider itself"].includes(who);
          // Without bridge-nf-call a provider would answer its neighbour past the translation: the host stands in between.
          const isHidden = filtering === 0 && who === "beside the provider";
          if (isOwn && !isHidden) {
            const container = who.replaceAll(/\W+/g, "-");
            const own = JSON.parse(
              await engine.docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container),
            ) as Record<string, { IPAddress: string; GlobalIPv6Address: string }>;
            const [{ IPAddress, GlobalIPv6Address }] = Object.values(own) as [(typeof own)[string]];
            const address = kind[0] === 4 ? `${IPAddress}:` : `[${GlobalIPv6Address}]:`;
            assert.ok(answer.said?.startsWith(address), `${what}: ${answer.said} is not ${address}`);
          }
        }
    });

  test("what is not served there is refused at once, from everywhere", async () => {
    for (const [who, netns] of clients)
      for (const kind of KINDS) {
        const { error, milliseconds } = await ask(netns, kind, "hostname", UNSERVED);
        // Linux tells a UDP sender on the host itself so of a packet that is rejected in its output hook.
        const isOutput = who === "the host" && kind[1] === "UDP";
        // ICMP refusals are subject to Linux's own limit: a few at once to one client.
        if (kind[1] === "UDP" && error === TIME_OUT) continue;
        assert.equal(error, isOutput ? "EPERM" : "ECONNREFUSED", `${who}, IPv${kind.join(" ")}`);
        assert.ok(milliseconds < AT_ONCE, `${who}: ${milliseconds} ms`);
      }
  });

  test("a host that gets such an address keeps its own ports, and the Service is told", async () => {
    const neighbour = clients.get("a neighbour")!;
    using routes = await RouteSocket.open({ netns: engine.netns });
    const ssh = callInNetns(engine.netns, () =>
      spawn(
        process.execPath,
        [join(import.meta.dirname, "lab/netexec.ts"), "--http-port=22", "--udp-port=-1"],
        { env: { ...process.env, HOSTNAME: "the host" }, stdio: "ignore" },
      ),
    );
    try {
      assert.equal((await ask(neighbour, [4, "TCP"], "hostname", 22)).error, "ECONNREFUSED");
      routes.addAddress("lo", ip(VIP[4]), 32);
      const deadline = performance.now() + PATIENCE;
      let answer = await ask(neighbour, [4, "TCP"], "hostname", 22);
      while (answer.error !== undefined && performance.now() < deadline)
        answer = await ask(neighbour, [4, "TCP"], "hostname", 22);
      assert.equal(answer.said, "the host", answer.error);
      assert.equal((await ask(neighbour, [4, "TCP"], "hostname")).said, "provider", "its own port is served");
      const reasons = "jsonpath={.items[*].reason}";
      const said = await kube(undefined, "events", "--for", "service/app", "-o", reasons);
      assert.match(said, /ClusterIPIsNodeAddress/);
      routes.deleteAddress("lo", ip(VIP[4]), 32);
      while ((answer = await ask(neighbour, [4, "TCP"], "hostname", 22)).error !== "ECONNREFUSED")
        assert.ok(performance.now() < deadline, JSON.stringify(answer));
      assert.equal((await ask(neighbour, [4, "TCP"], "hostname")).said, "provider");
      // The machine's addresses, those of Docker's bridges among them, are looked at every ten seconds.
      await until(
        async () =>
          /fairlead\.dev\/host-addresses: .*100\.1\.1\.1\b/.test(
            await kube(undefined, "get", "node", "n1", "-o", "yaml"),
          ),
        2 * PATIENCE,
        () => "the Node does not tell of the address of Docker's bridge",
      );
    } finally {
      await stop(ssh);
    }
  });
});
