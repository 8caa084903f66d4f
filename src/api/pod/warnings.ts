/** What is worth a warning about a Pod, or a template of pods, that is accepted (pkg/api/pod/warnings.go). */
import { podWeight, WEIGHT_ANNOTATION } from "../endpointslice/weights.ts";
import { canonicalQuantity, quantityNanos } from "../schema/quantity.ts";
import { addressWarnings } from "../validation/address-warnings.ts";
import { dns1123LabelComplaints } from "../validation/names.ts";
import type { Container } from "./container-type.ts";
import { placementWarnings } from "./placement-warnings.ts";
import { portWarnings } from "./port-warnings.ts";
import type { PodSpec } from "./spec-type.ts";
import type { Pod } from "./type.ts";
import { volumeWarnings } from "./volume-warnings.ts";

/** What a pod has, or a template of one. */
interface PodLike {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: PodSpec;
}

/**
 * Only about new pods: their updates are frequent, and made by programs (podStrategy.WarningsOnUpdate). But for our own
 * annotation, which people change on pods that run.
 */
export function podWarnings(pod: Pod, old?: Pod): string[] {
  const ofWeight = weightWarnings(pod, old);
  if (old !== undefined) return ofWeight;
  return [
    ...ofWeight,
    ...nameWarnings("the Pod's hostname", pod.metadata.name ?? ""),
    ...templateWarnings("", pod),
  ];
}

function weightWarnings(pod: PodLike, old: PodLike | undefined): string[] {
  const [text, before] = [pod, old].map((one) => one?.metadata?.annotations?.[WEIGHT_ANNOTATION]);
  if (text === undefined || text === before) return [];
  const { problem } = podWeight({ metadata: { annotations: { [WEIGHT_ANNOTATION]: text } } });
  return problem === undefined ? [] : [problem];
}

/** About what makes pods of a template at `field`: its name is the beginning of theirs. Updates of the rest say nothing. */
export function workloadWarnings<T extends { readonly metadata: { name?: string; generation?: number } }>(
  field: string,
  templateOf: (object: T) => PodLike | undefined,
): (object: T, old?: T) => string[] {
  return (object, old) => {
    if (old !== undefined && old.metadata.generation === object.metadata.generation) return [];
    const ofName =
      old === undefined ? nameWarnings("Pod names and hostnames", object.metadata.name ?? "") : [];
    const template = templateOf(object);
    return template === undefined ? ofName : [...ofName, ...templateWarnings(`${field}.`, template)];
  };
}

function nameWarnings(use: string, name: string): string[] {
  const complaints = dns1123LabelComplaints(name);
  if (complaints.length === 0) return [];
  // As Go prints a list of texts.
  return [
    `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${complaints.join(" ")}]`,
  ];
}

