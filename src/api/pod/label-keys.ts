/**
 * matchLabelKeys and mismatchLabelKeys of a new pod: what its own labels are goes into the selectors beside them, so that
 * schedulers need to know selectors alone (pkg/registry/core/pod/strategy.go mutatePodAffinity,
 * mutateTopologySpreadConstraints).
 */
import type { LabelSelector } from "../meta/type.ts";
import type { Pod } from "./type.ts";

type Labels = Readonly<Record<string, string>>;

/** Mutates. */
export function mergeLabelKeys({ metadata: { labels = {} }, spec }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  for (const part of [podAffinity, podAntiAffinity]) {
    const preferred = part?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const required = part?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    for (const term of [...preferred.map(({ podAffinityTerm }) => podAffinityTerm), ...required]) {
      merge(term.labelSelector, "In", term.matchLabelKeys, labels);
      merge(term.labelSelector, "NotIn", term.mismatchLabelKeys, labels);
    }
  }
  for (const { labelSelector, matchLabelKeys } of spec?.topologySpreadConstraints ?? [])
    merge(labelSelector, "In", matchLabelKeys, labels);
}

/** A selector that is not there selects nothing, and goes on doing so. */
function merge(
  selector: LabelSelector | undefined,
  operator: "In" | "NotIn",
  keys: readonly string[] | undefined,
  labels: Labels,
): void {
  if (selector === undefined) return;
  for (const key of keys ?? [])
    if (Object.hasOwn(labels, key))
      (selector.matchExpressions ??= []).push({ key, operator, values: [labels[key]!] });
}
