/** The schema of apps/v1 Deployment. */
import { kindSchema } from "../meta/kind-schema.ts";
import { labelSelectorSchema } from "../meta/schema.ts";
import { podTemplateSpecSchema } from "../podtemplate/schema.ts";
import {
  boolean,
  int32,
  int64,
  intOrString,
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
import type {
  Deployment,
  DeploymentCondition,
  DeploymentSpec,
  DeploymentStatus,
  DeploymentStrategy,
  RollingUpdateDeployment,
} from "./type.ts";

const rollingUpdateSchema: ObjectSchema<RollingUpdateDeployment> = objectSchema(
  "io.k8s.api.apps.v1.RollingUpdateDeployment",
  "How fast pods are replaced. A number, or a part of the replicas such as 25%.",
  {
    maxUnavailable: pointer(
      intOrString(1, "How many fewer pods than wanted may be available meanwhile. 25% if it is not given."),
    ),
    maxSurge: pointer(
      intOrString(2, "How many more pods than wanted there may be meanwhile. 25% if it is not given."),
    ),
  },
);

const strategySchema: ObjectSchema<DeploymentStrategy> = objectSchema(
  "io.k8s.api.apps.v1.DeploymentStrategy",
  "How pods are replaced by pods of a new template.",
  {
    type: oneOf(
      1,
      ["Recreate", "RollingUpdate"],
      "Recreate ends all before it makes new ones; RollingUpdate, the default, goes step by step.",
    ),
    rollingUpdate: pointer(object(2, rollingUpdateSchema, "The steps. Only with RollingUpdate.")),
  },
);

const specSchema: ObjectSchema<DeploymentSpec> = objectSchema(
  "io.k8s.api.apps.v1.DeploymentSpec",
  "What should run, and how it is replaced.",
  {
    replicas: pointer(int32(1, "How many pods should run. 1 if it is not given.")),
    selector: required(
      pointer(
        object(
          2,
          labelSelectorSchema,
          "Which pods count. It must match the template's labels, and cannot be changed.",
        ),
      ),
    ),
    template: required(
      object(3, podTemplateSpecSchema, "What the pods are like. restartPolicy must be Always."),
    ),
    strategy: {
      ...object(4, strategySchema, "How pods are replaced when the template changes."),
      patch: { strategy: "retainKeys" },
    },
    minReadySeconds: int32(5, "Seconds that a pod must be ready before it counts as available."),
    revisionHistoryLimit: pointer(
      int32(6, "How many old ReplicaSets are kept to go back to. 10 if it is not given."),
    ),
    paused: boolean(7, "Changes of the template have no effect as long as this is true."),
    progressDeadlineSeconds: pointer(
      int32(
        9,
        "Seconds without progress after which the Deployment counts as failed. 600 if it is not given.",
      ),
    ),
  },
);

const conditionSchema: ObjectSchema<DeploymentCondition> = objectSchema(
  "io.k8s.api.apps.v1.DeploymentCondition",
  "One aspect of a Deployment's state.",
  {
    type: required(string(1, "Which aspect: Available, Progressing or ReplicaFailure.")),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    lastUpdateTime: time(6, "When the condition was written last."),
    lastTransitionTime: time(7, "When the status changed last."),
    reason: string(4, "Why, as one word for programs."),
    message: string(5, "Why, for people."),
  },
);

const statusSchema: ObjectSchema<DeploymentStatus> = objectSchema(
  "io.k8s.api.apps.v1.DeploymentStatus",
  "How many pods there are, and how far a replacement has come.",
  {
    observedGeneration: int64(1, "The generation that the rest of the status is about."),
    replicas: int32(2, "Pods that are not going away."),
    updatedReplicas: int32(3, "Of these, those of the present template."),
    readyReplicas: int32(7, "Of these, those that are ready."),
    availableReplicas: int32(4, "Of these, those that have been ready for minReadySeconds."),
    unavailableReplicas: int32(5, "Pods that are still wanting before as many as wanted are available."),
    terminatingReplicas: pointer(int32(9, "Pods that are going away.")),
    conditions: list(6, conditionSchema, "Aspects of the state.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
    collisionCount: pointer(int32(8, "How often the name of a new ReplicaSet was taken already.")),
  },
);

export const deploymentSchema: ObjectSchema<Deployment> = kindSchema(
  "io.k8s.api.apps.v1.Deployment",
  "Keeps pods of one template running, and replaces them step by step when the template changes.",
  {
    spec: object(2, specSchema, "What should run, and how it is replaced."),
    status: object(3, statusSchema, "What runs at present; written by the system."),
  },
);
