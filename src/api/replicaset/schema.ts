/** The schema of apps/v1 ReplicaSet. */
import { kindSchema } from "../meta/kind-schema.ts";
import { labelSelectorSchema } from "../meta/schema.ts";
import { podTemplateSpecSchema } from "../podtemplate/schema.ts";
import {
  int32,
  int64,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  time,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus } from "./type.ts";

const replicaSetSpecSchema: ObjectSchema<ReplicaSetSpec> = objectSchema(
  "io.k8s.api.apps.v1.ReplicaSetSpec",
  "How many pods of what template should run.",
  {
    replicas: pointer(int32(1, "How many pods should run. 1 if it is not given.")),
    minReadySeconds: int32(4, "Seconds that a pod must be ready before it counts as available."),
    selector: required(
      pointer(
        object(
          2,
          labelSelectorSchema,
          "Which pods count. It must match the template's labels, and cannot be changed.",
        ),
      ),
    ),
    template: object(
      3,
      podTemplateSpecSchema,
      "What the pods are like that are made when there are too few.",
    ),
  },
);

const replicaSetConditionSchema: ObjectSchema<ReplicaSetCondition> = objectSchema(
  "io.k8s.api.apps.v1.ReplicaSetCondition",
  "One aspect of a ReplicaSet's state.",
  {
    type: required(string(1, "Which aspect.")),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    lastTransitionTime: time(3, "When the status changed last."),
    reason: string(4, "Why, as one word for programs."),
    message: string(5, "Why, for people."),
  },
);

const replicaSetStatusSchema: ObjectSchema<ReplicaSetStatus> = objectSchema(
  "io.k8s.api.apps.v1.ReplicaSetStatus",
  "How many pods there are.",
  {
    replicas: required(int32(1, "Pods that are not going away.")),
    fullyLabeledReplicas: int32(2, "Of these, those with all labels of the template."),
    readyReplicas: int32(4, "Of these, those that are ready."),
    availableReplicas: int32(5, "Of these, those that have been ready for minReadySeconds."),
    terminatingReplicas: pointer(int32(7, "Pods that are going away.")),
    observedGeneration: int64(3, "The generation that the rest of the status is about."),
    conditions: list(6, replicaSetConditionSchema, "Aspects of the state.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
  },
);

export const replicaSetSchema: ObjectSchema<ReplicaSet> = kindSchema(
  "io.k8s.api.apps.v1.ReplicaSet",
  "Keeps a number of pods of one template running. Usually made by a Deployment.",
  {
    spec: object(2, replicaSetSpecSchema, "What should run."),
    status: object(3, replicaSetStatusSchema, "What runs at present; written by the system."),
  },
);
