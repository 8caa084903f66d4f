/** The kind ReplicaSet: its names and its rules. */
import type { Kind } from "../kind.ts";
import { replicaSetColumns } from "./columns.ts";
import { setReplicaSetDefaults } from "./defaults.ts";
import {
  prepareReplicaSetForCreate,
  prepareReplicaSetForStatusUpdate,
  prepareReplicaSetForUpdate,
} from "./prepare.ts";
import { replicaSetScale } from "./scale.ts";
import { replicaSetSchema } from "./schema.ts";
import type { ReplicaSet } from "./type.ts";
import { workloadWarnings } from "../pod/warnings.ts";
import {
  validateReplicaSet,
  validateReplicaSetStatusUpdate,
  validateReplicaSetUpdate,
} from "./validation.ts";

export const replicaSetKind: Kind<ReplicaSet> = {
  group: "apps",
  version: "v1",
  kind: "ReplicaSet",
  plural: "replicasets",
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  namespaced: true,
  schema: replicaSetSchema,
  columns: replicaSetColumns,
  subresources: { status: true, scale: replicaSetScale },
  generation: true,
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  setDefaults: setReplicaSetDefaults,
  prepareForCreate: prepareReplicaSetForCreate,
  prepareForUpdate: prepareReplicaSetForUpdate,
  prepareForStatusUpdate: prepareReplicaSetForStatusUpdate,
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  validateStatusUpdate: validateReplicaSetStatusUpdate,
  warnings: workloadWarnings("spec.template", ({ spec }) => spec?.template),
};
