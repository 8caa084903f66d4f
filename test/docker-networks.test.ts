/**
 * Networks (fairlead.dev/v1) on a real Docker engine: made and removed with the object, found again after restarts of
 * either side, and whose container it is that is on one. Prints how long making and removing take beside Docker's own.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { ApiError } from "../src/api/api-error.ts";
import { namespaceKind } from "../src/api/namespace/kind.ts";
import { networkKind } from "../src/api/network/kind.ts";
import { ENGINE_FINALIZER, type Network, type NetworkSpec } from "../src/api/network/type.ts";
import { podKind } from "../src/api/pod/kind.ts";
import type { Pod } from "../src/api/pod/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import { cidr, cidrContains, ip } from "../src/base/ip.ts";
import { type Informer, startInformer } from "../src/client/informer.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { type RunningMirror, startMirror, type TestApi, testApi } from "./lab/docker-mirror.ts";
import { fairleadOnDocker } from "./lab/docker-fairlead.ts";
import type { Up } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";
import { readyOf } from "./lab/pod-watch.ts";

const DEADLINE = 20_000;
const running = (pod: Pod | undefined): boolean =>
  pod?.status?.podIP !== undefined && readyOf(pod) === "True";
const ended = (pod: Pod | undefined): boolean =>
  pod?.status?.phase === "Succeeded" || pod?.status?.phase === "Failed";

/** "True EngineNetworkReady contiv-net" */
function stateOf(network: Network | undefined): string | undefined {
  const condition = network?.status?.conditions?.find(({ type }) => type === "Ready");
  if (condition === undefined) return undefined;
  return [condition.status, condition.reason, network?.status?.dockerNetwork?.name].filter(Boolean).join(" ");
}

const isReady = (network: Network | undefined): boolean => stateOf(network)?.startsWith("True ") === true;
const isGone = (network: Network | undefined): boolean => network === undefined;
const is =
  (state: string) =>
  (network: Network | undefined): boolean =>
    stateOf(network) === state;

function median(times: readonly number[]): string {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!.toFixed(0);
}

