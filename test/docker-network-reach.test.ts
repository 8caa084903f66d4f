/**
 * Virtual addresses of a Network, on a real Docker engine: who reaches them from where, and what the provider sees. The
 * Network is a network of the engine's with containers of its own, which take the virtual address for a neighbour.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { fairleadOnDocker } from "./lab/docker-fairlead.ts";
import type { Up } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";
import { type Answer, Prober, type ProbeTarget } from "./lab/prober.ts";

const VIP = "100.1.1.3";
const SERVED = { host: VIP, port: 8080, path: "/cgi-bin/who" } as const;
const UNSERVED = { ...SERVED, port: 8081 } as const;
const EMPTY = { ...SERVED, host: "100.1.1.4" } as const;
/** Refusals and answers that need no time-out come at once, on a machine with other work too. */
const AT_ONCE = 500;

const network = (name: string, subnet: string): object => ({
  apiVersion: "fairlead.dev/v1",
  kind: "Network",
  metadata: { name, namespace: "default" },
  spec: { subnet },
});
const service = (name: string, selector: Record<string, string>): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default", annotations: { "fairlead.dev/network": "srv" } },
  spec: { selector, ports: [{ port: 8080, targetPort: 80, protocol: "TCP" }] },
});

describe("virtual addresses of a Network on a Docker engine", { skip: needsDocker() }, () => {
  let engine: DockerEngine;
  let up: Up;
  const clients = new Map<string, Prober>();
  const directory = mkdtempSync(join(tmpdir(), "fltest-netreach-"));
  const kubeconfig = join(directory, "kubeconfig");
  const kube = (input: object | undefined, ...args: string[]): Promise<string> =>
    kubectl(kubeconfig, args, {
      netns: engine.netns,
      ...(input === undefined ? {} : { input: JSON.stringify(input) }),
    });

  before(async () => {
    engine = await DockerEngine.start();
    up = await fairleadOnDocker(engine, directory);
    for (const [name, subnet] of [
      ["srv", "100.1.1.0/24"],
      ["prov", "10.1.1.0/24"],
    ] as const) {
      await kube(network(name, subnet), "create", "--validate=false", "-f", "-");
      await kube(undefined, "wait", "--for=condition=Ready", `network.fairlead.dev/${name}`, "--timeout=20s");
    }
    await engine.createNetwork("client", "11.1.1.0/24", "11.1.1.254");
    await engine.createNetwork("inner", "12.1.1.0/24", "12.1.1.254", "--internal");
    const labels = { tier: "web" };
    await engine.run({ name: "provider", network: "prov", labels, options: ["--hostname", "provider"] });
    for (const [name, on] of [
      ["neighbour", "srv"],
      ["beside the provider", "prov"],
      ["client", "client"],
      ["internal", "inner"],
    ] as const) {
      const container = name.replaceAll(" ", "-");
      await engine.run({ name: container, network: on });
      clients.set(name, new Prober(await engine.netnsOf(container)));
    }
    clients.set("the provider itself", new Prober(await engine.netnsOf("provider")));
    clients.set("the host", new Prober(engine.netns));
    await kube(service("app", { tier: "web" }), "create", "--validate=false", "-f", "-");
    await kube(service("empty", { tier: "none" }), "create", "--validate=false", "-f", "-");
  });

  after(async () => {
    for (const client of clients.values()) await client[Symbol.asyncDispose]();
    await up?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const one = async (client: Prober, target: ProbeTarget): Promise<Answer> =>
    (await client.burst(target, 1, 1))[0]!;

  test("the address is the one of the document, and the way is open soon", async () => {
    const address = await kube(undefined, "get", "service", "app", "-o", "jsonpath={.spec.clusterIP}");
    assert.equal(address, VIP);
    const deadline = performance.now() + 10_000;
    for (const [who, client] of clients) {
      if (who === "internal") continue;
      while ((await one(client, SERVED)).error !== undefined)
        assert.ok(
          performance.now() < deadline,
          `${who}: ${(await one(client, SERVED)).error}\n${up.stderr()}`,
        );
    }
  });

  for (const filtering of [1, 0])
    test(`bridge-nf-call-iptables=${filtering}: from everywhere, and who is seen`, async () => {
      writeSysctl("net/bridge/bridge-nf-call-iptables", filtering, engine.netns);
      // What fairlead does about that it does at its next look.
      await engine.docker("restart", "-t", "0", "client");
      await clients.get("client")?.[Symbol.asyncDispose]();
      clients.set("client", new Prober(await engine.netnsOf("client")));
      const own = new Map<string, string>();
      for (const [who, on] of [
        ["neighbour", "srv"],
        ["client", "client"],
        ["beside the provider", "prov"],
      ] as const)
        own.set(who, await engine.address(who.replaceAll(" ", "-"), on));
      if (filtering === 0) own.delete("beside the provider");
      for (const [who, client] of clients) {
        if (who === "internal") continue;
        const deadline = performance.now() + 5000;
        let answers = await client.burst(SERVED, 10, 2);
        while (answers.some(({ error }) => error !== undefined) && performance.now() < deadline)
          answers = await client.burst(SERVED, 10, 2);
        const errors = answers.flatMap(({ error }) => error ?? []);
        assert.deepEqual(errors, [], who);
        const seen = new Set(answers.map(({ said }) => said.split(" ")[1]));
        if (own.has(who)) assert.deepEqual([...seen], [own.get(who)], who);
        for (const { at, end } of answers) assert.ok(end - at < AT_ONCE, `${who}: ${end - at} ms`);
      }
    });

  test("unserved ports and Services without providers are refused at once, from everywhere", async () => {
    for (const [who, client] of clients)
      for (const target of [UNSERVED, EMPTY]) {
        const { error, at, end } = await one(client, target);
        // Of an internal network too, where the engine gives its containers a default route; newer ones give none.
        if (who !== "internal" || error !== "ENETUNREACH") assert.equal(error, "ECONNREFUSED", who);
        assert.ok(end - at < AT_ONCE, `${who}: ${end - at} ms`);
      }
  });

  test("after the Service nobody answers for its address any more", async () => {
    await kube(undefined, "delete", "service", "app");
    await engine.docker("exec", "neighbour", "true").catch(() => "");
    const { error } = await one(clients.get("neighbour")!, SERVED);
    assert.ok(error !== undefined && error !== "ECONNREFUSED", error);
  });
});
