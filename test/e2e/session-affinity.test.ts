/** Upstream: test/e2e/network/service.go, session affinity. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import { setTimeout } from "node:timers/promises";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import type { Target } from "../lab/requests.ts";
import { ask, expectHosts, expectReachable, kinds } from "./reach.ts";

/** AffinityConfirmCount and AffinityTimeout of upstream's jig. */
const CONFIRM_COUNT = 15;
const AFFINITY_TIMEOUT = 2 * 60_000;
/** Upstream's svcSessionAffinityTimeout is 10 s, and it looks again after 5 s more. */
const SESSION_SECONDS = 2;

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;

interface AffinityLab {
  readonly ns: ClusterPods;
  readonly client: LabPod;
  readonly hosts: readonly string[];
  readonly service: Wire<V1Service>;
  readonly target: Target;
}

/** Three servers, a client, and where the client asks: the cluster IP, or the node port of the first node. */
async function affinityLab(
  ns: ClusterPods,
  type: "ClusterIP" | "NodePort",
  spec: object,
): Promise<AffinityLab> {
  const name = `affinity-${type.toLowerCase()}`;
  const labels = { name };
  const service = await ns.service(name, {
    type,
    selector: labels,
    ports: [{ port: 80, targetPort: 9376 }],
    ...spec,
  });
  const pods = await ns.replicas({ name, labels, httpPorts: [9376] }, 3);
  const client = await ns.pause({ name: "execpod-affinity" });
  const target =
    type === "ClusterIP"
      ? { host: service.spec!.clusterIP!, port: 80 }
      : { host: cluster.nodes[0]!.host.address4, port: service.spec!.ports![0]!.nodePort! };
  await expectReachable(client, target);
  return { ns, client, hosts: pods.map((pod) => pod.name), service, target };
}

/** checkAffinity(shouldHold): as many answers of one host in a row as upstream wants. */
async function expectSticky({ client, target, hosts }: AffinityLab): Promise<void> {
  const end = performance.now() + AFFINITY_TIMEOUT;
  for (;;) {
    const seen = kinds(await ask(client, target, CONFIRM_COUNT));
    if (seen.length === 1 && hosts.includes(seen[0]!)) return;
    assert.ok(performance.now() < end, `no affinity: ${seen.join()}`);
  }
}

for (const type of ["ClusterIP", "NodePort"] as const) {
  const word = type === "ClusterIP" ? "service with type clusterIP" : "NodePort service";
  test(
    `[sig-network] Services should have session affinity work for ${word} [LinuxOnly] [Conformance]`,
    { skip },
    async (t) => {
      const lab = await affinityLab(await cluster.namespace(t, "services"), type, {
        sessionAffinity: "ClientIP",
      });
      await expectSticky(lab);
    },
  );

  test(
    `[sig-network] Services should be able to switch session affinity for ${word} [LinuxOnly] [Conformance]`,
    { skip },
    async (t) => {
      const lab = await affinityLab(await cluster.namespace(t, "services"), type, {
        sessionAffinity: "None",
      });
      const { client, target, hosts, ns, service } = lab;
      const name = service.metadata!.name!;
      await expectHosts(client, target, hosts, { limit: AFFINITY_TIMEOUT });
      await ns.services.change(name, ({ spec }) => void (spec!.sessionAffinity = "ClientIP"));
      await expectSticky(lab);
      await ns.services.change(name, ({ spec }) => void (spec!.sessionAffinity = "None"));
      await expectHosts(client, target, hosts, { limit: AFFINITY_TIMEOUT });
    },
  );

  test(
    `[sig-network] Services should have session affinity timeout work for ${word} [LinuxOnly]`,
    { skip },
    async (t) => {
      const lab = await affinityLab(await cluster.namespace(t, "services"), type, {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: SESSION_SECONDS } },
      });
      await expectSticky(lab);
      const [first] = kinds(await ask(lab.client, lab.target, 1));
      // Each time the session is over, one of three is chosen: the same one ten times has a chance of 1 in 59,049.
      for (let tries = 0; ; tries++) {
        await setTimeout(SESSION_SECONDS * 1000 + 300);
        const [now] = kinds(await ask(lab.client, lab.target, 1));
        if (now !== first) break;
        assert.ok(tries < 10, `still ${now}`);
      }
    },
  );
}
