/** What has to be written to make the Pod in the API the one that mirrors the container. Pure. */
import { WEIGHT_ANNOTATION } from "../../api/endpointslice/weights.ts";
import { hasEnded } from "../../api/pod/ended.ts";
import { OTHER_NETWORKS_CONDITION } from "../../api/pod/other-networks.ts";
import type { Pod, PodCondition, PodStatus } from "../../api/pod/type.ts";
import { CONTAINER_ID_ANNOTATION, RUNTIME_MARK, RUNTIME_NAME } from "./marks.ts";

/** Which container a Pod mirrors; undefined for Pods that are not the mirror's. */
export function mirroredContainer({ metadata }: Pod): string | undefined {
  const isOurs = metadata.labels?.[RUNTIME_MARK] === RUNTIME_NAME;
  return isOurs ? metadata.annotations?.[CONTAINER_ID_ANNOTATION] : undefined;
}

/**
 * Whether a Pod cannot become the wanted one and another has to take its place: it is being deleted, which cannot be
 * taken back, or it has ended, and an ended Pod does not run again.
 */
export function mustReplace(current: Pod, wanted: Pod, stopping: boolean): boolean {
  if (current.metadata.deletionTimestamp !== undefined) return !stopping;
  return hasEnded(current) && !hasEnded(wanted);
}

/**
 * The metadata with our own marks as wanted; undefined if they are. Labels and the weight are the container's when the
 * Pod is made; after that people may change them, to take a container out of a Service or put it into one.
 */
export function metadataChange(current: Pod, wanted: Pod): Pod["metadata"] | undefined {
  const { labels = {}, annotations = {} } = current.metadata;
  const { [WEIGHT_ANNOTATION]: _, ...wantedAnnotations } = wanted.metadata.annotations ?? {};
  const kept = Object.entries(annotations).filter(([key]) => !isOurKey(key) || key in wantedAnnotations);
  const next = { ...Object.fromEntries(kept), ...wantedAnnotations };
  const same =
    labels[RUNTIME_MARK] === RUNTIME_NAME &&
    kept.length === Object.keys(annotations).length &&
    Object.entries(wantedAnnotations).every(([key, value]) => annotations[key] === value);
  if (same) return undefined;
  return { ...current.metadata, labels: { ...labels, [RUNTIME_MARK]: RUNTIME_NAME }, annotations: next };
}

function isOurKey(key: string): boolean {
  return key.startsWith("fairlead.dev/") && key !== WEIGHT_ANNOTATION;
}

/** The status to write; undefined if the current one says all of the wanted one. `now` in RFC 3339 is for transitions. */
export function statusChange(current: Pod, wanted: Pod, now: string): PodStatus | undefined {
  const is = current.status ?? {};
  const want = wanted.status ?? {};
  const gone = (["podIP", "podIPs"] as const).some((key) => is[key] !== undefined && want[key] === undefined);
  const conditions = mergeConditions(is.conditions ?? [], want.conditions ?? [], now);
  const next: PodStatus = { ...is, ...want, conditions };
  if (want.podIP === undefined) {
    delete next.podIP;
    delete next.podIPs;
  }
  return !gone && covers(is, next) ? undefined : next;
}

/** Conditions of others stay, ours do not when they are not wanted any more; a transition time changes with the status and only then. */
function mergeConditions(
  current: readonly PodCondition[],
  wanted: readonly PodCondition[],
  now: string,
): PodCondition[] {
  const ours = wanted.map((condition) => {
    const before = current.find(({ type }) => type === condition.type);
    const stays = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: stays ?? now };
  });
  const theirs = current.filter(
    ({ type }) => type !== OTHER_NETWORKS_CONDITION && !wanted.some((condition) => condition.type === type),
  );
  return [...ours, ...theirs];
}

/** Whether `actual` says all that `wanted` says: a server may have filled in more. */
function covers(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((item, i) => covers(actual[i], item))
    );
  if (typeof wanted !== "object" || wanted === null) return actual === wanted;
  if (typeof actual !== "object" || actual === null) return false;
  return Object.entries(wanted).every(([key, value]) =>
    covers((actual as Record<string, unknown>)[key], value),
  );
}
