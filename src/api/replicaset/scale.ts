/** A ReplicaSet as a Scale (pkg/registry/apps/replicaset/storage scaleFromReplicaSet). */
import type { ScaleSubresource } from "../kind.ts";
import type { LabelSelector } from "../meta/type.ts";
import { labelSelectorTerms, SelectorError } from "../selector/label-selector.ts";
import { formatLabelSelector } from "../selector/requirement.ts";
import type { ReplicaSet } from "./type.ts";

export const replicaSetScale: ScaleSubresource<ReplicaSet> = {
  read: ({ spec, status }) => ({
    replicas: spec?.replicas ?? 0,
    ready: status?.replicas ?? 0,
    selector: selectorText(spec?.selector),
  }),
  write(set, replicas) {
    set.spec = { ...set.spec, replicas };
  },
};

/** The selector as text; "<none>" for the absent one, which chooses nothing, "<invalid>" for what is none. */
export function selectorText(selector: LabelSelector | undefined): string {
  try {
    const terms = labelSelectorTerms(selector);
    return terms === undefined ? "<none>" : formatLabelSelector(terms);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return "<invalid>";
  }
}
