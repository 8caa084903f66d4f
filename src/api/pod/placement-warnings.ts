/** Warnings about where a pod may run: labels of nodes that have other names now (pkg/api/node/util.go). */
import type { NodeSelectorTerm } from "./scheduling-type.ts";
import type { PodSpec } from "./spec-type.ts";

const DEPRECATED_LABELS: ReadonlyMap<string, string> = new Map([
  ["beta.kubernetes.io/arch", 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ["beta.kubernetes.io/os", 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  [
    "failure-domain.beta.kubernetes.io/region",
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  ],
  [
    "failure-domain.beta.kubernetes.io/zone",
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  ],
  [
    "beta.kubernetes.io/instance-type",
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  ],
]);

export function placementWarnings(
  field: string,
  { nodeSelector = {}, affinity = {}, topologySpreadConstraints = [] }: PodSpec,
): string[] {
  const required = affinity.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = affinity.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const at = `${field}.affinity.nodeAffinity`;
  return [
    ...Object.keys(nodeSelector).flatMap((label) => {
      const sentence = DEPRECATED_LABELS.get(label);
      return sentence === undefined ? [] : [`${field}.nodeSelector[${label}]: ${sentence}`];
    }),
    ...(required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      termWarnings(`${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`, term),
    ),
    ...preferred.flatMap(({ preference }, i) =>
      termWarnings(`${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`, preference),
    ),
    ...topologySpreadConstraints.flatMap(({ topologyKey, labelSelector }, i) => {
      const constraint = `${field}.topologySpreadConstraints[${i}]`;
      const warnings = labelWarnings(`${constraint}.topologyKey`, topologyKey);
      if (labelSelector === undefined)
        warnings.push(`${constraint}.labelSelector: a null labelSelector results in matching no pod`);
      return warnings;
    }),
  ];
}

function termWarnings(field: string, { matchExpressions = [] }: NodeSelectorTerm): string[] {
  return matchExpressions.flatMap(({ key }, i) => labelWarnings(`${field}.matchExpressions[${i}].key`, key));
}

function labelWarnings(field: string, label: string): string[] {
  const sentence = DEPRECATED_LABELS.get(label);
  return sentence === undefined ? [] : [`${field}: ${label} is ${sentence}`];
}
