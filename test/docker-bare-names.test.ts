/**
 * Names of one label for containers of a real Docker engine, as Contiv's users know them: a Service and a container of the
 * asker's own tenant, asked of the DNS directly and through Docker's resolver.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { fairleadOnDocker } from "./lab/docker-fairlead.ts";
import type { Up } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";

const DNS = "10.96.0.10";

describe("names of one label in Docker's containers", { skip: needsDocker() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "fltest-bare-names-"));
  const kubeconfig = join(directory, "kubeconfig");
  let engine: DockerEngine;
  let up: Up;

  const kube = (...args: string[]): Promise<string> => kubectl(kubeconfig, args, { netns: engine.netns });
  const create = (input: string): Promise<string> =>
    kubectl(kubeconfig, ["create", "--validate=false", "-f", "-"], { netns: engine.netns, input });
  const createService = (namespace: string, clusterIP: string): Promise<string> =>
    kube(
      "-n",
      namespace,
      "create",
      "service",
      "clusterip",
      "app-svc",
      "--tcp=8080:80",
      `--clusterip=${clusterIP}`,
    );

  async function run(name: string, network: string, namespace?: string, dns: string = DNS): Promise<string> {
    await engine.run({
      name,
      network,
      labels: namespace === undefined ? {} : { "fairlead.dev/namespace": namespace },
      // Without a search list: that of the machine would be tried first.
      options: [`--dns=${dns}`, "--dns-search=."],
      command: ["sleep", "3600"],
    });
    return engine.address(name, network);
  }

  /** The addresses of the name; none if there is no such name. */
  async function lookUp(container: string, name: string): Promise<string[]> {
    const text = await engine
      .docker("exec", container, "/bin/busybox", "nslookup", name)
      // It ends with 1 where one of A and AAAA has no answer.
      .catch((error: { stdout: string }) => error.stdout);
    return [...text.matchAll(/^Address: (\S+)$/gm)].map(([, found]) => found!);
  }

  async function untilLookUp(container: string, name: string, wanted: readonly string[]): Promise<void> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const found = await lookUp(container, name);
      if (found.join() === wanted.join()) return;
      if (performance.now() > deadline) assert.deepEqual(found, wanted, `${container} asks for ${name}`);
    }
  }

  before(async () => {
    engine = await DockerEngine.start();
    await engine.createNetwork("net-a", "10.92.1.0/24", "10.92.1.254");
    await engine.createNetwork("net-b", "10.92.2.0/24", "10.92.2.254");
    // Nobody is there: names outside are not known.
    up = await fairleadOnDocker(engine, directory, { "--dns-upstream": "127.0.0.1:5399" });
    await kube("create", "namespace", "blue");
    await createService("default", "10.96.0.103");
    await createService("blue", "10.96.0.203");
  });

  after(async () => {
    await up?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test("a Service's name is that of the asker's tenant, on Docker's own network and through its resolver", async () => {
    await run("on-bridge", "bridge", "default");
    await run("on-a", "net-a", "default");
    await run("blue-on-a", "net-a", "blue");
    await run("blue-on-bridge", "bridge", "blue");
    for (const client of ["on-bridge", "on-a"]) await untilLookUp(client, "app-svc", ["10.96.0.103"]);
    for (const client of ["blue-on-bridge", "blue-on-a"])
      await untilLookUp(client, "app-svc", ["10.96.0.203"]);
    assert.deepEqual(await lookUp("on-a", "APP-svc"), ["10.96.0.103"]);
    await kube("-n", "blue", "delete", "service", "app-svc");
    await untilLookUp("blue-on-a", "app-svc", []);
    assert.deepEqual(await lookUp("on-a", "app-svc"), ["10.96.0.103"]);
  });

  test("a container's name on another network, in its own tenant alone, while it runs", async () => {
    const address = await run("Db_1", "net-b", "default");
    for (const client of ["on-bridge", "on-a"]) await untilLookUp(client, "Db_1", [address]);
    assert.deepEqual(await lookUp("on-a", "db_1"), [address]);
    assert.deepEqual(await lookUp("blue-on-a", "Db_1"), []);
    await engine.docker("kill", "Db_1");
    await untilLookUp("on-a", "Db_1", []);
  });

  test("each Network has its own address of the DNS, as long as it is there", async () => {
    for (const [namespace, subnet] of [
      ["default", "10.1.1.0/24"],
      ["blue", "10.2.1.0/24"],
    ] as const) {
      const metadata = { name: "contiv-net", namespace };
      const network = { apiVersion: "fairlead.dev/v1", kind: "Network", metadata, spec: { subnet } };
      await create(JSON.stringify(network));
      await kube("-n", namespace, "wait", "network.fairlead.dev/contiv-net", "--for=condition=Ready");
    }
    await createService("blue", "10.96.0.203");
    // Of their own network, of another one's address, and through Docker's resolver both.
    await run("own", "contiv-net", undefined, "10.1.1.2");
    await run("blue", "contiv-net/blue", undefined, "10.2.1.2");
    await run("across", "contiv-net/blue", undefined, "10.1.1.2");
    await untilLookUp("own", "app-svc", ["10.96.0.103"]);
    for (const client of ["blue", "across"]) await untilLookUp(client, "app-svc", ["10.96.0.203"]);
    const addresses = (): Promise<string> =>
      kube("-n", "kube-system", "get", "service", "kube-dns", "-o", "jsonpath={.spec.externalIPs}");
    assert.equal(await addresses(), '["10.1.1.2","10.2.1.2"]');
    await engine.docker("rm", "-f", "own", "blue", "across");
    await kube("-n", "blue", "delete", "network.fairlead.dev", "contiv-net");
    const deadline = performance.now() + 10_000;
    while ((await addresses()) !== '["10.1.1.2"]') assert.ok(performance.now() < deadline, await addresses());
  });
});
