/** The runtime on loopback, with real processes; test/process-runtime.test.ts is the same with namespaces, as root. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { KubeObject } from "../../api/meta/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Container, Pod, PodSpec } from "../../api/pod/type.ts";
import { processStartTime } from "../../sys/process.ts";
import { FakePodApi } from "./fake-pod-api.ts";
import { createProcessRuntime, type ProcessRuntime, type ProcessRuntimeOptions } from "./runtime.ts";

const FAST = { initial: 20, limit: 100, reset: 60_000 };

/** A runtime over `api` with a directory of its own; `stop` leaves the pods running, disposing ends everything. */
class TestRuntime implements AsyncDisposable {
  readonly stateDir: string;
  readonly #api: FakePodApi;
  readonly #options: Partial<ProcessRuntimeOptions>;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #current: ProcessRuntime;

  constructor(api: FakePodApi, options: Partial<ProcessRuntimeOptions> = {}) {
    this.stateDir = mkdtempSync(join(tmpdir(), "fairlead-process-"));
    this.#api = api;
    this.#options = { isolation: "loopback", podCidrs: ["127.245.0.0/28"], restartDelays: FAST, ...options };
    this.#current = this.#runtime();
  }

  async start(): Promise<this> {
    this.#abort = new AbortController();
    const { promise: synced, resolve } = Promise.withResolvers<void>();
    this.#current = this.#runtime();
    this.#running = this.#current.run(this.#abort.signal, resolve);
    await Promise.race([synced, this.#running]);
    return this;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  records(): string[] {
    return readdirSync(join(this.stateDir, "pods"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current.cleanup();
    await this.#running;
    rmSync(this.stateDir, { recursive: true });
  }

  #runtime(): ProcessRuntime {
    const options = { nodeName: "node-a", stateDir: this.stateDir, ...this.#options };
    return createProcessRuntime(options)({ client: this.#api });
  }
}

const container = (script: string, more: Partial<Container> = {}): Container => ({
  name: "main",
  command: ["/bin/sh", "-c", script],
  ...more,
});
const one = (script: string, more: Partial<PodSpec> = {}): PodSpec => ({
  containers: [container(script)],
  ...more,
});
const state = (
  pod: Pod | undefined,
): NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number] | undefined =>
  pod?.status?.containerStatuses?.[0];
const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
const pidOf = (pod: Pod | undefined): number =>
  Number(/process:\/\/(\d+)-/.exec(state(pod)?.containerID ?? "")?.[1]);

test("a pod bound to this node runs, is ready, and has an address of its own", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  api.add("a", one("exec sleep 60"));
  api.add("b", one("exec sleep 60"));
  const a = await api.until("a", isReady);
  const b = await api.until("b", isReady);
  assert.equal(a!.status!.phase, "Running");
  assert.equal(a!.status!.podIP, "127.245.0.1");
  assert.deepEqual(b!.status!.podIPs, [{ ip: "127.245.0.2" }]);
  assert.equal(a!.status!.hostIP, "127.0.0.1");
  assert.deepEqual(a!.status!.conditions!.map(({ type, status }) => `${type}=${status}`).sort(), [
    "ContainersReady=True",
    "Initialized=True",
    "PodReadyToStartContainers=True",
    "PodScheduled=True",
    "Ready=True",
  ]);
  assert.ok(state(a)!.state!.running!.startedAt);
  assert.deepEqual([state(a)!.ready, state(a)!.started, state(a)!.restartCount], [true, true, 0]);
  assert.ok(processStartTime(pidOf(a)));
  assert.equal(runtime.records().length, 2);
});

test("pods of other nodes, other schedulers and other runtimes are left alone; unbound ones are bound", async () => {
  const api = new FakePodApi();
  await using _runtime = await new TestRuntime(api).start();
  api.add("elsewhere", one("exec sleep 60", { nodeName: "node-b" }));
  api.add("mirrored", one("exec sleep 60"), { annotations: { "fairlead.dev/runtime": "docker" } });
  api.add("custom", one("exec sleep 60", { nodeName: "", schedulerName: "mine" }));
  api.add("gated", one("exec sleep 60", { nodeName: "", schedulingGates: [{ name: "example.com/wait" }] }));
  api.add("unbound", one("exec sleep 60", { nodeName: "" }));
  const bound = await api.until("unbound", isReady);
  assert.equal(bound!.spec!.nodeName, "node-a");
  assert.equal(bound!.metadata.annotations!["fairlead.dev/runtime"], "process");
  for (const name of ["elsewhere", "mirrored", "custom", "gated"])
    assert.equal(api.pod(name)!.status, undefined, name);
  for (const name of ["custom", "gated"]) assert.equal(api.pod(name)!.spec!.nodeName, "", name);
  const patch = { metadata: {}, spec: { schedulingGates: [] } };
  await api.patch(podKind, { name: "gated" }, "merge", patch);
  assert.equal((await api.until("gated", isReady))!.spec!.nodeName, "node-a");
});

test("the environment names the pod, and variables are expanded in env and in the command", async () => {
  const api = new FakePodApi();
  await using _runtime = await new TestRuntime(api).start();
  const env = [
    { name: "WHO", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "WHERE", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
    { name: "URL", value: "http://$(WHERE):80/$(MISSING)" },
  ];
  const script = 'echo "$POD_NAME $POD_NAMESPACE $POD_IP $HOSTNAME $1"; exit 1';
  const args = ["sh", "$(WHO)@$(URL) $$(WHO)"];
  api.add("a", { restartPolicy: "Never", containers: [{ ...container(script), args, env }] });
  const pod = await api.until("a", (pod) => pod?.status?.phase === "Failed");
  assert.equal(
    state(pod)!.state!.terminated!.message,
    "a default 127.245.0.1 a a@http://127.245.0.1:80/$(MISSING) $(WHO)\n",
    "the output of a failed container is its message",
  );
});

test("a container is told of Services, and waits for the ConfigMap that it refers to", async () => {
  const api = new FakePodApi();
  api.others.set("Service web", {
    metadata: { namespace: "default", name: "web" },
    spec: { clusterIP: "10.96.0.7", ports: [{ port: 80 }] },
  } as KubeObject);
  await using _runtime = await new TestRuntime(api).start();
  const from = { name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "x" } } };
  api.add("told", {
    restartPolicy: "Never",
    containers: [
      {
        ...container('test "$X $WEB_SERVICE_HOST $WEB_PORT_80_TCP_ADDR" = "1 10.96.0.7 10.96.0.7"'),
        env: [from],
      },
    ],
  });
  await api.until("told", (pod) => state(pod)?.state?.waiting?.message === 'configmap "settings" not found');
  api.others.set("ConfigMap settings", { metadata: { name: "settings" }, data: { x: "1" } } as KubeObject);
  await api.until("told", (pod) => pod?.status?.phase === "Succeeded");
});

test("a preStop hook comes before SIGTERM, and a postStart hook that fails ends the container", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  const said = join(runtime.stateDir, "said");
  api.add("hooks", {
    containers: [
      {
        ...container(`trap 'echo term >> ${said}; exit 0' TERM; touch ${said}; while :; do sleep 0.05; done`),
        readinessProbe: { exec: { command: ["test", "-e", said] } },
        lifecycle: { preStop: { exec: { command: ["/bin/sh", "-c", `sleep 0.1; echo hook >> ${said}`] } } },
      },
    ],
  });
  await api.until("hooks", isReady);
  api.remove("hooks", 5);
  await api.until("hooks", (pod) => pod === undefined);
  assert.equal(readFileSync(said, "utf8"), "hook\nterm\n");

  api.add("bad-start", {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 1,
    containers: [
      { ...container("exec sleep 60"), lifecycle: { postStart: { exec: { command: ["/bin/false"] } } } },
    ],
  });
  await api.until("bad-start", (pod) => pod?.status?.phase === "Failed");
});

test("how a container ends decides the phase and whether it is started again", async () => {
  const api = new FakePodApi();
  await using _runtime = await new TestRuntime(api).start();
  api.add("done", one("exit 0", { restartPolicy: "Never" }));
  api.add("failed", one("exit 3", { restartPolicy: "Never" }));
  api.add("killed", one("kill -9 $$$$", { restartPolicy: "Never" }));
  api.add("completes", one("exit 0", { restartPolicy: "OnFailure" }));
  api.add("again", one("exit 0"));
  api.add("retries", one("exit 7", { restartPolicy: "OnFailure" }));
  const ended = (pod: Pod | undefined): boolean => ["Succeeded", "Failed"].includes(pod?.status?.phase ?? "");
  const done = await api.until("done", ended);
  assert.deepEqual([done!.status!.phase, state(done)!.state!.terminated!.reason], ["Succeeded", "Completed"]);
  const ready = done!.status!.conditions!.find(({ type }) => type === "Ready");
  assert.deepEqual([ready!.status, ready!.reason], ["False", "PodCompleted"]);
  const failed = await api.until("failed", ended);
  assert.deepEqual([failed!.status!.phase, state(failed)!.state!.terminated!.exitCode], ["Failed", 3]);
  const killed = state(await api.until("killed", ended))!.state!.terminated!;
  assert.deepEqual([killed.exitCode, killed.signal, killed.reason], [137, 9, "Error"]);
  assert.equal((await api.until("completes", ended))!.status!.phase, "Succeeded");
  for (const name of ["again", "retries"]) {
    const pod = await api.until(name, (pod) => (state(pod)?.restartCount ?? 0) >= 3);
    assert.equal(pod!.status!.phase, "Running", name);
    assert.ok(state(pod)!.lastState!.terminated, name);
  }
  const waits = await api.until(
    "retries",
    (pod) => state(pod)?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  assert.match(
    state(waits)!.state!.waiting!.message!,
    /^back-off \d+s restarting failed container=main pod=default\/retries$/,
  );
  assert.equal(state(waits)!.lastState!.terminated!.exitCode, 7);
});

test("a container without a command, or with one that cannot run, says why", async () => {
  const api = new FakePodApi();
  await using _runtime = await new TestRuntime(api).start();
  api.add("image", { containers: [{ name: "main", image: "nginx" }] });
  api.add("missing", {
    restartPolicy: "Never",
    containers: [{ name: "main", command: ["/no/such/program"] }],
  });
  const secret = { name: "KEY", valueFrom: { secretKeyRef: { name: "s", key: "k" } } };
  api.add("secret", { containers: [{ ...container("exit 0"), env: [secret] }] });
  const image = await api.until("image", (pod) => state(pod)?.state?.waiting?.reason === "ErrImageNeverPull");
  assert.equal(image!.status!.phase, "Pending");
  assert.match(
    state(image)!.state!.waiting!.message!,
    /pulls no images, so image "nginx" says nothing: give container main a command/,
  );
  const missing = await api.until("missing", (pod) => pod?.status?.phase === "Failed");
  assert.deepEqual(
    [state(missing)!.state!.terminated!.exitCode, state(missing)!.state!.terminated!.reason],
    [128, "StartError"],
  );
  assert.match(state(missing)!.state!.terminated!.message!, /ENOENT/);
  const config = await api.until(
    "secret",
    (pod) => state(pod)?.state?.waiting?.reason === "CreateContainerConfigError",
  );
  assert.match(state(config)!.state!.waiting!.message!, /secret "s" not found/);
  for (const name of ["image", "secret"]) {
    api.remove(name, 30);
    await api.until(name, (pod) => pod === undefined);
  }
});

test("a deleted pod gets SIGTERM, then SIGKILL when its grace is over, and then it is gone", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  api.add("polite", one("trap 'exit 0' TERM; while :; do sleep 0.01; done"));
  api.add("stubborn", one("trap '' TERM; while :; do sleep 0.01; done"));
  const stubborn = pidOf(await api.until("stubborn", isReady));
  await api.until("polite", isReady);
  const phases: unknown[] = [];
  const gone = api.until("polite", (pod) => {
    phases.push(state(pod)?.state?.terminated?.exitCode);
    return pod === undefined;
  });
  api.remove("polite", 30);
  await gone;
  assert.ok(phases.includes(0), "its end is told before it is gone");
  api.remove("stubborn", 30);
  assert.ok(processStartTime(stubborn));
  // A second delete may only shorten the grace.
  api.remove("stubborn", 1);
  await api.until("stubborn", (pod) => pod === undefined);
  assert.equal(processStartTime(stubborn), undefined);
  await until(() => runtime.records().length === 0);
});

test("a pod whose deletion is forced is ended, with what its container left in the background", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  api.add("a", one("setsid sleep 61 & setsid sleep 62 & exec sleep 60"));
  const pid = pidOf(await api.until("a", isReady));
  api.remove("a", 0);
  await until(() => runtime.records().length === 0);
  assert.equal(processStartTime(pid), undefined);
});

test("readiness and liveness follow the probes", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  const file = join(runtime.stateDir, "ready");
  const readinessProbe = { exec: { command: ["test", "-e", file] }, periodSeconds: 1, failureThreshold: 1 };
  api.add("slow", { containers: [container(`sleep 0.2; touch ${file}; exec sleep 60`, { readinessProbe })] });
  const started = await api.until("slow", (pod) => state(pod)?.state?.running !== undefined);
  assert.equal(isReady(started), false);
  const condition = started!.status!.conditions!.find(({ type }) => type === "Ready");
  assert.deepEqual(
    [condition!.reason, condition!.message],
    ["ContainersNotReady", "containers with unready status: [main]"],
  );
  await api.until("slow", isReady);
  rmSync(file);
  await api.until("slow", (pod) => !isReady(pod));

  const port = 20_000 + (process.pid % 10_000);
  const script = `require("http").createServer((q, r) => { r.statusCode = q.url === "/ok" ? 200 : 500; r.end() }).listen(${port}, process.env.POD_IP)`;
  const server = {
    name: "main",
    command: [process.execPath, "-e", script],
    ports: [{ name: "web", containerPort: port }],
  };
  api.add("http", { containers: [{ ...server, readinessProbe: { httpGet: { port: "web", path: "/ok" } } }] });
  await api.until("http", isReady);
  const livenessProbe = { httpGet: { port, path: "/bad" }, periodSeconds: 1, failureThreshold: 1 };
  const startupProbe = { tcpSocket: { port } };
  api.add("sick", { containers: [{ ...server, livenessProbe, startupProbe }] });
  const sick = await api.until("sick", (pod) => (state(pod)?.restartCount ?? 0) > 0, 10_000);
  assert.equal(state(sick)!.lastState!.terminated!.signal, 15);
});

test("init containers run first and one after the other; a failing one keeps the pod from starting", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  const file = join(runtime.stateDir, "order");
  const step = (name: string): Container => container(`sleep 0.05; echo ${name} >> ${file}`, { name });
  const initContainers = [step("first"), step("second")];
  api.add("a", { restartPolicy: "Never", initContainers, containers: [container(`cat ${file}; exit 1`)] });
  const pod = await api.until("a", (pod) => pod?.status?.phase === "Failed");
  assert.equal(state(pod)!.state!.terminated!.message, "first\nsecond\n");
  assert.deepEqual(
    pod!.status!.initContainerStatuses!.map(({ state }) => state!.terminated!.exitCode),
    [0, 0],
  );

  api.add("b", {
    restartPolicy: "Never",
    initContainers: [container("exit 5", { name: "bad" })],
    containers: [container("exit 0")],
  });
  const failed = await api.until("b", (pod) => pod?.status?.phase === "Failed");
  assert.equal(state(failed)!.state!.waiting!.reason, "PodInitializing");
  const initialized = failed!.status!.conditions!.find(({ type }) => type === "Initialized");
  assert.match(initialized!.message!, /\[bad\]/);
});

