/** v1 Pod: where pods may run. */
import type { LabelSelector } from "../meta/type.ts";

/** Rules on where to run a pod. */
export interface Affinity {
  /** Rules on nodes. */
  nodeAffinity?: NodeAffinity;
  /** Pods to be near. */
  podAffinity?: PodAffinity;
  /** Pods to be away from. */
  podAntiAffinity?: PodAntiAffinity;
}

/** Rules on nodes. */
export interface NodeAffinity {
  /** Must hold when the pod is placed. */
  requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector;
  /** Better if it holds when the pod is placed. */
  preferredDuringSchedulingIgnoredDuringExecution?: PreferredSchedulingTerm[];
}

/** Pods to be near. */
export interface PodAffinity {
  /** Must hold when the pod is placed. */
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  /** Better if it holds when the pod is placed. */
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[];
}

/** Pods to be away from. */
export interface PodAntiAffinity {
  /** Must hold when the pod is placed. */
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  /** Better if it holds when the pod is placed. */
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[];
}

/** Nodes that match at least one term. */
export interface NodeSelector {
  /** The terms. */
  nodeSelectorTerms: NodeSelectorTerm[];
}

/** Nodes that meet all requirements. */
export interface NodeSelectorTerm {
  /** Requirements on labels. */
  matchExpressions?: NodeSelectorRequirement[];
  /** Requirements on fields. */
  matchFields?: NodeSelectorRequirement[];
}

/** One requirement on one label or field. */
export interface NodeSelectorRequirement {
  /** The key. */
  key: string;
  /** In, NotIn, Exists, DoesNotExist, Gt or Lt. */
  operator: string;
  /** The values. */
  values?: string[];
}

/** A preference for nodes. */
export interface PreferredSchedulingTerm {
  /** How much it counts: 1 to 100. */
  weight: number;
  /** The nodes. */
  preference: NodeSelectorTerm;
}

/** A preference about pods. */
export interface WeightedPodAffinityTerm {
  /** How much it counts: 1 to 100. */
  weight: number;
  /** The pods and the topology. */
  podAffinityTerm: PodAffinityTerm;
}

/** Pods, and the topology in which they are near. */
export interface PodAffinityTerm {
  /** The pods. */
  labelSelector?: LabelSelector;
  /** Their namespaces. */
  namespaces?: string[];
  /** The node label whose values are the domains. */
  topologyKey: string;
  /** Their namespaces, by label. */
  namespaceSelector?: LabelSelector;
  /** Labels of this pod whose values the counted pods must share. */
  matchLabelKeys?: string[];
  /** Labels of this pod whose values the counted pods must not share. */
  mismatchLabelKeys?: string[];
}

/** A taint that does not keep the pod away. */
export interface Toleration {
  /** The taint's key; empty with Exists for all. */
  key?: string;
  /** Exists, or Equal to `value`. */
  operator?: string;
  /** The taint's value. */
  value?: string;
  /** The taint's effect; empty for all. */
  effect?: string;
  /** Seconds that a NoExecute taint is tolerated; for ever if absent. */
  tolerationSeconds?: number;
}

/** How pods are spread over one topology. */
export interface TopologySpreadConstraint {
  /** By how many pods two domains may differ. */
  maxSkew: number;
  /** The node label whose values are the domains. */
  topologyKey: string;
  /** What happens to a pod that cannot be placed: DoNotSchedule or ScheduleAnyway. */
  whenUnsatisfiable: string;
  /** The pods that are counted. */
  labelSelector?: LabelSelector;
  /** How many domains there must be. */
  minDomains?: number;
  /** Whether node affinity counts: Honor or Ignore. */
  nodeAffinityPolicy?: string;
  /** Whether taints count: Honor or Ignore. */
  nodeTaintsPolicy?: string;
  /** Labels of this pod whose values the counted pods must share. */
  matchLabelKeys?: string[];
}
