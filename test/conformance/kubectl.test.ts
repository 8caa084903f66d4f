/**
 * Upstream: test/e2e/kubectl/kubectl.go, with the real kubectl: the oldest and the newest of this machine. A controller's
 * pod is created by the test, as its controller would.
 */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { get as httpGet } from "node:http";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { V1EndpointSlice, V1Pod, V1Service } from "@kubernetes/client-node";
import type { Scope } from "../api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "../kubectl-fixture.ts";
import { NODE, startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";

const CI = process.env["CI"] === "true";
const SERVICE_START_TIMEOUT = 3 * 60_000;
const AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.56";
const HTTPD = "registry.k8s.io/e2e-test-images/httpd:2.4.38-4";
const BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1";
const LABELS = { app: "agnhost", role: "primary" };
const CONTAINER = {
  name: "agnhost-primary",
  image: AGNHOST,
  ports: [{ name: "agnhost-server", containerPort: 6379 }],
};

const found = findKubectls();
if (found.length === 0 && CI)
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (found.length === 0) test("[sig-cli] Kubectl client", { skip: "no kubectl on this machine" }, () => {});
const versions = [...new Set([found.at(0), found.at(-1)])].filter((one) => one !== undefined);

const cluster = await startCluster();
const { api } = cluster;

/** Each requirement's first text is in a line after the one before's, and its other texts are in that line. */
function checkOutput(output: string, required: readonly (readonly string[])[]): void {
  const lines = output.split("\n");
  let at = 0;
  for (const [first, ...others] of required) {
    while (at < lines.length && !lines[at]!.includes(first!)) at++;
    assert.ok(at < lines.length, `failed to find ${first} in ${output}`);
    for (const other of others) assert.ok(lines[at]!.includes(other), `no ${other} in ${lines[at]}`);
  }
}

/** Creates upstream's agnhost controller with kubectl, and its one pod as the controller would. */
async function startController(kubectl: Kubectl, namespace: string): Promise<string> {
  const controller = {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name: "agnhost-primary", labels: LABELS },
    spec: {
      replicas: 1,
      selector: LABELS,
      template: { metadata: { labels: LABELS }, spec: { containers: [CONTAINER] } },
    },
  };
  await kubectl.ok(["-n", namespace, "create", "-f", "-"], { input: JSON.stringify(controller) });
  const { metadata } = await api
    .core<V1Pod>("replicationcontrollers", namespace)
    .patch(
      "agnhost-primary",
      "merge",
      { status: { replicas: 1, readyReplicas: 1 } },
      { subresource: "status" },
    );
  const pod = await cluster.runPod(namespace, {
    metadata: {
      name: "agnhost-primary-x7k2p",
      labels: LABELS,
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "ReplicationController",
          name: metadata!.name,
          uid: metadata!.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: { nodeName: NODE, containers: [CONTAINER] },
  });
  const name = pod.metadata!.name!;
  // What a kubelet says of a container that runs.
  await api.core<V1Pod>("pods", namespace).patch(
    name,
    "strategic",
    {
      status: {
        qosClass: "BestEffort",
        containerStatuses: [
          {
            name: CONTAINER.name,
            image: AGNHOST,
            imageID: "",
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
          },
        ],
      },
    },
    { subresource: "status" },
  );
  return name;
}

for (const version of versions)
  suite(`kubectl ${version.version}`, { concurrency: false }, () => {
    const minor = Number(version.version.split(".")[1]);
    const begin = async (t: Scope): Promise<{ kubectl: Kubectl; ns: string; run: Kubectl["ok"] }> => {
      const home = await mkdtemp(join(cluster.directory, "home-"));
      const kubectl = kubectlFor(version, cluster.kubeconfig, home);
      const ns = await cluster.namespace(t, "kubectl");
      return { kubectl, ns, run: (args, options) => kubectl.ok(["-n", ns, ...args], options) };
    };

    test("[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions [Conformance]", async (t) => {
      const { run } = await begin(t);
      assert.match(await run(["api-versions"]), /^v1$/m);
    });

    test("[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info [Conformance]", async (t) => {
      const { run } = await begin(t);
      const output = await run(["cluster-info"]);
      assert.ok(output.includes("Kubernetes control plane"), output);
      assert.ok(output.includes("is running at"), output);
    });

    test("[sig-cli] Kubectl client Kubectl version should check is all data is printed [Conformance]", async (t) => {
      const { run } = await begin(t);
      const output = await run(["version"]);
      for (const side of ["Client Version: ", "Server Version: "]) {
        const long = String.raw`version.Info\{Major:"\d", Minor:"\d+\+?", GitVersion:"v\d\.\d+\.[\d\w\-\.\+]+", GitCommit:"[0-9a-f]+"`;
        const short = String.raw`v\d\.\d+\.[\d\w\-\.\+]+`;
        assert.match(output, new RegExp(`${side}(${long}|${short})`));
      }
    });

    test("[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods [Conformance]", async (t) => {
      const { kubectl, ns, run } = await begin(t);
      const pod = await startController(kubectl, ns);
      const service = {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "agnhost-primary", labels: LABELS },
        spec: { ports: [{ port: 6379, targetPort: "agnhost-server" }], selector: LABELS },
      };
      await run(["create", "-f", "-"], { input: JSON.stringify(service) });
      checkOutput(await run(["describe", "pod", pod]), [
        ["Name:", "agnhost-primary-"],
        ["Namespace:", ns],
        ["Node:"],
        ["Labels:", "app=agnhost"],
        ["role=primary"],
        ["Annotations:"],
        ["Status:", "Running"],
        ["IP:"],
        ["Controlled By:", "ReplicationController/agnhost-primary"],
        ["Image:", AGNHOST],
        ["State:", "Running"],
        ["QoS Class:", "BestEffort"],
      ]);
      checkOutput(await run(["describe", "rc", "agnhost-primary"]), [
        ["Name:", "agnhost-primary"],
        ["Namespace:", ns],
        ["Selector:", "app=agnhost,role=primary"],
        ["Labels:", "app=agnhost"],
        ["role=primary"],
        ["Annotations:"],
        ["Replicas:", "1 current", "1 desired"],
        ["Pods Status:", "1 Running", "0 Waiting", "0 Succeeded", "0 Failed"],
        ["Pod Template:"],
        ["Image:", AGNHOST],
        ["Events:"],
      ]);
      checkOutput(await run(["describe", "service", "agnhost-primary"]), [
        ["Name:", "agnhost-primary"],
        ["Namespace:", ns],
        ["Labels:", "app=agnhost"],
        ["role=primary"],
        ["Annotations:"],
        ["Selector:", "app=agnhost", "role=primary"],
        ["Type:", "ClusterIP"],
        ["IP:"],
        ["Port:", "<unset>", "6379/TCP"],
        ["Endpoints:"],
        ["Session Affinity:", "None"],
      ]);
      checkOutput(await run(["describe", "node", NODE]), [
        ["Name:", NODE],
        ["Labels:"],
        ["Annotations:"],
        ["CreationTimestamp:"],
        ["Conditions:"],
        ["Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message"],
        ["Addresses:"],
        ["Capacity:"],
        ["Version:"],
        ["Kernel Version:"],
        ["OS Image:"],
        ["Container Runtime Version:"],
        ["Kubelet Version:"],
        // Printed up to kubectl 1.33 at least; Kubernetes has given the field up.
        ...(minor <= 33 ? [["Kube-Proxy Version:"]] : []),
        ["Pods:"],
      ]);
      checkOutput(await run(["describe", "namespace", ns]), [
        ["Name:", ns],
        ["Labels:"],
        ["Annotations:"],
        ["Status:", "Active"],
      ]);
    });

    test("[sig-cli] Kubectl client Kubectl expose should create services for rc [Conformance]", async (t) => {
      const { kubectl, ns, run } = await begin(t);
      await startController(kubectl, ns);
      const expectService = async (name: string, port: number): Promise<void> => {
        await eventually(`the endpoint of ${name}`, SERVICE_START_TIMEOUT, async () => {
          const { items } = await api
            .of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns)
            .list({ labelSelector: `kubernetes.io/service-name=${name}` });
          const ports = items.flatMap(({ endpoints = [], ports = [] }) =>
            endpoints.flatMap(() => ports.map(({ port }) => port)),
          );
          if (ports.length === 0) return undefined;
          assert.deepEqual(ports, [6379]);
          return true;
        });
        const service = await api.core<V1Service>("services", ns).get(name);
        assert.equal(service.spec!.ports!.length, 1);
        assert.equal(service.spec!.ports![0]!.port, port);
        assert.equal(service.spec!.ports![0]!.targetPort, 6379);
      };
      await run(["expose", "rc", "agnhost-primary", "--name=rm2", "--port=1234", "--target-port=6379"]);
      await expectService("rm2", 1234);
      await run(["expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379"]);
      await expectService("rm3", 2345);
    });

    test("[sig-cli] Kubectl client Kubectl label should update the label on a resource [Conformance]", async (t) => {
      const { ns, run } = await begin(t);
      await cluster.runPod(ns, {
        metadata: { name: "pause", labels: { name: "pause" } },
        spec: { containers: [{ name: "pause", image: "pause" }] },
      });
      await run(["label", "pods", "pause", "testing-label=testing-label-value"]);
      const shown = (): Promise<string> => run(["get", "pod", "pause", "-L", "testing-label"]);
      assert.ok((await shown()).includes("testing-label-value"));
      await run(["label", "pods", "pause", "testing-label-"]);
      assert.ok(!(await shown()).includes("testing-label-value"));
    });

    test("[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc [Conformance]", async (t) => {
      const { kubectl, ns, run } = await begin(t);
      await startController(kubectl, ns);
      const pods = api.core<V1Pod>("pods", ns);
      const inController = { labelSelector: "app=agnhost" };
      for (const { metadata } of (await pods.list(inController)).items)
        await run(["patch", "pod", metadata!.name!, "-p", '{"metadata":{"annotations":{"x":"y"}}}']);
      const { items } = await pods.list(inController);
      assert.equal(items.length, 1);
      for (const { metadata } of items) assert.equal(metadata!.annotations!["x"], "y");
    });

    test("[sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never [Conformance]", async (t) => {
      const { ns, run } = await begin(t);
      await run(["run", "e2e-test-httpd-pod", "--restart=Never", `--image=${HTTPD}`]);
      const pod = await api.core<V1Pod>("pods", ns).get("e2e-test-httpd-pod");
      assert.deepEqual(
        pod.spec!.containers.map(({ image }) => image),
        [HTTPD],
      );
      assert.equal(pod.spec!.restartPolicy, "Never");
    });

    test("[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image [Conformance]", async (t) => {
      const { ns, run } = await begin(t);
      const name = "e2e-test-httpd-pod";
      await run(["run", name, `--image=${HTTPD}`, `--labels=run=${name}`]);
      const json = await run(["get", "pod", name, "-o", "json"]);
      assert.ok(json.includes(name));
      await run(["replace", "-f", "-"], { input: json.replace(HTTPD, BUSYBOX) });
      const pod = await api.core<V1Pod>("pods", ns).get(name);
      assert.deepEqual(
        pod.spec!.containers.map(({ image }) => image),
        [BUSYBOX],
      );
    });

    test("[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods [Conformance]", async (t) => {
      const { ns, run } = await begin(t);
      const name = "e2e-test-httpd-pod";
      await run(["run", name, `--image=${HTTPD}`, `--labels=run=${name}`]);
      const json = await run(["get", "pod", name, "-o", "json"]);
      assert.ok(json.includes(name));
      const patch = JSON.stringify({ spec: { containers: [{ name, image: BUSYBOX }] } });
      await run(["patch", "pod", name, "-p", patch, "--dry-run=server"]);
      const pod = await api.core<V1Pod>("pods", ns).get(name);
      assert.deepEqual(
        pod.spec!.containers.map(({ image }) => image),
        [HTTPD],
      );
    });

    test("[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments [Conformance]", async (t) => {
      const { kubectl, ns, run } = await begin(t);
      const labels = { app: "httpd" };
      const deployment = {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "httpd-deployment" },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name: "httpd", image: HTTPD, ports: [{ containerPort: 80 }] }] },
          },
        },
      };
      const input = JSON.stringify(deployment);
      await run(["apply", "-f", "-"], { input });
      // Beside upstream: no difference is no difference.
      assert.equal((await kubectl.run(["-n", ns, "diff", "-f", "-"], { input })).code, 0);
      const { code, stdout } = await kubectl.run(["-n", ns, "diff", "-f", "-"], {
        input: input.replace(HTTPD, BUSYBOX),
      });
      assert.equal(code, 1, "kubectl diff exits with 1 where there is a difference");
      for (const image of [HTTPD, BUSYBOX]) assert.ok(stdout.includes(image), stdout);
    });

    // Older ones fail on what is not there, whatever the server says.
    if (minor >= 25)
      test("[sig-cli] Kubectl client kubectl wait should ignore not found error with --for=delete", async (t) => {
        const { run } = await begin(t);
        await run(["wait", "--for=delete", "pod/doesnotexist"]);
        await run(["wait", "--for=delete", "pod", "--selector=app.kubernetes.io/name=noexist"]);
      });

    test("[sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]", async (t) => {
      const { kubectl } = await begin(t);
      for await (const line of kubectl.lines(["proxy", "-p", "0", "--disable-filter"])) {
        const port = Number(/Starting to serve on 127\.0\.0\.1:([0-9]+)/.exec(line)?.[1]);
        const { versions } = await throughProxy({ port, path: "/api/" });
        assert.ok(versions.length >= 1, "expected at least one supported API version");
        break;
      }
    });

    test("[sig-cli] Kubectl client Proxy server should support --unix-socket=/path [Conformance]", async (t) => {
      const { kubectl } = await begin(t);
      const socketPath = join(cluster.directory, `proxy-${version.version}`);
      for await (const line of kubectl.lines(["proxy", `--unix-socket=${socketPath}`])) {
        assert.match(line, /Starting to serve on/);
        const { versions } = await throughProxy({ socketPath, path: "/api" });
        assert.ok(versions.length >= 1, "expected at least one supported API version");
        break;
      }
    });
  });

async function throughProxy(to: {
  port?: number;
  socketPath?: string;
  path: string;
}): Promise<{ versions: string[] }> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  httpGet({ ...to, host: "localhost", agent: false }, (response) => {
    let text = "";
    response.on("data", (piece) => (text += String(piece)));
    response.on("end", () => resolve(text));
    response.on("error", reject);
  }).on("error", reject);
  return JSON.parse(await promise) as { versions: string[] };
}