test("pods go on while the runtime is down, and are adopted with their address and counts", async () => {
  const api = new FakePodApi();
  await using runtime = await new TestRuntime(api).start();
  api.add("stays", one("exec sleep 60"));
  api.add("deleted", one("exec sleep 60"));
  api.add("dies", one("exec sleep 60"));
  api.add("done", one("exit 0", { restartPolicy: "Never" }));
  const stays = await api.until("stays", isReady);
  const deleted = pidOf(await api.until("deleted", isReady));
  const dies = pidOf(await api.until("dies", isReady));
  await api.until("done", (pod) => pod?.status?.phase === "Succeeded");
  await runtime.stop();
  assert.ok(processStartTime(pidOf(stays)), "it runs on");
  process.kill(dies, "SIGKILL");
  api.remove("deleted", 0);
  api.add("new", one("exec sleep 60"));

  await runtime.start();
  assert.equal(processStartTime(deleted), undefined, "what belongs to no pod is ended");
  const died = await api.until("dies", (pod) => isReady(pod) && state(pod)?.restartCount === 1);
  assert.equal(state(died)!.lastState!.terminated!.reason, "ContainerStatusUnknown");
  const fresh = await api.until("new", isReady);
  const adopted = await api.until("stays", isReady);
  assert.equal(pidOf(adopted), pidOf(stays));
  assert.deepEqual(state(adopted)!.state, state(stays)!.state);
  const addresses = [fresh, adopted, died].map((pod) => pod!.status!.podIP);
  assert.equal(new Set(addresses).size, 3);
  assert.equal(adopted!.status!.podIP, stays!.status!.podIP);
  assert.equal(api.pod("done")!.status!.phase, "Succeeded", "what had ended is not run again");

  process.kill(pidOf(adopted), "SIGTERM");
  await api.until("stays", (pod) => state(pod)?.restartCount === 1);
  api.remove("stays", 30);
  await api.until("stays", (pod) => pod === undefined);
});

