import assert from "node:assert/strict";
import { test } from "node:test";
import { container, type ContainerParts, ID } from "./container-fixture.ts";
import { podOf, type PodContext } from "./pod-of.ts";

const context: PodContext = {
  nodeName: "n1",
  nodeAddresses: ["192.0.2.1", "2001:db8::1"],
  container: () => undefined,
  namespaceOfNetwork: () => undefined,
};

test("a running container as a Pod, whole", () => {
  const running = container({
    config: {
      Labels: { tier: "web", "has space": "x" },
      ExposedPorts: { "443/tcp": {}, "80/tcp": {}, "80/udp": {} },
      StopTimeout: 30,
    },
    host: { NetworkMode: "front", RestartPolicy: { Name: "unless-stopped" } },
    networks: { front: { IPAddress: "10.1.1.4", GlobalIPv6Address: "fd10::4" } },
  });
  const pod = podOf(running, context);
  const unusable = JSON.parse(pod.metadata.annotations!["fairlead.dev/unusable-labels"]!) as object;
  assert.deepEqual(Object.keys(unusable), ["has space"]);
  assert.deepEqual(pod, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web-1",
      namespace: "default",
      labels: { tier: "web", "fairlead.dev/runtime": "docker" },
      annotations: {
        "fairlead.dev/runtime": "docker",
        "fairlead.dev/container-id": ID,
        "fairlead.dev/container-name": "web-1",
        "fairlead.dev/network": "front",
        "fairlead.dev/unusable-labels": JSON.stringify(unusable),
      },
    },
    spec: {
      nodeName: "n1",
      containers: [
        {
          name: "web-1",
          image: "alpine",
          ports: [
            { name: "p-80-tcp", containerPort: 80, protocol: "TCP" },
            { name: "p-80-udp", containerPort: 80, protocol: "UDP" },
            { name: "p-443-tcp", containerPort: 443, protocol: "TCP" },
          ],
        },
      ],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: false,
    },
    status: {
      phase: "Running",
      conditions: [
        { type: "PodScheduled", status: "True" },
        { type: "Initialized", status: "True" },
        { type: "ContainersReady", status: "True" },
        { type: "Ready", status: "True" },
      ],
      hostIP: "192.0.2.1",
      hostIPs: [{ ip: "192.0.2.1" }],
      podIP: "10.1.1.4",
      podIPs: [{ ip: "10.1.1.4" }, { ip: "fd10::4" }],
      startTime: "2026-01-02T03:04:05Z",
      containerStatuses: [
        {
          name: "web-1",
          state: { running: { startedAt: "2026-01-02T03:04:06Z" } },
          ready: true,
          started: true,
          restartCount: 0,
          image: "alpine",
          imageID: "docker://sha256:0123",
          containerID: `docker://${ID}`,
        },
      ],
    },
  });
});

const ENDED = { Running: false, Status: "exited", FinishedAt: "2026-01-02T04:00:00Z" };

