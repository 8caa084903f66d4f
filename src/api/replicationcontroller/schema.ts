/** The schema of v1 ReplicationController. */
import { kindSchema } from "../meta/kind-schema.ts";
import { podTemplateSpecSchema } from "../podtemplate/schema.ts";
import {
  atomic,
  int32,
  int64,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  stringMap,
  time,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type {
  ReplicationController,
  ReplicationControllerCondition,
  ReplicationControllerSpec,
  ReplicationControllerStatus,
} from "./type.ts";

const specSchema: ObjectSchema<ReplicationControllerSpec> = objectSchema(
  "io.k8s.api.core.v1.ReplicationControllerSpec",
  "How many pods of what template should run.",
  {
    replicas: pointer(int32(1, "How many pods should run. 1 if it is not given.")),
    minReadySeconds: int32(4, "Seconds that a pod must be ready before it counts as available."),
    selector: atomic(stringMap(2, "The labels of the pods that count; the template's if none are given.")),
    template: pointer(
      object(3, podTemplateSpecSchema, "What the pods are like that are made when there are too few."),
    ),
  },
);

const conditionSchema: ObjectSchema<ReplicationControllerCondition> = objectSchema(
  "io.k8s.api.core.v1.ReplicationControllerCondition",
  "One aspect of a ReplicationController's state.",
  {
    type: required(string(1, "Which aspect.")),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    lastTransitionTime: time(3, "When the status changed last."),
    reason: string(4, "Why, as one word for programs."),
    message: string(5, "Why, for people."),
  },
);

const statusSchema: ObjectSchema<ReplicationControllerStatus> = objectSchema(
  "io.k8s.api.core.v1.ReplicationControllerStatus",
  "How many pods there are.",
  {
    replicas: required(int32(1, "Pods that are not going away.")),
    fullyLabeledReplicas: int32(2, "Of these, those with all labels of the template."),
    readyReplicas: int32(4, "Of these, those that are ready."),
    availableReplicas: int32(5, "Of these, those that have been ready for minReadySeconds."),
    observedGeneration: int64(3, "The generation that the rest of the status is about."),
    conditions: list(6, conditionSchema, "Aspects of the state.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
  },
);

export const replicationControllerSchema: ObjectSchema<ReplicationController> = kindSchema(
  "io.k8s.api.core.v1.ReplicationController",
  "Keeps a number of pods of one template running. ReplicaSet took its place.",
  {
    spec: object(2, specSchema, "What should run."),
    status: object(3, statusSchema, "What runs at present; written by the system."),
  },
);