test("a status that could not be written is written later; addresses run out and come back", async () => {
  const api = new FakePodApi();
  // Room for one pod: the first and the last address are not given.
  await using _runtime = await new TestRuntime(api, { podCidrs: ["127.245.1.4/30"] }).start();
  api.failures = 2;
  api.add("a", one("exec sleep 60"));
  api.add("b", one("exec sleep 60"));
  await Promise.all([api.until("a", isReady), api.until("b", isReady)]);
  api.add("c", one("exec sleep 60"));
  const c = await api.until("c", (pod) => state(pod)?.state?.waiting?.message !== undefined);
  assert.equal(
    state(c)!.state!.waiting!.message,
    "no network: all addresses are taken (loopback addresses 127.245.1.4/30)",
  );
  api.remove("a", 1);
  await api.until("c", isReady);
  assert.equal(api.pod("c")!.status!.podIP, "127.245.1.5");
});

test("a readiness gate keeps a ready pod from being Ready until its condition is True", async () => {
  const api = new FakePodApi();
  await using _runtime = await new TestRuntime(api).start();
  const gate = "example.com/gate";
  api.add("a", one("exec sleep 60", { readinessGates: [{ conditionType: gate }] }));
  const closed = await api.until("a", (pod) => state(pod)?.ready === true);
  assert.equal(
    closed!.status!.conditions!.find(({ type }) => type === "Ready")!.reason,
    "ReadinessGatesNotReady",
  );
  const conditions = [...closed!.status!.conditions!, { type: gate, status: "True" as const }];
  await api.patch({} as never, { name: "a" }, "merge", { metadata: {}, status: { conditions } });
  const open = await api.until("a", isReady);
  assert.ok(
    open!.status!.conditions!.some(({ type }) => type === gate),
    "the gate's condition is kept",
  );
});

test("cleanup ends what runs, and the next run starts the pods afresh", async () => {
  const api = new FakePodApi();
  const runtime = await new TestRuntime(api).start();
  api.add("a", one("exec sleep 60"));
  const pid = pidOf(await api.until("a", isReady));
  await runtime[Symbol.asyncDispose]();
  assert.equal(processStartTime(pid), undefined);
  await using _again = await new TestRuntime(api).start();
  await api.until("a", (pod) => isReady(pod) && pidOf(pod) !== pid);
});

/** Waits for what no event tells, with a deadline. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `not so in time: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
