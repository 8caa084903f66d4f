/**
 * Whether new connections of clients on a node may go to an endpoint, and why not.
 *
 * The data plane's own rules (virtualPorts) are asked, not repeated here: if they leave an endpoint out, they are asked
 * again for a Service and slices that lack one reason after the other. The reason without which the endpoint would be
 * used is the one that is told.
 */
import { WEIGHTS_ANNOTATION } from "../../api/endpointslice/weights.ts";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import { BALANCE_ANNOTATION } from "../../api/service/balance.ts";
import type { Service } from "../../api/service/type.ts";
import type { NodeView } from "../../dataplane/node-view.ts";
import { readService, virtualPorts } from "../../dataplane/service-ports.ts";
import { readSlice } from "../../dataplane/slice-endpoints.ts";
import type { Choice, VirtualPort } from "../../dataplane/table.ts";

/** What keeps an endpoint from being used. */
export type WhyNot = "not primary" | "hints" | "policy" | "weight 0" | "readiness";

/** Undefined: it is used. */
export interface EndpointUse {
  /** For clients inside the cluster: this node and the pods. */
  readonly inside: WhyNot | undefined;
  /** For all others; the same as `inside` for a Service that is not reached from outside. */
  readonly outside: WhyNot | undefined;
}

interface World {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

/** How the world would be without each reason, on top of those before; what is basic comes last. */
const RELAXED: readonly (readonly [WhyNot, (world: World) => World])[] = [
  ["not primary", ({ service, slices }) => ({ service: without(service, BALANCE_ANNOTATION), slices })],
  ["hints", ({ service, slices }) => ({ service, slices: slices.map(withoutHints) })],
  ["policy", ({ service, slices }) => ({ service: withoutPolicies(service), slices })],
  [
    "weight 0",
    ({ service, slices }) => ({ service, slices: slices.map((slice) => without(slice, WEIGHTS_ANNOTATION)) }),
  ],
];

/** The use of each endpoint by its canonical address; undefined if no data plane programs this Service. */
export function endpointUses(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodeView | undefined,
  addresses: readonly string[],
): ReadonlyMap<string, EndpointUse> | undefined {
  const isOurs = readService(service, node) !== undefined;
  if (!isOurs) return undefined;
  const open = { inside: new Set(addresses), outside: new Set(addresses) };
  const why = { inside: new Map<string, WhyNot>(), outside: new Map<string, WhyNot>() };
  let world: World = { service, slices };
  let reason: WhyNot | undefined;
  for (const [next, relax] of [...RELAXED, ["readiness", (same: World) => same] as const]) {
    const used = usedBy(world, node);
    for (const side of ["inside", "outside"] as const)
      for (const address of used[side])
        if (open[side].delete(address) && reason !== undefined) why[side].set(address, reason);
    if (open.inside.size === 0 && open.outside.size === 0) break;
    reason = next;
    world = relax(world);
  }
  for (const side of ["inside", "outside"] as const)
    for (const address of open[side]) why[side].set(address, "readiness");
  return new Map(
    addresses.map((address) => [
      address,
      { inside: why.inside.get(address), outside: why.outside.get(address) },
    ]),
  );
}

function usedBy(
  { service, slices }: World,
  node: NodeView | undefined,
): Record<keyof EndpointUse, Set<string>> {
  const reading = readService(service, node)!;
  const readings = slices.map((slice) => readSlice(slice, node)).filter((slice) => slice !== undefined);
  const ports = virtualPorts(reading, readings, node);
  const isOutside = ({ type = "ClusterIP" }: VirtualPort): boolean => type !== "ClusterIP";
  const addressesOf = (choices: readonly Choice[]): Set<string> =>
    new Set(choices.flatMap(({ backends }) => backends.map(({ address }) => address)));
  const inside = ports.filter((port) => !isOutside(port));
  const outside = ports.filter(isOutside);
  return {
    inside: addressesOf(inside),
    outside: addressesOf(outside.length === 0 ? inside : outside.map((port) => port.external ?? port)),
  };
}

function without<T extends Service | EndpointSlice>(object: T, annotation: string): T {
  const { [annotation]: _, ...annotations } = object.metadata.annotations ?? {};
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function withoutHints(slice: EndpointSlice): EndpointSlice {
  // An empty list is the same as none (hintedFor() in endpoint-choice.ts).
  return { ...slice, endpoints: (slice.endpoints ?? []).map((endpoint) => ({ ...endpoint, hints: {} })) };
}

function withoutPolicies(service: Service): Service {
  const spec = {
    ...service.spec,
    internalTrafficPolicy: "Cluster",
    externalTrafficPolicy: "Cluster",
  } as const;
  return { ...service, spec };
}
