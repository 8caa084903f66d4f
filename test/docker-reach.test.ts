/** The rule in DOCKER-USER and the hairpin ports, on a real engine's own iptables and bridges. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { cidr, cidrContains, ip } from "../src/base/ip.ts";
import {
  bridgeNetfilter,
  bridgesOf,
  interfacesByAddress,
  masqueradeBridges,
} from "../src/containers/docker/bridges.ts";
import { assertDockerUser, removeDockerUser } from "../src/containers/docker/docker-user.ts";
import { engineAddress } from "../src/containers/docker/engine-address.ts";
import { openEngine } from "../src/containers/docker/engine.ts";
import { createDockerRuntime } from "../src/containers/docker/runtime.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { NODE, type TestApi, testApi } from "./lab/docker-mirror.ts";

const RANGE = "100.1.1.0/24";
const RULE =
  '-A DOCKER-USER -m conntrack --ctstate DNAT --ctorigdst 100.1.1.0/24 -m comment --comment "fairlead: connections to virtual addresses" -j ACCEPT';
const RETURN = "-A DOCKER-USER -j RETURN";

describe("the way through Docker's isolation", { skip: needsDocker() }, () => {
  let engine: DockerEngine;
  let api: TestApi;

  before(async () => {
    engine = await DockerEngine.start();
    api = await testApi();
  });

  after(async () => {
    await api?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  function iptables(...args: string[]): string {
    return callInNetns(engine.netns, () => execFileSync("iptables", ["-w", ...args], { encoding: "utf8" }));
  }
  const rules = (): string[] =>
    iptables("-S", "DOCKER-USER")
      .split("\n")
      .filter((line) => line.startsWith("-A"));

  /** Asks every few milliseconds: iptables tells nobody in a way that a test could wait for. */
  async function until(expected: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 5000;
    while (!expected()) {
      assert.ok(performance.now() < deadline, `${what}: ${rules().join("; ")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  test("the rule is put in front once, kept, moved to where it is reached, and taken away", async () => {
    const outside = { ports: [], addresses: [] };
    const options = { serviceRanges: [RANGE], netns: engine.netns, outside };
    assert.deepEqual(rules(), [RETURN]);
    assert.equal(await assertDockerUser(options), "written");
    assert.deepEqual(rules(), [RULE, RETURN]);
    assert.equal(await assertDockerUser(options), "kept");

    iptables("-I", "DOCKER-USER", "1", "-s", "192.0.2.66/32", "-j", "DROP");
    assert.equal(await assertDockerUser(options), "kept", "the user's own rules stay in front");

    iptables("-I", "DOCKER-USER", "1", "-j", "RETURN");
    assert.equal(await assertDockerUser(options), "written");
    assert.deepEqual(rules(), [RULE, RETURN, "-A DOCKER-USER -s 192.0.2.66/32 -j DROP", RETURN]);

    assert.equal(await assertDockerUser({ ...options, serviceRanges: ["100.1.2.0/24"] }), "written");
    assert.equal(rules().filter((rule) => rule.includes("fairlead")).length, 1);
    const none = { ...options, serviceRanges: [], formerRanges: ["100.1.2.0/24"] };
    assert.equal(await assertDockerUser(none), "written", "the last range of its family has gone");
    assert.equal(rules().filter((rule) => rule.includes("fairlead")).length, 0);
    await removeDockerUser(engine.netns);
    assert.deepEqual(rules(), [RETURN, "-A DOCKER-USER -s 192.0.2.66/32 -j DROP", RETURN]);
    iptables("-F", "DOCKER-USER");
    iptables("-A", "DOCKER-USER", "-j", "RETURN");
  });

  test("without the chain there is nothing to do", async () => {
    assert.equal(await assertDockerUser({ serviceRanges: ["fd00:96::/112"], netns: engine.netns }), "absent");
  });

  test("a runtime keeps it against a flush and an engine's restart, lets ports hairpin, and cleans up", async (t) => {
    writeSysctl("net/bridge/bridge-nf-call-iptables", 1, engine.netns);
    writeSysctl("net/bridge/bridge-nf-call-ip6tables", 0, engine.netns);
    const masqueraded: number[] = [];
    const told: { subnets: readonly string[]; gateways: readonly string[] }[] = [];
    const end = new AbortController();
    t.after(() => end.abort());
    const runtime = createDockerRuntime({
      nodeName: NODE,
      environment: { DOCKER_HOST: engine.dockerHost },
      serviceRanges: [RANGE],
      netns: engine.netns,
    })({
      client: api.client,
      onMasqueradeBridges: (pairs) => masqueraded.push(pairs.length),
      onNetworks: (networks) => told.push(networks),
    });
    const synced = Promise.withResolvers<void>();
    const done = runtime.run(end.signal, synced.resolve);
    await Promise.race([synced.promise, done]);
    assert.deepEqual(rules(), [RULE, RETURN], "when it is ready the rule is there");
    using client = openEngine(engineAddress({ DOCKER_HOST: engine.dockerHost }));
    const [docker0] = bridgesOf(await client.networks());
    assert.deepEqual(told[0]?.subnets, docker0!.subnets.toSorted());
    const [gateway] = told[0].gateways;
    assert.ok(cidrContains(cidr(docker0!.subnets[0]!), ip(gateway!)), "docker0's own address");
    assert.deepEqual(masqueraded, [1], "docker0, whose IPv6 is bridged past netfilter");

    iptables("-F", "DOCKER-USER");
    await until(() => rules().includes(RULE), "after a flush");
    runtime.setServiceRanges([RANGE, "100.1.2.0/24"]);
    await until(() => rules().includes(RULE.replace(RANGE, "100.1.2.0/24")), "of a range that was added");
    assert.ok(rules().includes(RULE));
    runtime.setServiceRanges([RANGE]);
    await until(() => rules().join() === RULE, "the range has gone");
    await engine.stopDaemon();
    iptables("-F");
    await engine.startDaemon();
    await until(() => rules()[0] === RULE, "after an engine's restart");

    await engine.createNetwork("net-a", "10.92.1.0/24", "10.92.1.254");
    await engine.run({ name: "one", network: "net-a" });
    using routes = await RouteSocket.open({ netns: engine.netns });
    const ports = () => routes.links().filter(({ bridgePort }) => bridgePort !== undefined);
    assert.equal(ports().length, 1);
    await until(() => ports()[0]?.bridgePort?.hairpin === true, "hairpin");
    await until(() => masqueraded.at(-1) === 2, "the new bridge is told of");
    assert.ok(told.at(-1)!.subnets.includes("10.92.1.0/24"));
    assert.deepEqual(
      [told.at(-1)!.gateways[0], told.at(-1)!.gateways.includes("10.92.1.254")],
      [gateway, true],
    );

    end.abort();
    await done;
    assert.equal(rules()[0], RULE, "stopping takes nothing away");
    await runtime.cleanup();
    assert.ok(!rules().includes(RULE));
    assert.equal(ports()[0]?.bridgePort?.hairpin, false);
  });

  test("the bridges of the engine's networks, and which need masquerading", async () => {
    using client = openEngine(engineAddress({ DOCKER_HOST: engine.dockerHost }));
    await engine.createNetwork(
      "named",
      "10.92.2.0/24",
      "10.92.2.254",
      "-o",
      "com.docker.network.bridge.name=fl-named",
    );
    const bridges = bridgesOf(await client.networks());
    using routes = await RouteSocket.open({ netns: engine.netns });
    const links = new Set(
      routes
        .links()
        .filter(({ kind }) => kind === "bridge")
        .map(({ name }) => name),
    );
    assert.deepEqual(bridgesOf(await client.networks(), interfacesByAddress(routes)), bridges);
    // Podman names them otherwise: found by the gateway's address.
    const unnamed = (await client.networks()).map((network) => ({ ...network, Id: "x", Options: {} }));
    assert.deepEqual(
      bridgesOf(unnamed, interfacesByAddress(routes)).map(({ name }) => name),
      bridges.map(({ name }) => name),
    );
    assert.deepEqual(new Set(bridges.map(({ name }) => name)), links);
    const named = bridges.find(({ network }) => network === "named");
    assert.deepEqual(named, {
      network: "named",
      name: "fl-named",
      subnets: ["10.92.2.0/24"],
      internal: false,
    });

    for (const value of [1, 0]) {
      writeSysctl("net/bridge/bridge-nf-call-iptables", value, engine.netns);
      writeSysctl("net/bridge/bridge-nf-call-ip6tables", value, engine.netns);
      const netfilter = bridgeNetfilter(engine.netns);
      assert.deepEqual(netfilter, { ipv4: value === 1, ipv6: value === 1 });
      assert.equal(masqueradeBridges(bridges, netfilter).length, value === 1 ? 0 : bridges.length);
    }
  });
});
