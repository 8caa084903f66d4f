/**
 * The mirror against a real Docker engine: what is done with the docker command is seen in Pods, in any order, with
 * fairlead or the engine away meanwhile. Prints how long it takes from Docker's event to the written Pod.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { namespaceKind } from "../src/api/namespace/kind.ts";
import { podKind } from "../src/api/pod/kind.ts";
import type { Pod } from "../src/api/pod/type.ts";
import type { PodWritten } from "../src/containers/docker/runtime.ts";
import { DockerEngine, needsDocker } from "./lab/docker-engine.ts";
import { NODE, type RunningMirror, startMirror, type TestApi, testApi } from "./lab/docker-mirror.ts";
import { readyOf } from "./lab/pod-watch.ts";

const ready = (pod: Pod | undefined): boolean =>
  readyOf(pod) === "True" && pod?.metadata.deletionTimestamp === undefined;
const not =
  (reason: string) =>
  (pod: Pod | undefined): boolean =>
    readyOf(pod) === reason;
const terminating = (pod: Pod | undefined): boolean => pod?.metadata.deletionTimestamp !== undefined;
const absent = (pod: Pod | undefined): boolean => pod === undefined;

/** Ends half a second after TERM, and takes no notice of HUP. */
const SLOW_TO_STOP = "trap 'sleep 0.5; exit 0' TERM; trap '' HUP; while :; do sleep 0.05; done";
/** Takes no notice of TERM either. */
const DEAF = "trap '' TERM; while :; do sleep 0.05; done";

/** From Docker's event to the end of the write, in milliseconds. */
function printLatencies(written: readonly PodWritten[]): void {
  for (const event of [...new Set(written.map(({ event }) => event))].sort()) {
    const took = written
      .filter((one) => one.event === event)
      .map((one) => one.took)
      .sort((a, b) => a - b);
    const at = (part: number): string => took[Math.floor((took.length - 1) * part)]!.toFixed(1);
    console.log(
      `${event} to Pod written: ${took.length} times, median ${at(0.5)} ms, 90 % ${at(0.9)} ms, longest ${at(1)} ms`,
    );
  }
}