describe("Networks on a Docker engine", { skip: needsDocker() }, () => {
  let engine: DockerEngine;
  let api: TestApi;
  let mirror: RunningMirror;
  let networks: Informer<Network>;
  const end = new AbortController();
  const looks = new Set<() => void>();

  const start = async (): Promise<void> => {
    mirror = await startMirror(engine, api.client, { networks: true });
  };
  /** As soon as the Network is as `expected`. */
  function until(
    key: string,
    expected: (network: Network | undefined) => boolean,
  ): Promise<Network | undefined> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const network = networks.getByKey(key);
        if (!expected(network)) return;
        clearTimeout(timer);
        looks.delete(look);
        resolve(network);
      };
      const timer = setTimeout(() => {
        looks.delete(look);
        reject(
          new Error(`the Network ${key} is not as expected, but ${JSON.stringify(networks.getByKey(key))}`),
        );
      }, DEADLINE);
      looks.add(look);
      look();
    });
  }
  async function create(key: string, spec: NetworkSpec): Promise<void> {
    const [namespace, name] = key.split("/") as [string, string];
    await api.client.create(networkKind, { metadata: { namespace, name }, spec });
  }
  async function remove(key: string): Promise<void> {
    const [namespace, name] = key.split("/") as [string, string];
    await api.client.delete(networkKind, { namespace, name });
    await until(key, isGone);
  }
  /** The engine's networks that are not its own, with their subnets: "net/blue 10.2.1.0/24". */
  async function engineHas(): Promise<string[]> {
    const ids = await engine.docker("network", "ls", "-q", "--no-trunc", "--filter", "type=custom");
    if (ids === "") return [];
    const format = "{{.Name}} {{range .IPAM.Config}}{{.Subnet}} {{end}}";
    const lines = await engine.docker("network", "inspect", "-f", format, ...ids.split("\n"));
    return lines
      .split("\n")
      .map((line) => line.trim())
      .sort();
  }

  before(async () => {
    engine = await DockerEngine.start();
    api = await testApi();
    networks = startInformer<Network>({ client: api.client, kind: networkKind, signal: end.signal });
    const look = (): void => {
      for (const again of looks) again();
    };
    networks.addHandler({ onAdd: look, onUpdate: look, onDelete: look });
    for (const name of ["blue", "red"]) await api.client.create(namespaceKind, { metadata: { name } });
    await start();
  });

  afterEach(async () => {
    const ids = await engine.docker("ps", "-aq");
    if (ids !== "") await engine.docker("rm", "-f", ...ids.split("\n"));
    for (const { metadata } of api.pods.all())
      await api.pods.until(metadata.name!, (pod) => pod === undefined, metadata);
    for (const { metadata } of (await api.client.list(serviceKind)).items)
      await api.client.delete(serviceKind, { namespace: metadata.namespace!, name: metadata.name! });
    for (const key of networks.list().keys()) await remove(key);
    const left = await engineHas();
    for (const one of left) await engine.docker("network", "rm", one.split(" ")[0]!);
    assert.deepEqual(left, [], "what is left of Networks that are gone");
  });

  after(async () => {
    await mirror?.[Symbol.asyncDispose]();
    end.abort();
    await api?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  test("a network is there when the Network is Ready: containers get addresses of their part, and are Pods with their labels", async () => {
    await create("default/contiv-net", { subnet: "10.1.1.0/24", gateway: "10.1.1.254" });
    const network = await until("default/contiv-net", is("True EngineNetworkReady contiv-net"));
    assert.ok(network!.metadata.finalizers?.includes(ENGINE_FINALIZER));
    const name = await engine.docker(
      "network",
      "inspect",
      "-f",
      "{{.Name}}",
      network!.status!.dockerNetwork!.id!,
    );
    assert.equal(name, "contiv-net");
    await Promise.all(
      ["a1", "a2", "a3"].map((one) =>
        engine.run({ name: one, network: "contiv-net", labels: { tier: "web" } }),
      ),
    );
    for (const one of ["a1", "a2", "a3"]) {
      const pod = await api.pods.until<Pod>(one, running);
      assert.ok(cidrContains(cidr("10.1.1.128/25"), ip(pod.status!.podIP!)), pod.status!.podIP);
      assert.equal(pod.metadata.labels?.["tier"], "web");
      assert.equal(pod.metadata.annotations?.["fairlead.dev/network"], "contiv-net");
    }
  });

  test("a container's tenant is that of its network, from the first to the last, unless its label says another", async () => {
    for (const [i, tenant] of ["blue", "red"].entries())
      await create(`${tenant}/net`, { subnet: `10.2.${i}.0/24` });
    await until("blue/net", is("True EngineNetworkReady net/blue"));
    await until("red/net", is("True EngineNetworkReady net/red"));
    const seen = new Set<string>();
    const pods = startInformer<Pod>({
      client: api.client,
      kind: podKind,
      signal: end.signal,
    });
    pods.addHandler({ onAdd: ({ metadata }) => seen.add(`${metadata.namespace}/${metadata.name}`) });
    await engine.run({ name: "web-blue", network: "net/blue" });
    await engine.run({
      name: "web-red",
      network: "net/red",
      command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"],
    });
    await engine.create({ name: "later", network: "net/red" });
    await engine.run({
      name: "labelled",
      network: "net/blue",
      labels: { "fairlead.dev/namespace": "made-for-it" },
    });
    await engine.run({ name: "plain" });
    // Not the image's web server, which would find its port taken.
    await engine.run({ name: "beside", network: "container:web-blue", command: ["sleep", "600"] });
    for (const [name, namespace] of [
      ["web-blue", "blue"],
      ["web-red", "red"],
      ["labelled", "made-for-it"],
      ["plain", "default"],
      ["beside", "blue"],
    ] as const)
      await api.pods.until<Pod>(name, running, { namespace });
    await api.pods.until<Pod>("later", (pod) => pod !== undefined, { namespace: "red" });
    assert.equal(api.pods.get("web-red", "red")!.metadata.annotations?.["fairlead.dev/network"], "net/red");
    // Stopped, and its network gone behind our back: whose it was it stays, also for a fairlead that starts then.
    await engine.docker("stop", "-t", "1", "web-red");
    await api.pods.until<Pod>("web-red", ended, { namespace: "red" });
    await mirror.stop();
    await engine.docker("network", "rm", "net/red");
    await start();
    await untilEngineHas(["net/blue 10.2.0.0/24", "net/red 10.2.1.0/24"]);
    assert.ok(ended(api.pods.get("web-red", "red")));
    await engine.docker("stop", "-t", "1", "web-blue");
    await api.pods.until<Pod>("web-blue", ended, { namespace: "blue" });
    await engine.docker("start", "web-blue");
    await api.pods.until<Pod>("web-blue", running, { namespace: "blue" });
    assert.deepEqual([...seen].sort(), [
      "blue/beside",
      "blue/web-blue",
      "default/plain",
      "made-for-it/labelled",
      "red/later",
      "red/web-red",
    ]);
  });

  test("IPv6: with IPv4 beside it, and alone", async () => {
    await create("default/both", { subnet: "10.3.1.0/24", ipv6Subnet: "fd10:3:1::/64" });
    await create("default/six", { ipv6Subnet: "fd10:3:2::/112" });
    for (const name of ["both", "six"]) {
      await until(`default/${name}`, isReady);
      await engine.run({ name: `on-${name}`, network: name });
    }
    const both = await api.pods.until<Pod>("on-both", running);
    const [four, six] = both.status!.podIPs!.map((one) => one.ip);
    assert.ok(cidrContains(cidr("10.3.1.128/25"), ip(four!)), four);
    assert.ok(cidrContains(cidr("fd10:3:1:0:8000::/65"), ip(six!)), six);
    const alone = await api.pods.until<Pod>("on-six", running);
    const address = alone.status!.podIPs!.map((one) => one.ip).find((one) => one.includes(":"));
    assert.ok(cidrContains(cidr("fd10:3:2::8000/113"), ip(address!)), address);
  });

  test("what Docker refuses is said in its words, and made as soon as it can be", async () => {
    await engine.createNetwork("mine", "10.4.0.0/16", "10.4.0.1");
    await create("default/net", { subnet: "10.4.1.0/24" });
    const refused = await until("default/net", is("False EngineRefused"));
    assert.match(
      refused!.status!.conditions![0]!.message!,
      // The address pool's words, or the bridge driver's: which is asked first is the engine's business.
      /^(Pool overlaps with other one on this address space|cannot create network .* overlapping IPv4): mine \(10\.4\.0\.0\/16\)$/,
    );
    await engine.docker("network", "rm", "mine");
    await until("default/net", is("True EngineNetworkReady net"));
    const bridge = await engine.docker(
      "network",
      "inspect",
      "bridge",
      "-f",
      "{{(index .IPAM.Config 0).Subnet}}",
    );
    await create("default/bridged", { subnet: bridge.replace(/\/\d+$/, "/24") });
    const bridged = await until("default/bridged", is("False EngineRefused"));
    assert.ok(bridged!.status!.conditions![0]!.message!.endsWith(`: bridge (${bridge})`));
    await remove("default/bridged");
    await engine.createNetwork("used", "10.5.1.0/24", "10.5.1.1");
    await create("default/used", { subnet: "10.5.1.0/24" });
    const used = await until("default/used", is("True MadeByHand used"));
    assert.match(
      used!.status!.conditions![0]!.message!,
      /never removed; the containers' part of 10\.5\.1\.0\/24 is 10\.5\.1\.0\/24/,
    );
    await remove("default/used");
    assert.deepEqual(await engineHas(), ["net 10.4.1.0/24", "used 10.5.1.0/24"]);
    await engine.docker("network", "rm", "used");
  });

  test("docker network rm: it is made again, and one that containers are on cannot be removed with the Network", async () => {
    await create("default/net", { subnet: "10.6.1.0/24" });
    const first = (await until("default/net", isReady))!.status!.dockerNetwork!.id;
    const states = new Set<string | undefined>();
    const began = performance.now();
    const again = until("default/net", (one) => {
      states.add(stateOf(one));
      return isReady(one) && one!.status!.dockerNetwork!.id !== first;
    });
    await engine.docker("network", "rm", "net");
    const gone = performance.now();
    const second = (await again)!;
    console.log(
      `docker network rm took ${(gone - began).toFixed(0)} ms, the network was there again ${Math.max(0, performance.now() - gone).toFixed(0)} ms after it`,
    );
    // It is there again before anybody has said that it is not.
    assert.deepEqual([...states], ["True EngineNetworkReady net"]);
    assert.deepEqual(await engineHas(), ["net 10.6.1.0/24"]);
    await engine.run({ name: "web", network: "net" });
    await api.pods.until<Pod>("web", running);
    await assert.rejects(
      api.client.delete(networkKind, { namespace: "default", name: "net" }),
      (error) => error instanceof ApiError && /active endpoints/.test(error.message),
    );
    assert.equal(networks.getByKey("default/net")!.metadata.uid, second.metadata.uid);
  });

  test("a virtual address of what containers draw from is kept from them: made anew, where nobody is on it", async () => {
    await create("default/net", { subnet: "10.7.1.0/28" });
    const first = (await until("default/net", isReady))!.status!.dockerNetwork!.id;
    const service = (name: string, clusterIP: string): Promise<unknown> =>
      api.client.create(serviceKind, {
        metadata: { namespace: "default", name, annotations: { "fairlead.dev/network": "net" } },
        spec: { clusterIP, selector: { app: "web" }, ports: [{ port: 80 }] },
      });
    // Containers draw from 10.7.1.8/29, the lowest first.
    await service("preferred", "10.7.1.8");
    await until("default/net", (one) => isReady(one) && one!.status!.dockerNetwork!.id !== first);
    await Promise.all(["b1", "b2"].map((name) => engine.run({ name, network: "net" })));
    const addresses = await Promise.all(["b1", "b2"].map((name) => engine.address(name, "net")));
    assert.deepEqual(addresses.sort(), ["10.7.1.10", "10.7.1.9"]);
  });

  test("what Networks that are gone have left is removed at the next start, one that is in use with its last container", async () => {
    for (const [i, name] of ["idle", "busy"].entries()) {
      await create(`default/${name}`, { subnet: `10.8.${i}.0/24` });
      await until(`default/${name}`, isReady);
    }
    await mirror.stop();
    // No Pod is there to speak against the end of its network: fairlead has not seen it.
    await engine.run({ name: "web", network: "busy" });
    for (const name of ["idle", "busy"]) {
      await api.client.patch(networkKind, { namespace: "default", name }, "merge", {
        metadata: { finalizers: null },
      });
      await api.client.delete(networkKind, { namespace: "default", name });
    }
    await start();
    await untilEngineHas(["busy 10.8.1.0/24"]);
    await engine.docker("rm", "-f", "web");
    await untilEngineHas([]);
  });

  async function untilEngineHas(expected: readonly string[]): Promise<void> {
    const limit = performance.now() + DEADLINE;
    for (;;) {
      const has = await engineHas();
      if (JSON.stringify(has) === JSON.stringify(expected)) return;
      if (performance.now() > limit) assert.deepEqual(has, expected);
    }
  }

  test("dockerd stopped, and killed: one network for each Network, and what came meanwhile is made", async () => {
    await create("default/stays", { subnet: "10.9.1.0/24" });
    const { id } = (await until("default/stays", isReady))!.status!.dockerNetwork!;
    for (const [i, signal] of (["SIGTERM", "SIGKILL"] as const).entries()) {
      await engine.stopDaemon(signal);
      await create(`default/new-${i}`, { subnet: `10.9.${i + 10}.0/24` });
      await engine.startDaemon();
      await until(`default/new-${i}`, isReady);
    }
    assert.deepEqual(await engineHas(), ["new-0 10.9.10.0/24", "new-1 10.9.11.0/24", "stays 10.9.1.0/24"]);
    assert.equal(networks.getByKey("default/stays")!.status!.dockerNetwork!.id, id);
    await engine.stopDaemon();
    const gone = remove("default/new-0");
    await engine.startDaemon();
    await gone;
    await untilEngineHas(["new-1 10.9.11.0/24", "stays 10.9.1.0/24"]);
  });

  test("two fairleads on one engine and twenty Networks at once: each is made once", async () => {
    await using _ = await startMirror(engine, api.client, { networks: true, nodeName: "n2" });
    const keys = Array.from({ length: 20 }, (__, i) => `default/net-${i}`);
    const started = performance.now();
    await Promise.all(keys.map((key, i) => create(key, { subnet: `10.10.${i}.0/24` })));
    await Promise.all(keys.map((key) => until(key, isReady)));
    const took = performance.now() - started;
    assert.equal((await engineHas()).length, 20);
    const removing = performance.now();
    await Promise.all(keys.map(remove));
    await untilEngineHas([]);
    console.log(
      `20 Networks at once: Ready after ${took.toFixed(0)} ms, gone after ${(performance.now() - removing).toFixed(0)} ms`,
    );
  });

  test("how long it takes, beside docker network create and rm", async () => {
    const made: number[] = [];
    const removed: number[] = [];
    const byHand: number[] = [];
    const rm: number[] = [];
    const time = async (into: number[], work: () => Promise<unknown>): Promise<void> => {
      const started = performance.now();
      await work();
      into.push(performance.now() - started);
    };
    for (let i = 0; i < 5; i++) {
      await time(made, async () => {
        await create("default/net", { subnet: "10.11.1.0/24" });
        await until("default/net", isReady);
      });
      await time(removed, () => remove("default/net"));
      await time(byHand, () => engine.createNetwork("mine", "10.11.1.0/24", "10.11.1.1"));
      await time(rm, () => engine.docker("network", "rm", "mine"));
    }
    console.log(
      `a Network Ready after ${median(made)} ms (docker network create: ${median(byHand)} ms), gone after ${median(removed)} ms (docker network rm: ${median(rm)} ms)`,
    );
  });
});

