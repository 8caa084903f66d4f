/**
 * Fields of pods that are there in Kubernetes 1.34 but behind feature gates that are off in it (pkg/api/pod
 * DropDisabledPodFields): what clients write in them is dropped, except where the stored pod uses them already.
 */
import type { Container, EphemeralContainer } from "./container-type.ts";
import type { PodSpec } from "./spec-type.ts";

/** One feature: takes its fields out of a pod's specification, and says whether any were there. Mutates. */
type Feature = (spec: PodSpec) => boolean;

const FEATURES: readonly Feature[] = [
  // HostnameOverride
  (spec) => take(spec, "hostnameOverride"),
  // ContainerRestartRules
  (spec) => some(containersOf(spec), (container) => take(container, "restartPolicyRules")),
  // ContainerStopSignals
  (spec) =>
    some(containersOf(spec), ({ lifecycle }) => lifecycle !== undefined && take(lifecycle, "stopSignal")),
  // EnvFiles
  (spec) =>
    some(
      containersOf(spec).flatMap(({ env = [] }) => env),
      ({ valueFrom }) => valueFrom !== undefined && take(valueFrom, "fileKeyRef"),
    ),
  // PodCertificateRequest
  (spec) =>
    some(
      (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []),
      (source) => take(source, "podCertificate"),
    ),
];

/** Mutates `spec`. */
export function dropDisabledFields(spec: PodSpec, old?: PodSpec): void {
  for (const feature of FEATURES) if (old === undefined || !feature(structuredClone(old))) feature(spec);
}

function containersOf(spec: PodSpec): readonly (Container | EphemeralContainer)[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

/** As Array.some, but asks every one. */
function some<T>(items: readonly T[], ask: (item: T) => boolean): boolean {
  return items.map(ask).includes(true);
}

function take<T extends object>(object: T, field: keyof T): boolean {
  const had = object[field] !== undefined;
  delete object[field];
  return had;
}
