/** The schemas of v1 Pod: where pods may run. */
import { labelSelectorSchema } from "../meta/schema.ts";
import type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodAntiAffinity,
  PreferredSchedulingTerm,
  Toleration,
  TopologySpreadConstraint,
  WeightedPodAffinityTerm,
} from "./scheduling-type.ts";
import {
  int32,
  int64,
  list,
  object,
  objectSchema,
  pointer,
  required,
  string,
  strings,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const nodeSelectorRequirementSchema: ObjectSchema<NodeSelectorRequirement> = objectSchema(
  "io.k8s.api.core.v1.NodeSelectorRequirement",
  "One requirement on one label or field.",
  {
    key: required(string(1, "The key.")),
    operator: required(string(2, "In, NotIn, Exists, DoesNotExist, Gt or Lt.")),
    values: strings(3, "The values.", { list: { type: "atomic" } }),
  },
);

export const nodeSelectorTermSchema: ObjectSchema<NodeSelectorTerm> = objectSchema(
  "io.k8s.api.core.v1.NodeSelectorTerm",
  "Nodes that meet all requirements.",
  {
    matchExpressions: list(1, nodeSelectorRequirementSchema, "Requirements on labels.", {
      list: { type: "atomic" },
    }),
    matchFields: list(2, nodeSelectorRequirementSchema, "Requirements on fields.", {
      list: { type: "atomic" },
    }),
  },
  { atomic: true },
);

export const nodeSelectorSchema: ObjectSchema<NodeSelector> = objectSchema(
  "io.k8s.api.core.v1.NodeSelector",
  "Nodes that match at least one term.",
  {
    nodeSelectorTerms: required(list(1, nodeSelectorTermSchema, "The terms.", { list: { type: "atomic" } })),
  },
  { atomic: true },
);

export const preferredSchedulingTermSchema: ObjectSchema<PreferredSchedulingTerm> = objectSchema(
  "io.k8s.api.core.v1.PreferredSchedulingTerm",
  "A preference for nodes.",
  {
    weight: required(int32(1, "How much it counts: 1 to 100.")),
    preference: required(object(2, nodeSelectorTermSchema, "The nodes.")),
  },
);

export const nodeAffinitySchema: ObjectSchema<NodeAffinity> = objectSchema(
  "io.k8s.api.core.v1.NodeAffinity",
  "Rules on nodes.",
  {
    requiredDuringSchedulingIgnoredDuringExecution: pointer(
      object(1, nodeSelectorSchema, "Must hold when the pod is placed."),
    ),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      2,
      preferredSchedulingTermSchema,
      "Better if it holds when the pod is placed.",
      { list: { type: "atomic" } },
    ),
  },
);

export const podAffinityTermSchema: ObjectSchema<PodAffinityTerm> = objectSchema(
  "io.k8s.api.core.v1.PodAffinityTerm",
  "Pods, and the topology in which they are near.",
  {
    labelSelector: pointer(object(1, labelSelectorSchema, "The pods.")),
    namespaces: strings(2, "Their namespaces.", { list: { type: "atomic" } }),
    topologyKey: required(string(3, "The node label whose values are the domains.")),
    namespaceSelector: pointer(object(4, labelSelectorSchema, "Their namespaces, by label.")),
    matchLabelKeys: strings(5, "Labels of this pod whose values the counted pods must share.", {
      list: { type: "atomic" },
    }),
    mismatchLabelKeys: strings(6, "Labels of this pod whose values the counted pods must not share.", {
      list: { type: "atomic" },
    }),
  },
);

export const weightedPodAffinityTermSchema: ObjectSchema<WeightedPodAffinityTerm> = objectSchema(
  "io.k8s.api.core.v1.WeightedPodAffinityTerm",
  "A preference about pods.",
  {
    weight: required(int32(1, "How much it counts: 1 to 100.")),
    podAffinityTerm: required(object(2, podAffinityTermSchema, "The pods and the topology.")),
  },
);

export const podAffinitySchema: ObjectSchema<PodAffinity> = objectSchema(
  "io.k8s.api.core.v1.PodAffinity",
  "Pods to be near.",
  {
    requiredDuringSchedulingIgnoredDuringExecution: list(
      1,
      podAffinityTermSchema,
      "Must hold when the pod is placed.",
      { list: { type: "atomic" } },
    ),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      2,
      weightedPodAffinityTermSchema,
      "Better if it holds when the pod is placed.",
      { list: { type: "atomic" } },
    ),
  },
);

export const podAntiAffinitySchema: ObjectSchema<PodAntiAffinity> = objectSchema(
  "io.k8s.api.core.v1.PodAntiAffinity",
  "Pods to be away from.",
  {
    requiredDuringSchedulingIgnoredDuringExecution: list(
      1,
      podAffinityTermSchema,
      "Must hold when the pod is placed.",
      { list: { type: "atomic" } },
    ),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      2,
      weightedPodAffinityTermSchema,
      "Better if it holds when the pod is placed.",
      { list: { type: "atomic" } },
    ),
  },
);

export const affinitySchema: ObjectSchema<Affinity> = objectSchema(
  "io.k8s.api.core.v1.Affinity",
  "Rules on where to run a pod.",
  {
    nodeAffinity: pointer(object(1, nodeAffinitySchema, "Rules on nodes.")),
    podAffinity: pointer(object(2, podAffinitySchema, "Pods to be near.")),
    podAntiAffinity: pointer(object(3, podAntiAffinitySchema, "Pods to be away from.")),
  },
);

export const tolerationSchema: ObjectSchema<Toleration> = objectSchema(
  "io.k8s.api.core.v1.Toleration",
  "A taint that does not keep the pod away.",
  {
    key: string(1, "The taint's key; empty with Exists for all."),
    operator: string(2, "Exists, or Equal to `value`."),
    value: string(3, "The taint's value."),
    effect: string(4, "The taint's effect; empty for all."),
    tolerationSeconds: pointer(int64(5, "Seconds that a NoExecute taint is tolerated; for ever if absent.")),
  },
);

export const topologySpreadConstraintSchema: ObjectSchema<TopologySpreadConstraint> = objectSchema(
  "io.k8s.api.core.v1.TopologySpreadConstraint",
  "How pods are spread over one topology.",
  {
    maxSkew: required(int32(1, "By how many pods two domains may differ.")),
    topologyKey: required(string(2, "The node label whose values are the domains.")),
    whenUnsatisfiable: required(
      string(3, "What happens to a pod that cannot be placed: DoNotSchedule or ScheduleAnyway."),
    ),
    labelSelector: pointer(object(4, labelSelectorSchema, "The pods that are counted.")),
    minDomains: pointer(int32(5, "How many domains there must be.")),
    nodeAffinityPolicy: pointer(string(6, "Whether node affinity counts: Honor or Ignore.")),
    nodeTaintsPolicy: pointer(string(7, "Whether taints count: Honor or Ignore.")),
    matchLabelKeys: strings(8, "Labels of this pod whose values the counted pods must share.", {
      list: { type: "atomic" },
    }),
  },
);