describe("the mirror of a Docker engine", { skip: needsDocker() }, () => {
  let engine: DockerEngine;
  let api: TestApi;
  let mirror: RunningMirror;
  const written: PodWritten[] = [];

  before(async () => {
    engine = await DockerEngine.start();
    api = await testApi();
    mirror = await startMirror(engine, api.client);
  });

  afterEach(async () => {
    const ids = await engine.docker("ps", "-aq");
    if (ids !== "") await engine.docker("rm", "-f", ...ids.split("\n"));
    for (const { metadata } of api.pods.all()) await api.pods.until(metadata.name!, absent, metadata);
  });

  after(async () => {
    written.push(...mirror.written);
    await mirror?.[Symbol.asyncDispose]();
    await api?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    printLatencies(written);
  });

  test("a container started is a ready Pod with its labels, ports, address and node", async () => {
    const id = await engine.run({
      name: "web-1",
      labels: { tier: "web", "com.example.text": "two words" },
      options: ["--expose", "80", "--expose", "53/udp"],
    });
    const pod = await api.pods.until<Pod>("web-1", ready);
    assert.equal(pod.status?.podIP, await engine.address("web-1", "bridge"));
    assert.equal(pod.status?.phase, "Running");
    assert.equal(pod.status?.hostIP, "192.0.2.1");
    assert.equal(pod.status?.containerStatuses?.[0]?.containerID, `docker://${id}`);
    assert.equal(pod.spec?.nodeName, NODE);
    assert.deepEqual(pod.metadata.labels, { tier: "web", "fairlead.dev/runtime": "docker" });
    assert.match(pod.metadata.annotations?.["fairlead.dev/unusable-labels"] ?? "", /two words/);
    assert.equal(pod.metadata.annotations?.["fairlead.dev/network"], "bridge");
    assert.deepEqual(
      pod.spec?.containers[0]?.ports?.map(({ name, containerPort, protocol }) => [
        name,
        containerPort,
        protocol,
      ]),
      [
        ["p-53-udp", 53, "UDP"],
        ["p-80-tcp", 80, "TCP"],
      ],
    );
  });

  test("docker stop: terminating on the signal, while it still runs; then ended; gone with docker rm", async () => {
    await engine.run({ name: "slow", command: ["sh", "-c", SLOW_TO_STOP] });
    const { uid } = (await api.pods.until<Pod>("slow", ready)).metadata;
    const stopped = engine.docker("stop", "slow");
    const pod = await api.pods.until<Pod>("slow", terminating);
    assert.equal(await engine.docker("inspect", "-f", "{{.State.Running}}", "slow"), "true");
    assert.equal(pod.metadata.uid, uid);
    assert.equal(readyOf(pod), "True", "it serves the connections it has");
    assert.equal(pod.metadata.deletionGracePeriodSeconds, 10);
    await stopped;
    const ended = await api.pods.until<Pod>("slow", not("Exited"));
    assert.equal(ended.status?.phase, "Succeeded");
    assert.equal(ended.metadata.deletionTimestamp, undefined);
    assert.equal(ended.status?.podIP, undefined);
    assert.equal(ended.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    await engine.docker("rm", "slow");
    await api.pods.until("slow", absent);
  });

  test("a signal that does not end it changes nothing; one that it outlives makes it leave and come back", async () => {
    await engine.run({ name: "deaf", options: ["--stop-timeout", "1"], command: ["sh", "-c", DEAF] });
    const { uid } = (await api.pods.until<Pod>("deaf", ready)).metadata;
    const { podIP } = api.pods.get("deaf")!.status!;
    for (const signal of ["HUP", "WINCH", "TERM"]) await engine.docker("kill", "-s", signal, "deaf");
    const leaving = await api.pods.until<Pod>("deaf", terminating);
    assert.equal(leaving.metadata.uid, uid, "the Pod that was there before HUP and WINCH");
    const back = await api.pods.until<Pod>("deaf", ready);
    assert.notEqual(back.metadata.uid, uid);
    assert.equal(back.status?.podIP, podIP);
  });

  test("docker kill, an exit code and an end by the engine's hand are told apart", async () => {
    await engine.run({ name: "killed" });
    await engine.run({ name: "failed", command: ["sh", "-c", "exit 3"] });
    await engine.create({ name: "created" });
    await api.pods.until("killed", ready);
    await engine.docker("kill", "killed");
    const killed = await api.pods.until<Pod>("killed", not("Exited"));
    const failed = await api.pods.until<Pod>("failed", not("Exited"));
    const created = await api.pods.until<Pod>("created", not("NotStarted"));
    assert.deepEqual(
      [killed, failed, created].map(({ status }) => status?.phase),
      ["Failed", "Failed", "Pending"],
    );
    const message = (pod: Pod): string | undefined =>
      pod.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    assert.equal(message(killed), "the container ended with exit code 137 (SIGKILL)");
    assert.equal(message(failed), "the container ended with exit code 3");
    assert.match(message(created)!, /docker start created/);
    await engine.docker("start", "created");
    await api.pods.until("created", ready);
  });

  test("a paused container is not ready, and is again when it goes on", async () => {
    await engine.run({ name: "pausing" });
    const { uid } = (await api.pods.until<Pod>("pausing", ready)).metadata;
    await engine.docker("pause", "pausing");
    await api.pods.until("pausing", not("Paused"));
    await engine.docker("unpause", "pausing");
    const pod = await api.pods.until<Pod>("pausing", ready);
    assert.equal(pod.metadata.uid, uid);
  });

  test("a health check counts: starting, healthy, unhealthy, healthy", async () => {
    const health = ["--health-cmd", "test -f /tmp/ok", "--health-interval", "200ms", "--health-retries", "1"];
    await engine.run({ name: "checked", options: [...health, "--health-start-period", "60s"] });
    await api.pods.until("checked", not("HealthCheckStarting"));
    await engine.docker("exec", "checked", "touch", "/tmp/ok");
    await api.pods.until("checked", ready);
    await engine.docker("exec", "checked", "rm", "/tmp/ok");
    const pod = await api.pods.until<Pod>("checked", not("HealthCheckFailing"));
    assert.equal(pod.status?.phase, "Running");
    await engine.docker("exec", "checked", "touch", "/tmp/ok");
    await api.pods.until("checked", ready);
  });

  test("docker rename moves the Pod to the new name", async () => {
    await engine.run({ name: "before", labels: { app: "a" } });
    await api.pods.until("before", ready);
    await engine.docker("rename", "before", "After_1");
    const id = await engine.docker("inspect", "-f", "{{.Id}}", "After_1");
    const pod = await api.pods.until<Pod>(`after-1-${id.slice(0, 8)}`, ready);
    assert.equal(pod.metadata.labels?.["app"], "a");
    assert.equal(pod.metadata.annotations?.["fairlead.dev/container-name"], "After_1");
    await api.pods.until("before", absent);
  });

  test("docker restart makes the same name ready again", async () => {
    await engine.run({ name: "again" });
    const first = await api.pods.until<Pod>("again", ready);
    await engine.docker("restart", "again");
    const startedAt = (pod: Pod | undefined): string | undefined =>
      pod?.status?.containerStatuses?.[0]?.state?.running?.startedAt;
    await api.pods.until("again", (pod) => ready(pod) && pod?.metadata.uid !== first.metadata.uid);
    assert.ok(startedAt(api.pods.get("again"))! >= startedAt(first)!);
  });

  test("a restart by the engine's policy keeps the Pod and counts", async () => {
    const crash = "until test -f /tmp/crash; do sleep 0.05; done; rm /tmp/crash; exit 1";
    await engine.run({ name: "crashing", options: ["--restart", "always"], command: ["sh", "-c", crash] });
    const { uid } = (await api.pods.until<Pod>("crashing", ready)).metadata;
    await engine.docker("exec", "crashing", "touch", "/tmp/crash");
    const pod = await api.pods.until<Pod>(
      "crashing",
      (pod) => ready(pod) && pod?.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    assert.equal(pod.metadata.uid, uid);
    assert.equal(pod.spec?.restartPolicy, "Always");
  });

  test("on several networks: the first of docker run, else by name; the label decides", async () => {
    await engine.createNetwork("net-a", "10.91.1.0/24", "10.91.1.254");
    await engine.createNetwork("net-b", "10.91.2.0/24", "10.91.2.254");
    await engine.run({ name: "plain", network: "net-b" });
    await engine.run({ name: "chosen", network: "net-b", labels: { "fairlead.dev/network": "net-a" } });
    const plain = await api.pods.until<Pod>("plain", ready);
    assert.equal(plain.metadata.annotations?.["fairlead.dev/network"], "net-b");
    const noAddress = await api.pods.until<Pod>("chosen", not("NoAddress"));
    assert.match(JSON.stringify(noAddress.status?.conditions), /names the network net-a, and it is on net-b/);

    for (const name of ["plain", "chosen"]) await engine.docker("network", "connect", "net-a", name);
    const chosen = await api.pods.until<Pod>("chosen", ready);
    assert.equal(chosen.status?.podIP, await engine.address("chosen", "net-a"));
    assert.equal(api.pods.get("plain")?.status?.podIP, await engine.address("plain", "net-b"));

    await engine.docker("network", "disconnect", "net-b", "plain");
    const moved = await engine.address("plain", "net-a");
    await api.pods.until("plain", (pod) => pod?.status?.podIP === moved && ready(pod));
    await engine.docker("network", "disconnect", "net-a", "plain");
    await api.pods.until("plain", (pod) => readyOf(pod) === "NoAddress" && pod?.status?.podIP === undefined);
    await engine.docker("rm", "-f", "plain", "chosen");
    await engine.docker("network", "rm", "net-a", "net-b");
  });

  test("the host's network, another container's and none", async () => {
    await engine.run({ name: "owner" });
    await engine.run({ name: "sidecar", network: "container:owner", command: ["sleep", "60"] });
    await engine.run({ name: "on-host", network: "host", command: ["sleep", "60"] });
    await engine.run({ name: "alone", network: "none" });
    const sidecar = await api.pods.until<Pod>("sidecar", ready);
    assert.equal(sidecar.status?.podIP, await engine.address("owner", "bridge"));
    const onHost = await api.pods.until<Pod>("on-host", ready);
    assert.equal(onHost.spec?.hostNetwork, true);
    assert.equal(onHost.status?.podIP, "192.0.2.1");
    await api.pods.until("alone", not("NoAddress"));
    await engine.docker("kill", "owner");
    await api.pods.until("sidecar", not("NoAddress"));
  });

  test("the label fairlead.dev/namespace names the namespace, which is made", async () => {
    await engine.run({ name: "shopping", labels: { "fairlead.dev/namespace": "shop" } });
    await api.pods.until("shopping", ready, { namespace: "shop" });
    await api.client.get(namespaceKind, { name: "shop" });
    await engine.docker("rm", "-f", "shopping");
    await api.pods.until("shopping", absent, { namespace: "shop" });
  });

  test("a Pod that somebody deletes or empties comes back; others' Pods are left alone", async () => {
    const foreign: Pod = {
      metadata: { namespace: "default", name: "taken" },
      spec: { nodeName: "n2", containers: [{ name: "main", image: "other" }] },
    };
    const { metadata: theirs } = await api.client.create(podKind, foreign);
    const id = await engine.run({ name: "taken" });
    const name = `taken-${id.slice(0, 8)}`;
    const first = await api.pods.until<Pod>(name, ready);
    await api.client.delete(podKind, { namespace: "default", name }, { gracePeriodSeconds: 0 });
    const second = await api.pods.until<Pod>(
      name,
      (pod) => ready(pod) && pod?.metadata.uid !== first.metadata.uid,
    );
    await api.client.update(podKind, { ...second, status: { phase: "Unknown" } }, { subresource: "status" });
    await api.pods.until(name, (pod) => ready(pod) && pod?.status?.phase === "Running");
    assert.equal(api.pods.get("taken")?.metadata.resourceVersion, theirs.resourceVersion);
    await api.client.delete(podKind, { namespace: "default", name: "taken" }, { gracePeriodSeconds: 0 });
  });

  test("labels that people put on or take off the Pod stay as they made them", async () => {
    await engine.run({ name: "labelled", labels: { tier: "web" } });
    const pod = await api.pods.until<Pod>("labelled", ready);
    const labels = { ...pod.metadata.labels, tier: "debug", extra: "1" };
    await api.client.update(podKind, { ...pod, metadata: { ...pod.metadata, labels } });
    await engine.docker("pause", "labelled");
    const paused = await api.pods.until<Pod>("labelled", not("Paused"));
    assert.deepEqual(paused.metadata.labels, labels);
    await engine.docker("unpause", "labelled");
  });

  test("what happens while fairlead is away is found when it comes back, and nothing else is written", async () => {
    for (const name of ["stays", "stops", "goes", "pauses"]) await engine.run({ name });
    for (const name of ["stays", "stops", "goes", "pauses"]) await api.pods.until(name, ready);
    await mirror.stop();
    written.push(...mirror.written);
    const before = api.pods.get("stays")!.metadata.resourceVersion;
    await engine.docker("stop", "stops");
    await engine.docker("rm", "-f", "goes");
    await engine.docker("pause", "pauses");
    await engine.run({ name: "comes" });
    assert.equal(readyOf(api.pods.get("stops")), "True", "a stopped fairlead writes nothing");
    mirror = await startMirror(engine, api.client);
    // At once, not after a while: the first pass is complete.
    assert.equal(readyOf(await api.pods.until("stops", not("Exited"), { deadline: 100 })), "Exited");
    await api.pods.until("goes", absent, { deadline: 100 });
    await api.pods.until("pauses", not("Paused"), { deadline: 100 });
    await api.pods.until("comes", ready, { deadline: 100 });
    assert.equal(api.pods.get("stays")!.metadata.resourceVersion, before);
  });

  test("many at once: in the end every Pod is what its container is", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `many-${i}`);
    await Promise.all(names.map((name) => engine.run({ name })));
    await Promise.all(
      names.map(async (name, i) => {
        if (i % 3 === 0) await engine.docker("kill", name);
        else if (i % 3 === 1) await engine.docker("restart", "-t", "1", name);
      }),
    );
    for (const [i, name] of names.entries()) await api.pods.until(name, i % 3 === 0 ? not("Exited") : ready);
    for (const name of names.filter((_, i) => i % 3 !== 0))
      assert.equal(api.pods.get(name)?.status?.podIP, await engine.address(name, "bridge"));
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const)
    test(`an engine that ends by ${signal} and starts again is followed without a restart of ours`, async () => {
      await engine.run({ name: "always", options: ["--restart", "always"] });
      await engine.run({ name: "once" });
      await api.pods.until("always", ready);
      await api.pods.until("once", ready);
      await engine.stopDaemon(signal);
      await engine.startDaemon();
      await engine.run({ name: "new" });
      await api.pods.until("new", ready);
      await api.pods.until("once", not("Exited"));
      await api.pods.until("always", ready);
      assert.equal(api.pods.get("always")?.status?.podIP, await engine.address("always", "bridge"));
    });
});