const DEPRECATED_ANNOTATIONS: readonly (readonly [string, string])[] = [
  [
    "scheduler.alpha.kubernetes.io/critical-pod",
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  ["security.alpha.kubernetes.io/sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'],
  [
    "security.alpha.kubernetes.io/unsafe-sysctls",
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
];
const SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const APP_ARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead';

/** `prefix` goes before "spec" and "metadata": it is empty, or ends with a dot. */
export function templateWarnings(prefix: string, { metadata = {}, spec }: PodLike): string[] {
  if (spec === undefined) return [];
  const { annotations = {} } = metadata;
  const field = `${prefix}spec`;
  const annotation = (key: string, sentence: string): string[] =>
    Object.hasOwn(annotations, key) ? [`${prefix}metadata.annotations[${key}]: ${sentence}`] : [];
  const { hostAliases = [], imagePullSecrets = [], securityContext, terminationGracePeriodSeconds } = spec;
  const containers = allContainers(field, spec);
  const { seccompProfile, appArmorProfile } = securityContext ?? {};
  return [
    ...placementWarnings(field, spec),
    ...DEPRECATED_ANNOTATIONS.flatMap(([key, sentence]) => annotation(key, sentence)),
    ...volumeWarnings(`${field}.volumes`, spec.volumes ?? []),
    ...duplicates(
      hostAliases,
      ({ ip }) => ip,
      (i, ip) => `${field}.hostAliases[${i}].ip: duplicate ip ${ip}`,
    ),
    ...duplicates(
      imagePullSecrets,
      ({ name = "" }) => name,
      (i, name) => `${field}.imagePullSecrets[${i}].name: duplicate name ${name}`,
    ),
    ...imagePullSecrets.flatMap(({ name = "" }, i) =>
      name === "" ? [`${field}.imagePullSecrets[${i}].name: invalid empty name ""`] : [],
    ),
    ...["memory", "ephemeral-storage"].flatMap((key) =>
      fractionWarnings(`${field}.overhead`, spec.overhead, key),
    ),
    ...(seccompProfile === undefined ? annotation("seccomp.security.alpha.kubernetes.io/pod", SECCOMP) : []),
    ...containers.flatMap(([at, { name, securityContext: own, resources, env = [] }]) => [
      ...(own?.seccompProfile === undefined
        ? annotation(`container.seccomp.security.alpha.kubernetes.io/${name}`, SECCOMP)
        : []),
      // Of pods themselves upstream says it elsewhere, when it fills the field in from the annotation.
      ...(prefix !== "" && appArmorProfile === undefined && own?.appArmorProfile === undefined
        ? annotation(`container.apparmor.security.beta.kubernetes.io/${name}`, APP_ARMOR)
        : []),
      ...["memory", "ephemeral-storage"].flatMap((key) => [
        ...fractionWarnings(`${at}.resources.limits`, resources?.limits, key),
        ...fractionWarnings(`${at}.resources.requests`, resources?.requests, key),
      ]),
      ...envWarnings(`${at}.env`, env),
    ]),
    ...portWarnings(containers),
    ...(terminationGracePeriodSeconds !== undefined && terminationGracePeriodSeconds < 0
      ? [
          `${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...selectorWarnings(field, spec),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((text, i) =>
      addressWarnings(`${field}.dnsConfig.nameservers[${i}]`, text),
    ),
    ...hostAliases.flatMap(({ ip }, i) => addressWarnings(`${field}.hostAliases[${i}].ip`, ip)),
  ];
}

function allContainers(field: string, spec: PodSpec): (readonly [string, Omit<Container, "image">])[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i) => [`${field}.${list}[${i}]`, container] as const),
  );
}

function duplicates<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  say: (at: number, key: string) => string,
): string[] {
  const seen = new Set<string>();
  return items.flatMap((item, i) => {
    const key = keyOf(item);
    if (seen.has(key)) return [say(i, JSON.stringify(key))];
    seen.add(key);
    return [];
  });
}

/** Bytes cannot be cut. */
function fractionWarnings(
  field: string,
  quantities: Readonly<Record<string, string>> | undefined,
  key: string,
): string[] {
  const text = quantities?.[key];
  const nanos = text === undefined ? undefined : quantityNanos(text);
  // MilliValue rounds up to thousandths.
  if (nanos === undefined || ((nanos + 999_999n) / 1_000_000n) % 1000n === 0n) return [];
  const shown = JSON.stringify(canonicalQuantity(text!));
  return [`${field}[${key}]: fractional byte value ${shown} is invalid, must be an integer`];
}

function envWarnings(field: string, env: NonNullable<Container["env"]>): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = "", valueFrom }, i) => {
    const reference = `$(${name})`;
    const known = seen.has(name);
    seen.add(name);
    // To make the new value of the old one is what the order is for.
    if (!known || (valueFrom === undefined && value !== reference && value.includes(reference))) return [];
    return [
      `${field}[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
    ];
  });
}

/** A selector that is not there selects nothing, which is hardly meant. */
function selectorWarnings(field: string, { affinity = {} }: PodSpec): string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((part) => {
    const required = affinity[part]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const preferred = affinity[part]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const at = `${field}.affinity.${part}`;
    const nothing = "a null labelSelector results in matching no pod";
    return [
      ...required.flatMap(({ labelSelector }, i) =>
        labelSelector === undefined
          ? [`${at}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${nothing}`]
          : [],
      ),
      ...preferred.flatMap(({ podAffinityTerm: { labelSelector } }, i) =>
        labelSelector === undefined
          ? [
              `${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${nothing}`,
            ]
          : [],
      ),
    ];
  });
}