test("which phase, readiness and reason each state of a container has", () => {
  const table: [string, ContainerParts, string, string, RegExp?][] = [
    ["running", {}, "Running", "True"],
    ["healthy", { state: { Health: { Status: "healthy" } } }, "Running", "True"],
    ["no health check (Podman)", { state: { Health: { Status: "" } } }, "Running", "True"],
    ["no health check (Docker)", { state: { Health: { Status: "none" } } }, "Running", "True"],
    ["starting", { state: { Health: { Status: "starting" } } }, "Running", "HealthCheckStarting"],
    [
      "unhealthy",
      { state: { Health: { Status: "unhealthy", FailingStreak: 3 } } },
      "Running",
      "HealthCheckFailing",
      /3 times in a row.*web-1/,
    ],
    ["paused", { state: { Status: "paused", Paused: true } }, "Running", "Paused", /docker unpause web-1/],
    [
      "waiting for a restart",
      { state: { Status: "restarting", Restarting: true, ExitCode: 1 } },
      "Running",
      "Restarting",
      /exit code 1/,
    ],
    ["without an address", { networks: {} }, "Running", "NoAddress", /on no network/],
    [
      "created",
      { state: { Status: "created", Running: false } },
      "Pending",
      "NotStarted",
      /docker start web-1/,
    ],
    [
      "could not start",
      { state: { Status: "created", Running: false, ExitCode: 127, Error: "no such file: serve" } },
      "Pending",
      "NotStarted",
      /could not be started: no such file/,
    ],
    ["ended well", { state: ENDED }, "Succeeded", "Exited", /exit code 0/],
    ["ended badly", { state: { ...ENDED, ExitCode: 3 } }, "Failed", "Exited", /exit code 3$/],
    ["killed", { state: { ...ENDED, ExitCode: 137 } }, "Failed", "Exited", /exit code 137 \(SIGKILL\)/],
    [
      "out of memory",
      { state: { ...ENDED, ExitCode: 137, OOMKilled: true } },
      "Failed",
      "Exited",
      /more memory/,
    ],
    ["dead", { state: { ...ENDED, Status: "dead", Dead: true } }, "Failed", "Exited"],
  ];
  for (const [what, parts, phase, reason, message] of table) {
    const { status } = podOf(container(parts), context);
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    assert.equal(status?.phase, phase, what);
    assert.equal(ready?.status === "True" ? "True" : ready?.reason, reason, what);
    if (message !== undefined) assert.match(ready?.message ?? "", message, what);
    assert.equal(status?.containerStatuses?.[0]?.ready, reason === "True", what);
  }
});

test("only a container that runs has an address: an ended one's may be another's", () => {
  const table: [ContainerParts["state"], string | undefined][] = [
    [{}, "172.17.0.2"],
    [{ Paused: true }, "172.17.0.2"],
    [{ Health: { Status: "unhealthy" } }, "172.17.0.2"],
    [{ Restarting: true }, undefined],
    [ENDED, undefined],
    [{ Running: false, Status: "created" }, undefined],
  ];
  for (const [state, podIP] of table)
    assert.equal(podOf(container({ state: state! }), context).status?.podIP, podIP, JSON.stringify(state));
});

test("how a container ended is told in the terms of a Pod", () => {
  const state = { ...ENDED, ExitCode: 143 };
  const [status] = podOf(container({ state }), context).status!.containerStatuses!;
  assert.deepEqual(status?.state?.terminated, {
    exitCode: 143,
    signal: 15,
    reason: "Error",
    containerID: `docker://${ID}`,
    startedAt: "2026-01-02T03:04:06Z",
    finishedAt: "2026-01-02T04:00:00Z",
  });
});

test("on the host's network the Pod is one of the host's network", () => {
  const host = container({ host: { NetworkMode: "host" }, config: { ExposedPorts: { "80/tcp": {} } } });
  const { spec, status } = podOf(host, context);
  assert.equal(spec?.hostNetwork, true);
  assert.deepEqual(status?.podIPs, [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }]);
  // Kubernetes asks for it on the host's network.
  assert.equal(spec?.containers[0]?.ports?.[0]?.hostPort, 80);
});

test("the networks that it is on besides its own are told with its addresses there, while it runs", () => {
  const two = {
    back: { IPAddress: "10.2.2.4", GlobalIPv6Address: "fd10::4" },
    away: { IPAddress: "10.3.3.4" },
    front: { IPAddress: "10.1.1.4" },
    none: { IPAddress: "" },
  };
  const told = (parts: ContainerParts): unknown =>
    podOf(container({ networks: two, ...parts }), context).status?.conditions?.find(
      ({ type }) => type === "fairlead.dev/OtherNetworks",
    )?.message;
  const host = { NetworkMode: "front" };
  assert.equal(told({ host }), '{"away":["10.3.3.4"],"back":["10.2.2.4","fd10::4"]}');
  const label = { Labels: { "fairlead.dev/network": "elsewhere" } };
  assert.match(String(told({ host, config: label })), /"front":\["10\.1\.1\.4"\]/);
  assert.equal(told({ host, state: ENDED }), undefined);
  assert.equal(told({ host, networks: { front: two.front } }), undefined);
});
