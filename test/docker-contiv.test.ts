/**
 * The scenario that started it all (Contiv's service load balancer), on a real Docker engine, with kubectl in place of
 * netctl: four providers behind a virtual IP, a client on another network, and everything that may happen to them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { ip } from "../src/base/ip.ts";
import { engineAddress } from "../src/containers/docker/engine-address.ts";
import { type Engine, openEngine } from "../src/containers/docker/engine.ts";
import type { EngineEvent } from "../src/containers/docker/engine-types.ts";
import { decodeGeneration } from "../src/net/nftables/decode.ts";
import { getGeneration } from "../src/net/nftables/dump.ts";
import { ForeignChanges } from "../src/dataplane/nftables/foreign-changes.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../src/sys/netlink-socket.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { fairleadOnDocker } from "./lab/docker-fairlead.ts";
import type { Up } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";
import { type Answer, countBy, Prober } from "./lab/prober.ts";

const VIP = "100.1.1.3";
const TARGET = { host: VIP, port: 8080, path: "/name" } as const;
const WHO = { ...TARGET, path: "/cgi-bin/who" } as const;
const SLOW = { ...TARGET, path: "/cgi-bin/slow?20" } as const;
const LABELS = { tier: "web", release: "stable", environment: "prod", version: "1.0" };
const PROVIDERS = ["provider-1", "provider-2", "provider-3", "provider-4"];

const SERVICE = JSON.stringify({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "app-svc" },
  spec: {
    clusterIP: VIP,
    selector: { tier: "web", release: "stable", environment: "prod" },
    ports: [{ port: 8080, targetPort: 80, protocol: "TCP" }],
  },
});

/** From Docker's event to traffic that has changed, in milliseconds: what was promised. */
const PROMISE = 100;

