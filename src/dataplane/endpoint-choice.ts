/**
 * Which endpoints a node uses, of those a Service port has: the rules of kube-proxy (pkg/proxy/topology.go,
 * CategorizeEndpoints), and who of them is the primary.
 */
import { DEFAULT_WEIGHT } from "../api/endpointslice/weights.ts";
import type { NodeView } from "./node-view.ts";
import type { Candidate } from "./slice-endpoints.ts";
import type { Backend, Choice } from "./table.ts";

export interface ChoiceOptions {
  readonly node: NodeView | undefined;
  /** Only the best backend is used, as long as it is there. */
  readonly primaryOnly: boolean;
}

/**
 * Traffic policy Cluster: the ready endpoints that are near, if hints say which those are; if none is ready, those
 * that are terminating but still serve. If there is none of these either, connections are refused.
 */
export function clusterChoice(candidates: readonly Candidate[], options: ChoiceOptions): Choice {
  const ready = candidates.filter(isReady);
  const usable =
    ready.length > 0 ? nearest(ready, options.node) : candidates.filter(({ lingering }) => lingering);
  return { backends: backendsOf(usable, options) };
}

/**
 * Traffic policy Local: the ready endpoints of this node; if none is ready, those of this node that are terminating
 * but still serve. Hints do not count. Without any, connections are dropped if another node could take them (whoever
 * sent them here should try there), and refused if none could.
 */
export function localChoice(candidates: readonly Candidate[], options: ChoiceOptions): Choice {
  const local = candidates.filter(({ backend }) => backend.local === true);
  const ready = local.filter(isReady);
  const usable = ready.length > 0 ? ready : local.filter(({ lingering }) => lingering);
  const backends = backendsOf(usable, options);
  if (backends.length > 0 || !candidates.some(({ ready, lingering }) => ready || lingering))
    return { backends };
  return { backends, whenEmpty: "drop" };
}

function isReady({ ready }: Candidate): boolean {
  return ready;
}

/**
 * Hints count only if all ready endpoints have them and one of them is for us: half-written hints must not send all
 * traffic of a zone to the few that have theirs already. Those for nodes go before those for zones.
 */
function nearest(ready: readonly Candidate[], node: NodeView | undefined): readonly Candidate[] {
  if (node === undefined) return ready;
  return hintedFor(ready, "forNodes", node.name) ?? hintedFor(ready, "forZones", node.zone) ?? ready;
}

function hintedFor(
  ready: readonly Candidate[],
  hint: "forNodes" | "forZones",
  name: string | undefined,
): readonly Candidate[] | undefined {
  if (name === undefined || ready.some((candidate) => candidate[hint].length === 0)) return undefined;
  const ours = ready.filter((candidate) => candidate[hint].includes(name));
  return ours.length === 0 ? undefined : ours;
}

function backendsOf(usable: readonly Candidate[], { primaryOnly }: ChoiceOptions): readonly Backend[] {
  const backends = usable.map(({ backend }) => backend);
  if (!primaryOnly || backends.length === 0) return backends;
  // They are in order, so the first of the highest weight has the lowest address.
  const { weight: _, ...primary } = backends.reduce((best, next) =>
    (next.weight ?? DEFAULT_WEIGHT) > (best.weight ?? DEFAULT_WEIGHT) ? next : best,
  );
  // Beside nobody else a weight means nothing, and a change of it is none.
  return [primary];
}
