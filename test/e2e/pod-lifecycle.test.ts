/** Upstream: test/e2e/network/pod_lifecycle.go, with the pods on different nodes. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { test } from "node:test";
import type { V1EndpointSlice } from "@kubernetes/client-node";
import { eventually, FOREVER } from "../lab/eventually.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod, NetexecWishes } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { ask, ENDPOINT_LAG, expectHosts, kinds } from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;
const [node1, node2] = skip === false ? cluster.nodes : [];

/** How long upstream looks at what goes on while a pod terminates is 15 s; ours, milliseconds. */
const LOOK = 2000;
const GATE = "k8s.io/blue-green";

/** A server that goes on for `seconds` after it was told to end. */
function lasting(name: string, node: typeof node1, seconds: number): NetexecWishes {
  return {
    name,
    node: node!,
    httpPorts: [80],
    delayShutdown: seconds,
    spec: { terminationGracePeriodSeconds: seconds },
  };
}

async function isTerminating(ns: ClusterPods, pod: LabPod): Promise<boolean> {
  return (await ns.pods.get(pod.name)).metadata!.deletionTimestamp !== undefined;
}

for (const [title, deleted] of [
  ["connect from a Pod to a terminating Pod", "server"],
  ["connect to other Pod from a terminating Pod", "client"],
] as const)
  test(`[sig-network] Connectivity Pod Lifecycle should be able to ${title}`, { skip }, async (t) => {
    const ns = await cluster.namespace(t, "podlifecycle");
    const [server, client] = await Promise.all([
      ns.netexec(lasting("webserver-pod", node1, 20)),
      ns.netexec(lasting("pause-pod-1", node2, 20)),
    ]);
    for (const host of server.ips) await expectHosts(client, { host, port: 80 }, [server.name]);
    const going = deleted === "server" ? server : client;
    await ns.pods.delete(going.name);
    const end = performance.now() + LOOK;
    while (performance.now() < end) {
      for (const host of server.ips)
        assert.deepEqual(kinds(await ask(client, { host, port: 80 }, 5)), [server.name]);
      await setTimeout(20);
    }
    assert.ok(await isTerminating(ns, going), "it was there all the time");
  });

async function setGate(ns: ClusterPods, pod: LabPod, status: "True" | "False"): Promise<void> {
  const patch = { status: { conditions: [{ type: GATE, status }] } };
  await ns.pods.patch(pod.name, "strategic", patch, { subresource: "status" });
}

/** WaitForEndpointSlices. */
async function untilReady(ns: ClusterPods, service: string, pod: LabPod, ready: boolean): Promise<void> {
  const slices = ns.api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns.namespace);
  await eventually(`${pod.name} is ${ready ? "" : "not "}ready`, FOREVER, async () => {
    const { items } = await slices.list({ labelSelector: `kubernetes.io/service-name=${service}` });
    const found = items
      .flatMap(({ endpoints }) => endpoints ?? [])
      .find(({ targetRef }) => targetRef?.name === pod.name);
    return found?.conditions?.ready === ready ? true : undefined;
  });
}

test(
  "[sig-network] Connectivity Pod Lifecycle should be able to have zero downtime on a Blue Green deployment using Services and Readiness Gates",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "podlifecycle");
    const name = "blue-green-svc";
    const labels = { testid: name };
    const { spec } = await ns.service(name, {
      selector: labels,
      ports: [{ name: "http", port: 80, targetPort: 80, protocol: "TCP" }],
    });
    const create = async (pod: string, node: typeof node1): Promise<LabPod> => {
      const wishes = lasting(pod, node, 2);
      const gates = { readinessGates: [{ conditionType: GATE }] };
      await ns.createNetexec({ ...wishes, labels, spec: { ...wishes.spec, ...gates } });
      const made = await ns.running(pod, false);
      const { conditions = [] } = (await ns.pods.get(pod)).status!;
      assert.notEqual(conditions.find(({ type }) => type === "Ready")?.status, "True");
      return made;
    };
    const [blue, green] = await Promise.all([create("blue-pod", node1), create("green-pod", node2)]);
    const clients = await Promise.all(
      cluster.nodes.map((node) => ns.pause({ name: `client-pod-${node.name}`, node })),
    );
    const target = { host: spec!.clusterIP!, port: 80 };
    // A container without a probe runs before its program listens.
    for (const pod of [blue, green]) await expectHosts(clients[0]!, { host: pod.ip, port: 80 }, [pod.name]);
    await setGate(ns, blue, "True");
    await untilReady(ns, name, blue, true);
    for (const client of clients) await expectHosts(client, target, [blue.name], { limit: 30_000 });

    // From here on nobody may be refused: requests go on while the switch is made.
    const over = new AbortController();
    const failures: string[] = [];
    const going = clients.map(async (client) => {
      while (!over.signal.aborted) {
        const seen = kinds(await ask(client, target, 4));
        failures.push(...seen.filter((said) => said !== blue.name && said !== green.name));
        await setTimeout(5);
      }
    });
    await setGate(ns, green, "True");
    await untilReady(ns, name, green, true);
    await setGate(ns, blue, "False");
    await untilReady(ns, name, blue, false);
    for (const client of clients) {
      await expectHosts(client, target, [green.name], { limit: ENDPOINT_LAG });
      // And ONLY the green pod, five times.
      assert.deepEqual(kinds(await ask(client, target, 5)), [green.name]);
    }
    over.abort();
    await Promise.all(going);
    assert.deepEqual(failures, []);
  },
);
