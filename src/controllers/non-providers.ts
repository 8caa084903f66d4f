/**
 * Why each pod is not behind a Service although it looks like one of its own: the question every user of label
 * selectors asks first. Pure: reads what the API holds and says it in sentences.
 */
import { podWeight } from "../api/endpointslice/weights.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import { hasEnded } from "../api/pod/ended.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";

export interface NonProvider {
  readonly pod: string;
  /** A sentence without a subject: "has no label tier (the selector wants tier=web)". */
  readonly why: string;
}

/** Why the pod is not behind the Service, as a sentence without a subject; undefined if new connections go to it. */
export function whyNotProvider(
  service: Service,
  selector: Readonly<Record<string, string>>,
  pod: Pod,
): string | undefined {
  const wanted = Object.entries(selector);
  const missing = missingLabels(wanted, pod.metadata.labels ?? {});
  const { namespace } = pod.metadata;
  const elsewhere =
    namespace === service.metadata.namespace
      ? ""
      : `is in namespace ${namespace}, and a selector reaches only its own namespace`;
  if (missing !== "" || elsewhere !== "") return [missing, elsewhere].filter(Boolean).join("; ");
  return whyNoTraffic(pod, service) ?? whyNoWeight(pod);
}

function whyNoWeight(pod: Pod): string | undefined {
  return podWeight(pod).weight === 0 ? "has weight 0: it gets no new connections" : undefined;
}

/** Pods that a person could take for providers: they share a label with the selector, yet get no traffic. */
export function nonProviders(
  service: Service,
  selector: Readonly<Record<string, string>>,
  pods: readonly Pod[],
): NonProvider[] {
  const wanted = Object.entries(selector);
  const found: NonProvider[] = [];
  for (const pod of pods) {
    const labels = pod.metadata.labels ?? {};
    const matching = wanted.filter(([key, value]) => labels[key] === value).length;
    if (matching === 0) continue;
    const sameNamespace = pod.metadata.namespace === service.metadata.namespace;
    const why =
      matching < wanted.length
        ? sameNamespace && missingLabels(wanted, labels)
        : sameNamespace
          ? whyNoTraffic(pod, service)
          : `is in namespace ${pod.metadata.namespace}, and a selector reaches only its own namespace`;
    if (why) found.push({ pod: pod.metadata.name ?? "", why });
  }
  return found.sort((a, b) => a.pod.localeCompare(b.pod, "en", { numeric: true }));
}

function missingLabels(
  wanted: readonly (readonly [string, string])[],
  labels: Readonly<Record<string, string>>,
): string {
  return wanted
    .filter(([key, value]) => labels[key] !== value)
    .map(([key, value]) => {
      const has = labels[key];
      return has === undefined
        ? `has no label ${key} (the selector wants ${key}=${value})`
        : `has ${key}=${has}, and the selector wants ${key}=${value}`;
    })
    .join("; ");
}

/** What keeps a pod whose labels match from getting new connections; undefined if nothing does. */
function whyNoTraffic(pod: Pod, service: Service): string | undefined {
  const status = pod.status ?? {};
  if (hasEnded(pod)) return `has ended${exitText(pod)}`;
  if (pod.metadata.deletionTimestamp !== undefined) return "is stopping";
  if (!status.podIP) return `has no address yet${waitingText(pod)}`;
  const { ipFamilies = [] } = service.spec ?? {};
  const addresses = podAddresses(pod);
  if (
    ipFamilies.length > 0 &&
    !addresses.some((one) => ipFamilies.includes(one.includes(":") ? "IPv6" : "IPv4"))
  )
    return `has no ${ipFamilies.join(" or ")} address, as the Service has (it has ${addresses.join(", ")})`;
  const unresolved = unresolvedPorts(pod, service);
  if (unresolved.length > 0)
    return `has no container port named ${unresolved.map((name) => JSON.stringify(name)).join(" or ")}, which the Service's targetPort names`;
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "True" || service.spec?.publishNotReadyAddresses === true) return undefined;
  const reason = [ready?.reason, ready?.message].filter(Boolean).join(": ");
  return `is not ready${reason ? ` (${reason})` : ""}`;
}

function exitText(pod: Pod): string {
  const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
  if (terminated !== undefined) return ` with exit code ${terminated.exitCode}`;
  return pod.status?.reason ? ` (${pod.status.reason})` : "";
}

function waitingText(pod: Pod): string {
  const waiting = pod.status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting;
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
  const { reason, message } = waiting ?? ready ?? {};
  const text = [reason, message].filter(Boolean).join(": ");
  return text ? ` (${text})` : "";
}

/** Names in targetPort that no container port of the right protocol carries, if none of the ports resolves. */
function unresolvedPorts(pod: Pod, service: Service): string[] {
  const containerPorts = (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? []);
  const missing: string[] = [];
  for (const { targetPort, protocol = "TCP" } of service.spec?.ports ?? []) {
    if (typeof targetPort !== "string") return [];
    const resolves = containerPorts.some(
      (port) => port.name === targetPort && (port.protocol ?? "TCP") === protocol,
    );
    if (resolves) return [];
    missing.push(targetPort);
  }
  return missing;
}
