/**
 * What Contiv checked of its services (netplugin test/systemtests/service_test.go, netmaster/objApi/objapi_test.go), under
 * its tests' names, with what those left out: UDP is sent and answered, and how clients are spread is counted.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerServer } from "./lab/container-server.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { fairleadUp, runNetctl, type Up } from "./lab/fairlead.ts";
import { Prober } from "./lab/prober.ts";
import { httpGet, type Outcome, udpAsk } from "./lab/requests.ts";

const LABELS = { key0: "value1", key1: "value2", key2: "value3", key3: "value4" };
/** As service_test.go has them. */
const PORTS = ["80:8080:TCP", "643:7070:UDP"];
const SELECTORS = Object.entries(LABELS).map(([key, value]) => `--selector=${key}=${value}`);
const NAMES = ["srv1-1", "srv1-2", "srv1-3", "srv1-4"];
const CLIENTS = Array.from({ length: 8 }, (_, index) => `client-${index + 1}`);

/** How long a change may take to be seen by those that ask, in milliseconds; the promise is a hundredth of it. */
const PATIENCE = 10_000;

interface Provider {
  readonly name: string;
  readonly server: ContainerServer;
}

interface ServiceInspection {
  readonly Oper: {
    readonly serviceVip: string;
    readonly numProviders: number;
    readonly providers: readonly { readonly containerName: string }[];
  };
}