describe("the Contiv scenario on a Docker engine", { skip: needsDocker() }, () => {
  let engine: DockerEngine;
  let events: EventLog;
  let up: Up;
  let client: Prober;
  let clientAddress: string;
  let netfilter: NetlinkSocket;
  const directory = mkdtempSync(join(tmpdir(), "fltest-contiv-"));
  const kubeconfig = join(directory, "kubeconfig");

  const startFairlead = (): Promise<Up> =>
    fairleadOnDocker(engine, directory, { "--service-cidr": "100.1.1.0/24" });
  const kube = (...args: string[]): Promise<string> => kubectl(kubeconfig, args, { netns: engine.netns });
  const create = (input: string): Promise<string> =>
    kubectl(kubeconfig, ["create", "--validate=false", "-f", "-"], { netns: engine.netns, input });
  const runProvider = (name: string, ...options: string[]): Promise<string> =>
    engine.run({ name, network: "contiv-net", labels: LABELS, options: ["--hostname", name, ...options] });
  const generation = (): number => decodeGeneration(netfilter.transact(getGeneration())[0]!).id;

  before(async () => {
    engine = await DockerEngine.start();
    events = await EventLog.open(engine);
    netfilter = await NetlinkSocket.open(NETLINK_NETFILTER, { netns: engine.netns });
    await engine.createNetwork("contiv-net", "10.1.1.0/24", "10.1.1.254");
    await engine.createNetwork("client-net", "11.1.1.0/24", "11.1.1.254");
    await engine.run({ name: "client", network: "client-net", options: ["--restart", "always"] });
    clientAddress = await engine.address("client", "client-net");
    client = new Prober(await engine.netnsOf("client"));
    up = await startFairlead();
  });

  after(async () => {
    await client?.[Symbol.asyncDispose]();
    await up?.[Symbol.asyncDispose]();
    events?.close();
    netfilter?.[Symbol.dispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Until as many endpoints are ready, as traffic shows: all of `names` answer and nobody else. */
  async function untilServed(names: readonly string[], by = client): Promise<void> {
    const deadline = performance.now() + 20_000;
    const wanted = names.toSorted().join(" ");
    for (;;) {
      const answers = await by.burst(TARGET, 20 * Math.max(1, names.length), 4);
      const heard = [...new Set(answers.map(({ said, error }) => error ?? said))].sort().join(" ");
      if (heard === wanted) return;
      if (performance.now() > deadline)
        assert.fail(`answered by ${heard}, not by ${wanted}\n${await status()}`);
    }
  }

  async function status(): Promise<string> {
    return `${await kube("get", "pods,services,endpointslices", "-o", "wide")}\n${up.stderr()}`;
  }

  /** 1,000 connections: all answered, a fair share each, and the client's own address seen. */
  async function assertFairShare(names: readonly string[]): Promise<void> {
    const answers = await client.burst(WHO, 1000);
    assert.deepEqual(failures(answers), {});
    const shares = countBy(answers, ({ said }) => said.split(" ")[0]!);
    console.log(`1,000 connections: ${[...shares].map(([name, n]) => `${name} ${n}`).join(", ")}`);
    assert.deepEqual([...shares.keys()].sort(), names.toSorted());
    // Five standard deviations of a binomial: a fair spread fails this once in a million runs.
    const share = 1 / names.length;
    const slack = 5 * Math.sqrt(1000 * share * (1 - share));
    for (const [name, count] of shares)
      assert.ok(Math.abs(count - 1000 * share) < slack, `${name} has ${count} of 1,000`);
    assert.deepEqual(new Set(answers.map(({ said }) => said.split(" ")[1])), new Set([clientAddress]));
  }

  test("containers reach the API, which listens on loopback, by the Service kubernetes", async () => {
    const signal = AbortSignal.timeout(5000);
    const netns = await engine.netnsOf("client");
    const socket = await connectInNetns(netns, ip("100.1.1.1"), 443, signal);
    const tls = connectTls({ socket, rejectUnauthorized: false, servername: "kubernetes" });
    try {
      await once(tls, "secureConnect", { signal });
      tls.write("GET /livez HTTP/1.1\r\nhost: kubernetes\r\nconnection: close\r\n\r\n");
      const [first] = (await once(tls, "data", { signal })) as [Buffer];
      assert.match(first.toString(), /^HTTP\/1.1 200 OK/);
    } finally {
      tls.destroy();
      socket.destroy();
    }
  });

  test("a Service without providers refuses at once", async () => {
    await create(SERVICE);
    assert.equal(await kube("get", "service", "app-svc", "-o", "jsonpath={.spec.clusterIP}"), VIP);
    await untilRefused();
  });

  async function untilRefused(): Promise<void> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const answers = await client.burst(TARGET, 20, 1);
      const slowest = Math.max(...answers.map(({ at, end }) => end - at));
      const errors = new Set(answers.map(({ error }) => error));
      if (errors.size === 1 && errors.has("ECONNREFUSED") && slowest < 100) return;
      assert.ok(
        performance.now() < deadline,
        `not refused at once but ${[...errors].join(", ")}, the slowest after ${slowest} ms`,
      );
    }
  }

  test("providers started after the service share its connections and see the client's address", async () => {
    for (const name of PROVIDERS) await runProvider(name);
    await untilServed(PROVIDERS);
    await assertFairShare(PROVIDERS);
  });

  test("providers started before the service: the same", async () => {
    await kube("delete", "service", "app-svc");
    await create(SERVICE);
    await untilServed(PROVIDERS);
    await assertFairShare(PROVIDERS);
  });

  test("a provider reaches its own virtual IP, itself included", async () => {
    await using provider = new Prober(await engine.netnsOf("provider-1"));
    const answers = await provider.burst(TARGET, 60, 1);
    assert.deepEqual(failures(answers), {});
    assert.equal(new Set(answers.map(({ said }) => said)).size, 4);
    const own = answers.filter(({ said }) => said === "provider-1");
    const slowest = Math.max(...own.map(({ at, end }) => end - at));
    assert.ok(slowest < 500, `a connection to itself took ${slowest} ms: a lost packet was sent again`);
  });

  test("a Service in a range that is added while everything runs is reached from another network", async () => {
    const added = { host: "100.1.2.5", port: 8080, path: "/name" };
    const range = { kind: "ServiceCIDR", metadata: { name: "added" }, spec: { cidrs: ["100.1.2.0/24"] } };
    await create(JSON.stringify({ apiVersion: "networking.k8s.io/v1", ...range }));
    const service = JSON.parse(SERVICE) as { metadata: { name: string }; spec: { clusterIP: string } };
    service.metadata.name = "added";
    service.spec.clusterIP = added.host;
    await create(JSON.stringify(service));
    const deadline = performance.now() + 10_000;
    // Docker keeps its networks apart until the rule in DOCKER-USER says that the range may pass.
    for (;;) {
      const answers = await client.burst(added, 40, 4);
      const heard = new Set(answers.map(({ said, error }) => error ?? said));
      if ([...heard].sort().join() === PROVIDERS.join()) break;
      assert.ok(performance.now() < deadline, `${[...heard].join()}\n${await status()}`);
    }
    await kube("delete", "service/added", "servicecidr/added");
  });

  test("a fifth provider gets traffic within 100 ms of Docker's event, and none 100 ms after its stop", async () => {
    const rounds: { start: number; stop: number }[] = [];
    for (let round = 0; round < 5; round++) {
      await client.startLoad(TARGET, 400);
      await runProvider("provider-5");
      const started = await events.of("provider-5", "start");
      await untilTime(started + 500);
      const joining = await client.stopLoad();
      const isFifth = ({ said }: Answer): boolean => said === "provider-5";
      const first = Math.min(...joining.filter(isFifth).map(({ at }) => at));
      // Without a health check, a container counts as ready before its server listens.
      for (const { at, error } of joining.filter((answer) => answer.error !== undefined))
        assert.ok(
          error === "ECONNREFUSED" && at > started && at < started + 300,
          `${error} ${at - started} ms after the start`,
        );

      await client.startLoad(TARGET, 400);
      await untilTime(Date.now() + 100);
      await engine.docker("stop", "provider-5");
      const stopped = await events.of("provider-5", "kill");
      await untilTime(stopped + 500);
      const leaving = await client.stopLoad();
      assert.deepEqual(failures(leaving), {}, "its server goes on while it is drained");
      const last = Math.max(...leaving.filter(isFifth).map(({ at }) => at));
      rounds.push({ start: first - started, stop: last - stopped });
      await engine.docker("rm", "provider-5");
      events.forget("provider-5");
    }
    const sorted = (key: "start" | "stop"): number[] =>
      rounds.map((round) => round[key]).sort((a, b) => a - b);
    for (const key of ["start", "stop"] as const)
      console.log(
        `Docker's ${key} event to the ${key === "start" ? "first" : "last"} connection: ${sorted(key)
          .map((ms) => `${ms.toFixed(0)} ms`)
          .join(", ")}`,
      );
    for (const key of ["start", "stop"] as const)
      assert.ok(sorted(key)[2]! < PROMISE, `${key}: ${sorted(key).join(", ")} ms`);
  });

  test("fairlead killed under load and started again: no request fails, and nothing is written to the kernel", async () => {
    const before = generation();
    const changed: string[] = [];
    // Of any socket: it is the next fairlead's writing that is looked for.
    const watch = { netns: engine.netns, ownPort: 0, onChange: (what: string) => changed.push(what) };
    using changes = await ForeignChanges.open(watch);
    await client.startLoad(TARGET, 200);
    await untilTime(Date.now() + 500);
    await up.end("SIGKILL");
    await untilTime(Date.now() + 500);
    up = await startFairlead();
    await untilTime(Date.now() + 1000);
    const answers = await client.stopLoad();
    assert.deepEqual(failures(answers), {});
    assert.ok(answers.length > 300);
    // Each process has a table of its own beside ours, which holds conntrack: the generation does not stay.
    while ((changes.generation ?? before) !== generation()) await untilTime(Date.now() + 5);
    assert.deepEqual(changed, [], "table inet fairlead");
    console.log(`killed and started again under load: ${answers.length} requests, none failed`);
  });

  test("docker kill of a provider under load: only connections that were open on it fail", async () => {
    const held = client.burst(SLOW, 16, 16);
    await client.startLoad(TARGET, 200);
    await untilTime(Date.now() + 700);
    await engine.docker("kill", "provider-4");
    const killed = await events.of("provider-4", "kill");
    await untilTime(killed + 1000);
    const answers = await client.stopLoad();
    const failed = answers.filter(({ error }) => error !== undefined);
    const times = failed.map(({ at }) => Math.round(at - killed));
    console.log(
      `docker kill under 200 requests a second: ${failed.length} of ${answers.length} failed, begun ${times.join(", ") || "never"} ms after the event`,
    );
    // Between the death and Docker's word of it, and until the rules follow, connections may still go there.
    for (const { at } of failed) assert.ok(at > killed - 100 && at < killed + PROMISE, `${at - killed} ms`);
    assert.ok(answers.every(({ at, said }) => at < killed + PROMISE || said !== "provider-4"));

    const open = await held;
    const on4 = open.filter(({ said }) => said.startsWith("provider-4"));
    const others = open.filter(({ said }) => !said.startsWith("provider-4"));
    assert.ok(others.length > 0);
    assert.deepEqual(failures(others), {});
    assert.ok(others.every(({ said }) => said.endsWith("\n20")));
    assert.ok(on4.every(({ said }) => !said.endsWith("\n20")));
    await engine.docker("rm", "provider-4");
    events.forget("provider-4");
    await runProvider("provider-4");
    await untilServed(PROVIDERS);
  });

  test("an established connection is served to its end by a provider that is drained", async () => {
    await using direct = new Prober(await engine.netnsOf("client"));
    const held = direct.burst({ ...TARGET, path: "/cgi-bin/slow?2" }, 16, 16);
    await untilTime(Date.now() + 50);
    await engine.docker("stop", "provider-3");
    assert.deepEqual(failures(await held), {});
    await engine.docker("rm", "provider-3");
    events.forget("provider-3");
    await runProvider("provider-3");
    await untilServed(PROVIDERS);
  });

  test("the engine restarts: its containers come back behind the virtual IP without a restart of ours", async () => {
    await engine.docker("update", "--restart", "always", ...PROVIDERS);
    await engine.stopDaemon();
    events.close();
    await engine.startDaemon();
    events = await EventLog.open(engine);
    await client[Symbol.asyncDispose]();
    client = new Prober(await engine.netnsOf("client"));
    await untilServed(PROVIDERS);
    clientAddress = await engine.address("client", "client-net");
    await assertFairShare(PROVIDERS);
  });

  test("all providers gone: connections are refused at once", async () => {
    await engine.docker("rm", "-f", ...PROVIDERS);
    await untilRefused();
  });
});

/** How many failed in which way: {} if none did. */
function failures(answers: readonly Answer[]): Record<string, number> {
  const failed = answers.filter(({ error }) => error !== undefined);
  return Object.fromEntries(countBy(failed, ({ error }) => error!));
}

/** Until the clock shows `time`, in milliseconds since the epoch. */
async function untilTime(time: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));
}

