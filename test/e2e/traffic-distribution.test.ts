/** Upstream: test/e2e/network/traffic_distribution.go, on three nodes, each in a zone of its own. */
import { test } from "node:test";
import { type LabCluster, type LabNode, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import type { Target } from "../lab/requests.ts";
import { expectHosts } from "./reach.ts";

const skip = needsNetns();
const ZONES = ["zone-a", "zone-b", "zone-c"];
const cluster: LabCluster = skip === false ? await startCluster({ zones: ZONES }) : undefined!;

interface Lab {
  readonly target: Target;
  readonly clients: readonly LabPod[];
}

/** A Service of servers on the given nodes, and a client on each node. */
async function lab(ns: ClusterPods, trafficDistribution: string, servers: readonly LabNode[]): Promise<Lab> {
  const labels = { app: "traffic-dist" };
  const { spec } = await ns.service("traffic-dist-test-service", {
    selector: labels,
    trafficDistribution,
    ports: [{ port: 80, targetPort: 8080 }],
  });
  await Promise.all(servers.map((node, i) => ns.netexec({ name: `server-${i}-${node.name}`, node, labels })));
  const clients = await Promise.all(
    cluster.nodes.map((node) => ns.pause({ name: `client-${node.name}`, node })),
  );
  return { target: { host: spec!.clusterIP!, port: 80 }, clients };
}

for (const distribution of ["PreferClose", "PreferSameZone", "PreferSameNode"]) {
  const place = distribution === "PreferSameNode" ? "node" : "zone";
  test(
    `[sig-network] Traffic Distribution when Service has trafficDistribution=${distribution} should route traffic to an endpoint in the same ${place}`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "traffic-distribution");
      const { target, clients } = await lab(ns, distribution, cluster.nodes);
      for (const [i, client] of clients.entries())
        await expectHosts(client, target, [`server-${i}-${client.node.name}`]);
    },
  );

  test(
    `[sig-network] Traffic Distribution when Service has trafficDistribution=${distribution} should route traffic cluster-wide when there is no endpoint in the same ${place}`,
    { skip },
    async (t) => {
      const ns = await cluster.namespace(t, "traffic-distribution");
      const [node1, node2, node3] = cluster.nodes;
      const { target, clients } = await lab(ns, distribution, [node1!, node2!]);
      await expectHosts(clients[0]!, target, [`server-0-${node1!.name}`]);
      await expectHosts(clients[1]!, target, [`server-1-${node2!.name}`]);
      const all = [`server-0-${node1!.name}`, `server-1-${node2!.name}`];
      await expectHosts(
        clients.find(({ node }) => node === node3)!,
        target,
        all,
      );
    },
  );
}
