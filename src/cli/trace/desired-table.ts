/** What a node's data plane is told, from the same objects and by the same code as it is told it. */
import { SERVICE_RANGES_ANNOTATION, ZONE_LABEL } from "../../agent/node.ts";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import type { Client } from "../../client/client.ts";
import { OURS_SELECTOR } from "../../dataplane/service-ports.ts";
import { createServiceTracker } from "../../dataplane/service-table.ts";
import type { ServiceTable } from "../../dataplane/table.ts";
import { machinesNode, namedNode, nodeAddresses } from "../choose-node.ts";

export interface DesiredTable {
  readonly table: ServiceTable;
  /** The Node that it is for; undefined if there is none. */
  readonly node: string | undefined;
  readonly nodeAddresses: readonly string[];
  readonly services: readonly Service[];
}

/**
 * `wanted` is the node's name; without it, it is this machine's node, else the first.
 * `clusterCidrs` is what the agents are told by --cluster-cidr. Throws UserError if there is no node `wanted`.
 */
export async function desiredTable(
  client: Client,
  wanted: string | undefined,
  machineAddresses: readonly string[],
  clusterCidrs: readonly string[],
): Promise<DesiredTable> {
  const [services, slices, nodes] = await Promise.all([
    client.list(serviceKind, { labelSelector: OURS_SELECTOR }),
    client.list(endpointSliceKind, { labelSelector: OURS_SELECTOR }),
    client.list(nodeKind),
  ]);
  const node =
    wanted === undefined
      ? (machinesNode(nodes.items, machineAddresses) ?? nodes.items[0])
      : namedNode(nodes.items, wanted);
  const zone = node?.metadata.labels?.[ZONE_LABEL];
  const name = node?.metadata.name;
  const addresses = node === undefined ? [] : nodeAddresses(node);
  const tracker = createServiceTracker(
    name === undefined ? {} : { node: { name, addresses, ...(zone === undefined ? {} : { zone }) } },
  );
  for (const service of services.items) tracker.setService(service);
  for (const slice of slices.items) tracker.setSlice(slice);
  tracker.take();
  const ranges = nodes.items.flatMap(({ metadata }) =>
    (metadata.annotations?.[SERVICE_RANGES_ANNOTATION] ?? "").split(",").filter((range) => range !== ""),
  );
  const podCidrs = nodes.items.flatMap(
    ({ spec }) => spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]),
  );
  const podRanges = [...new Set([...clusterCidrs, ...podCidrs])];
  const table = { ports: tracker.ports, ranges: [...new Set(ranges)], podRanges, routedRanges: clusterCidrs };
  return { table, node: name, nodeAddresses: addresses, services: services.items };
}