describe("Contiv's system tests of services", { skip: needsDocker() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "fltest-contiv-system-"));
  const env: Record<string, string> = { KUBECONFIG: join(directory, "kubeconfig") };
  const clients: string[] = [];
  let providers: Provider[] = [];
  let engine: DockerEngine;
  let up: Up;

  const startFairlead = (): Promise<Up> =>
    fairleadUp(["--containers", "docker", "--data-dir", directory], { netns: engine.netns, env });

  before(async () => {
    engine = await DockerEngine.start();
    env["DOCKER_HOST"] = engine.dockerHost;
    up = await startFairlead();
    await netctl("net create client-net -s 11.1.1.0/24 -g 11.1.1.254");
    const start = async (name: string): Promise<string> => {
      await engine.run({ name, network: "client-net", command: ["sleep", "1000000"] });
      return engine.netnsOf(name);
    };
    clients.push(...(await Promise.all(CLIENTS.map(start))));
  });

  after(async () => {
    await Promise.all(providers.map(({ server }) => server[Symbol.asyncDispose]()));
    await up?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What it printed; throws with what it said if it fails. */
  async function netctl(line: string, ...more: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runNetctl([...line.split(" "), ...more], {
      netns: engine.netns,
      env,
    });
    assert.equal(code, 0, `netctl ${line}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Its words, where it must be refused: exit code 3, as Contiv's netctl has for what the server refuses. */
  async function refused(line: string, ...more: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runNetctl([...line.split(" "), ...more], {
      netns: engine.netns,
      env,
    });
    assert.equal(code, 3, `netctl ${line}: ${stdout}${stderr}`);
    return stderr;
  }

  const inspect = async (service: string): Promise<ServiceInspection> =>
    JSON.parse(await netctl(`service inspect ${service}`)) as ServiceInspection;

  const createService = (name: string, ...more: string[]): Promise<string> =>
    netctl(
      `service create ${name} -s svc-net`,
      ...SELECTORS,
      ...PORTS.flatMap((port) => ["--port", port]),
      ...more,
    );

  async function startProvider(name: string): Promise<void> {
    await engine.run({ name, network: "private", labels: LABELS, command: ["sleep", "1000000"] });
    const netns = await engine.netnsOf(name);
    providers.push({ name, server: await ContainerServer.open({ netns, name, tcp: 8080, udp: 7070 }) });
  }

  async function removeProviders(names: readonly string[]): Promise<void> {
    await engine.docker("rm", "-f", ...names);
    const gone = providers.filter(({ name }) => names.includes(name));
    providers = providers.filter(({ name }) => !names.includes(name));
    await Promise.all(gone.map(({ server }) => server[Symbol.asyncDispose]()));
  }

  /** Until the service has exactly these providers, as netctl says. */
  async function untilProviders(service: string, names: readonly string[]): Promise<string> {
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const { Oper: oper } = await inspect(service);
      const found = oper.providers.map(({ containerName }) => containerName).sort();
      if (found.join() === names.toSorted().join()) {
        assert.equal(oper.numProviders, names.length);
        return oper.serviceVip;
      }
      assert.ok(performance.now() < deadline, `${service} has ${found.join()}, not ${names.join()}`);
    }
  }

  /** Each client asks each port once, TCP and UDP; who answered whom: a row for each client, [TCP, UDP]. */
  async function askAll(vip: string): Promise<[Outcome, Outcome][]> {
    const ask = async (netns: string): Promise<[Outcome, Outcome]> => [
      await httpGet(netns, { host: vip, port: 80 }),
      await udpAsk(netns, { host: vip, port: 643 }),
    ];
    return Promise.all(clients.map(ask));
  }

  /** Every client container reaches every port, is answered by a provider, and by the same one on both ports. */
  async function check(vip: string, names: readonly string[]): Promise<Map<string, number>> {
    const counts = new Map(names.map((name) => [name, 0]));
    for (const [index, [tcp, udp]] of (await askAll(vip)).entries()) {
      assert.equal(tcp.error, undefined, `${CLIENTS[index]}: TCP`);
      assert.equal(udp.error, undefined, `${CLIENTS[index]}: UDP`);
      assert.ok(names.includes(tcp.said!), `${tcp.said} answered, and is none of ${names.join()}`);
      assert.equal(udp.said, tcp.said, `${CLIENTS[index]}: a client has one provider`);
      counts.set(tcp.said!, counts.get(tcp.said!)! + 1);
    }
    return counts;
  }

  /** Nobody answers, on any port, and who asks is told at once. */
  async function checkRefused(vip: string): Promise<void> {
    const started = performance.now();
    for (const [tcp, udp] of await askAll(vip)) {
      assert.equal(tcp.error, "ECONNREFUSED");
      assert.equal(udp.error, "ECONNREFUSED");
    }
    assert.ok(performance.now() - started < 1000, "refused, but late");
  }

  /** A free address of a Network is nobody's: no connection, whichever way it fails. */
  async function checkNobody(vip: string): Promise<void> {
    const target = { host: vip, port: 80 };
    const answers = await Promise.all(clients.map((netns) => httpGet(netns, target, "/hostname", 300)));
    assert.ok(answers.every(({ error }) => error !== undefined));
  }

  const evenly = (names: readonly string[], each: number): Map<string, number> =>
    new Map(names.map((name) => [name, each]));

  async function createNetworks(encap: string): Promise<void> {
    await netctl(`net create private -s 10.1.1.0/24 -g 10.1.1.254 -e ${encap} -p 1001`);
    await netctl(`net create svc-net -s 100.1.1.0/24 -e ${encap} -p 1002`);
    const { Config } = JSON.parse(await netctl("net inspect private")) as { Config: Record<string, unknown> };
    assert.equal(Config["encap"], encap);
    assert.equal(Config["pktTag"], 1001);
  }

  async function deleteNetworks(): Promise<void> {
    await netctl("net rm private");
    await netctl("net rm svc-net");
  }

  // What is done again and again is with the one or the other: an encapsulation is kept and told, and changes nothing here.
  for (const [encap, rounds] of [
    ["vlan", 2],
    ["vxlan", 1],
  ] as const)
    describe(`encapsulation ${encap}`, () => {
      before(() => createNetworks(encap));
      after(deleteNetworks);

      test("TestServiceAddDeleteService", async () => {
        await Promise.all(NAMES.map(startProvider));
        const vips = new Set<string>();
        for (let round = 0; round < rounds; round++) {
          await createService("svc1");
          await createService("svc2");
          for (const service of ["svc1", "svc2"]) {
            const vip = await untilProviders(service, NAMES);
            vips.add(vip);
            assert.deepEqual(await check(vip, NAMES), evenly(NAMES, 2), "8 clients on 4 providers");
          }
          for (const service of ["svc1", "svc2"]) await netctl(`service rm ${service}`);
          for (const vip of vips) await checkNobody(vip);
        }
        assert.equal(vips.size, 2, "the addresses of deleted services are given out again");
        await removeProviders(NAMES);
      });

      test("TestServiceAddDeleteProviders", async () => {
        await createService("svc1");
        await Promise.all(NAMES.map(startProvider));
        const vip = await untilProviders("svc1", NAMES);
        assert.deepEqual(await check(vip, NAMES), evenly(NAMES, 2));
        for (let round = 0; round < rounds; round++) {
          const half = NAMES.slice(0, 2);
          const rest = NAMES.slice(2);
          await removeProviders(half);
          assert.equal(await untilProviders("svc1", rest), vip);
          assert.deepEqual(await check(vip, rest), evenly(rest, 4), "8 clients on the 2 that are left");
          await Promise.all(half.map(startProvider));
          assert.equal(await untilProviders("svc1", NAMES), vip);
          // Whoever has a provider keeps it; those that come back have no client yet.
          assert.deepEqual(await check(vip, NAMES), new Map([...evenly(half, 0), ...evenly(rest, 4)]));
        }
        await removeProviders(NAMES);
        await untilProviders("svc1", []);
        await checkRefused(vip);
        await netctl("service rm svc1");
      });
    });

  describe("restarts", () => {
    let vip: string;
    before(async () => {
      await createNetworks("vxlan");
      await createService("svc1");
      await Promise.all(NAMES.map(startProvider));
      vip = await untilProviders("svc1", NAMES);
    });
    after(async () => {
      await netctl("service rm svc1");
      if (providers.length > 0) await removeProviders(providers.map(({ name }) => name));
      await deleteNetworks();
    });

    test("TestServiceTriggerNetmasterSwitchover: killed under traffic, none of which fails, and started again", async () => {
      const before = await check(vip, NAMES);
      await using load = new Prober(clients[0]!);
      await load.startLoad({ host: vip, port: 80, path: "/hostname" }, 100);
      await up.end("SIGKILL");
      assert.deepEqual(
        await check(vip, NAMES),
        before,
        "while it is down, each client with the provider it had",
      );
      up = await startFairlead();
      assert.deepEqual(await check(vip, NAMES), before, "when it is up again");
      const answers = await load.stopLoad();
      assert.deepEqual(
        answers.filter(({ error }) => error !== undefined),
        [],
      );
      assert.ok(answers.length > 50, `${answers.length} requests`);
      assert.equal(await untilProviders("svc1", NAMES), vip);
    });

    test("TestServiceTriggerNetpluginRestart: providers that come and go while the node is down count when it is up", async () => {
      await up.end("SIGTERM");
      await check(vip, NAMES);
      await removeProviders(["srv1-1"]);
      await startProvider("srv1-5");
      up = await startFairlead();
      const now = ["srv1-2", "srv1-3", "srv1-4", "srv1-5"];
      assert.equal(await untilProviders("svc1", now), vip);
      assert.deepEqual(await check(vip, now), evenly(now, 2), "the two clients of srv1-1 go to srv1-5");
    });
  });

  describe("netmaster's own tests of objects", () => {
    before(() => createNetworks("vxlan"));
    after(deleteNetworks);

    test("TestServiceProviderUpdate: four started at once, four that die at once", async () => {
      await createService("svc1");
      await Promise.all(NAMES.map(startProvider));
      const vip = await untilProviders("svc1", NAMES);
      assert.deepEqual(await check(vip, NAMES), evenly(NAMES, 2));
      await Promise.all(NAMES.map((name) => engine.docker("kill", name)));
      await untilProviders("svc1", []);
      await checkRefused(vip);
      await removeProviders(NAMES);
      await netctl("service rm svc1");
    });

    test("TestServiceProviderUpdateServiceAdd: containers first, the service second", async () => {
      await Promise.all(NAMES.map(startProvider));
      await createService("svc1");
      const vip = await untilProviders("svc1", NAMES);
      assert.deepEqual(await check(vip, NAMES), evenly(NAMES, 2));
      await netctl("service rm svc1");
    });

    test("per connection, not per client, where the service says so", async () => {
      await createService("svc1", "--balance", "random");
      const vip = await untilProviders("svc1", NAMES);
      await using client = new Prober(clients[0]!);
      const answers = await client.burst({ host: vip, port: 80, path: "/hostname" }, 400);
      // Five standard deviations of a binomial around 100.
      for (const name of NAMES) {
        const share = answers.filter(({ said }) => said === name).length;
        assert.ok(Math.abs(share - 100) < 44, `${name} has ${share} of 400 connections`);
      }
      const heard = new Set<string>();
      for (let n = 0; n < 60; n++)
        heard.add((await udpAsk(clients[0]!, { host: vip, port: 643 })).said ?? "nobody");
      assert.deepEqual([...heard].sort(), NAMES);
      await netctl("service rm svc1");
      await removeProviders(NAMES);
    });

    test("TestServicePreferredIP", async () => {
      await createService("svc1", "--preferred-ip", "100.1.1.77");
      assert.equal((await inspect("svc1")).Oper.serviceVip, "100.1.1.77");
      assert.match(
        await refused("service create svc2 -s svc-net", ...SELECTORS, "-p", "80:80:TCP", "-ip", "100.1.1.77"),
        /100\.1\.1\.77/,
      );
      assert.match(
        await refused("service create svc2 -s svc-net", ...SELECTORS, "-p", "80:80:TCP", "-ip", "100.1.2.5"),
        /100\.1\.2\.5/,
      );
      assert.equal(await netctl("service ls -q"), "svc1\n", "what is refused leaves nothing");
      await netctl("service rm svc1");
      await createService("svc2", "--ip", "100.1.1.77");
      await netctl("service rm svc2");
    });

    test("TestOverlappingSubnets", async () => {
      await netctl("tenant create blue");
      // Contiv let tenants overlap; here a host has both networks, and no address twice.
      for (const tenant of ["default", "blue"])
        for (const subnet of ["10.1.1.0/24", "10.1.0.0/16", "10.1.1.128/25"])
          assert.match(await refused(`net create over -t ${tenant} -s ${subnet}`), /private|10\.1\.1\.0\/24/);
      assert.equal(await netctl("net ls -t blue -q"), "");
      await netctl("net create over -t blue -s 10.2.1.0/24");
      await netctl("net rm over -t blue");
      await netctl("tenant rm blue");
    });

    test("TestNetworkAddDelete", async () => {
      for (const encap of ["vlan", "vxlan"]) {
        await netctl(`net create contiv -e ${encap} -s 10.3.1.0/24 -g 10.3.1.254`);
        assert.equal(
          await engine.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "contiv"),
          "10.3.1.0/24",
        );
        assert.match(
          await refused(`net create contiv -e ${encap} -s 10.4.1.0/24`),
          /Cant change network parameters after its created/,
        );
        await netctl("net rm contiv");
        assert.equal(await engine.docker("network", "ls", "-q", "--filter", "name=^contiv$"), "");
      }
      await netctl("net create contiv6 -s 10.3.1.0/24 -s6 2016:430::/100 -g6 2016:430::254");
      assert.match(
        await engine.docker("network", "inspect", "-f", "{{json .IPAM.Config}}", "contiv6"),
        /2016:430::\/100/,
      );
      await netctl("net rm contiv6");
      assert.match(await refused("net rm contiv6"), /contiv6/);
    });

    test("TestTenantDelete", async () => {
      await netctl("tenant create green");
      await netctl("net create green-net -t green -s 10.5.1.0/24");
      assert.match(await refused("tenant rm green"), /cannot delete green has 1 networks/);
      await netctl("net rm green-net -t green");
      await netctl("tenant rm green");
      assert.equal(await netctl("tenant ls -q"), "default\n");
    });
  });
});