/** The engine's own word on what happened when. */
class EventLog {
  readonly #engine: Engine;
  readonly #end = new AbortController();
  #seen: EngineEvent[] = [];
  #wake = Promise.withResolvers<void>();

  static async open(engine: DockerEngine): Promise<EventLog> {
    const log = new EventLog(openEngine(engineAddress({ DOCKER_HOST: engine.dockerHost })));
    const since = (await log.#engine.connect()) / 1000;
    const stream = await log.#engine.events({ since, signal: log.#end.signal });
    void log.#read(stream);
    return log;
  }

  private constructor(engine: Engine) {
    this.#engine = engine;
  }

  async #read(stream: AsyncIterable<EngineEvent>): Promise<void> {
    try {
      for await (const event of stream) {
        this.#seen.push(event);
        this.#wake.resolve();
        this.#wake = Promise.withResolvers();
      }
    } catch {
      // The engine was stopped, which is what the test is about.
    }
  }

  /** When it happened to the container of that name, in milliseconds since the epoch. */
  async of(container: string, action: string): Promise<number> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const found = this.#seen.find(
        ({ Action, Actor }) => Action === action && Actor.Attributes?.["name"] === container,
      );
      if (found !== undefined) return found.timeNano / 1e6;
      assert.ok(Date.now() < deadline, `Docker told of no ${action} of ${container}`);
      await Promise.race([this.#wake.promise, untilTime(Date.now() + 100)]);
    }
  }

  /** The next container of that name is another. */
  forget(container: string): void {
    this.#seen = this.#seen.filter(({ Actor }) => Actor.Attributes?.["name"] !== container);
  }

  close(): void {
    this.#end.abort();
    this.#engine[Symbol.dispose]();
  }
}