describe("fairlead up --containers docker", { skip: needsDocker() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "fltest-docker-networks-"));
  const kubeconfig = join(directory, "kubeconfig");
  let engine: DockerEngine;
  let up: Up;

  const kube = (args: readonly string[], input?: object): Promise<string> =>
    kubectl(kubeconfig, args, {
      netns: engine.netns,
      ...(input !== undefined && { input: JSON.stringify(input) }),
    });
  const startUp = (): Promise<Up> => fairleadOnDocker(engine, directory, { "--dataplane": "none" });

  before(async () => {
    engine = await DockerEngine.start();
    up = await startUp();
  });

  after(async () => {
    await up?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test("kubectl makes and removes Docker's networks, and a fairlead that was killed goes on where it was", async () => {
    const network = (name: string, subnet: string) => ({
      apiVersion: "fairlead.dev/v1",
      kind: "Network",
      metadata: { name, namespace: "default" },
      spec: { subnet },
    });
    const names = (): Promise<string> =>
      engine.docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}} {{.ID}}");
    await kube(["create", "--validate=false", "-f", "-"], network("contiv-net", "10.1.1.0/24"));
    await kube(["wait", "--for=condition=Ready", "network/contiv-net", "--timeout=10s"]);
    const made = await names();
    assert.match(made, /^contiv-net \w+$/);
    await engine.run({ name: "web", network: "contiv-net" });
    await kube(["wait", "--for=condition=Ready", "pod/web", "--timeout=10s"]);
    await up.end("SIGKILL");
    up = await startUp();
    await kube(["wait", "--for=condition=Ready", "network/contiv-net", "pod/web", "--timeout=10s"]);
    assert.equal(await names(), made);
    await engine.docker("rm", "-f", "web");
    await kube(["wait", "--for=delete", "pod/web", "--timeout=10s"]);
    await kube(["delete", "network", "contiv-net"]);
    assert.equal(await names(), "");
  });
});
