/** What a node's data plane is told, from the same objects and by the same code as it is told it. */
import { SERVICE_RANGES_ANNOTATION, ZONE_LABEL } from "../../agent/node.ts";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { nodeKind } from "../../api/node/kind.ts";
import type { Node } from "../../api/node/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Client } from "../../client/client.ts";
import { OURS_SELECTOR } from "../../dataplane/service-ports.ts";
import { createServiceTracker } from "../../dataplane/service-table.ts";
import type { ServiceTable } from "../../dataplane/table.ts";
import { UserError } from "../user-error.ts";

export interface DesiredTable {
  readonly table: ServiceTable;
  /** The Node that it is for; undefined if there is none. */
  readonly node: string | undefined;
  readonly nodeAddresses: readonly string[];
}

/**
 * `wanted` is the node's name; else the node that has this machine's name or one of its addresses, else the first.
 * `clusterCidrs` is what the agents are told by --cluster-cidr. Throws UserError if there is no node `wanted`.
 */
export async function desiredTable(
  client: Client,
  wanted: string | undefined,
  machine: { readonly name: string; readonly addresses: readonly string[] },
  clusterCidrs: readonly string[],
): Promise<DesiredTable> {
  const [services, slices, nodes] = await Promise.all([
    client.list(serviceKind, { labelSelector: OURS_SELECTOR }),
    client.list(endpointSliceKind, { labelSelector: OURS_SELECTOR }),
    client.list(nodeKind),
  ]);
  const named = (name: string): Node | undefined =>
    nodes.items.find(({ metadata }) => metadata.name === name);
  if (wanted !== undefined && named(wanted) === undefined)
    throw new UserError(`there is no node ${wanted}`, "see `kubectl get nodes` for their names");
  const node =
    named(wanted ?? machine.name) ??
    nodes.items.find((one) => addressesOf(one).some((address) => machine.addresses.includes(address))) ??
    nodes.items[0];
  const zone = node?.metadata.labels?.[ZONE_LABEL];
  const name = node?.metadata.name;
  const nodeAddresses = node === undefined ? [] : addressesOf(node);
  const tracker = createServiceTracker(
    name === undefined
      ? {}
      : { node: { name, addresses: nodeAddresses, ...(zone === undefined ? {} : { zone }) } },
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
  return { table, node: name, nodeAddresses };
}

function addressesOf({ status }: Node): string[] {
  return (status?.addresses ?? [])
    .filter(({ type }) => type === "InternalIP" || type === "ExternalIP")
    .map(({ address }) => address);
}
