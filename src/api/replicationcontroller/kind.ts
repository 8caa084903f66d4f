/** The kind ReplicationController: its names and its rules. */
import type { Kind } from "../kind.ts";
import { replicationControllerColumns } from "./columns.ts";
import { setReplicationControllerDefaults } from "./defaults.ts";
import {
  prepareReplicationControllerForCreate,
  prepareReplicationControllerForStatusUpdate,
  prepareReplicationControllerForUpdate,
} from "./prepare.ts";
import { replicationControllerScale } from "./scale.ts";
import { replicationControllerSchema } from "./schema.ts";
import type { ReplicationController } from "./type.ts";
import { workloadWarnings } from "../pod/warnings.ts";
import {
  validateReplicationController,
  validateReplicationControllerStatusUpdate,
  validateReplicationControllerUpdate,
} from "./validation.ts";

export const replicationControllerKind: Kind<ReplicationController> = {
  group: "",
  version: "v1",
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  singular: "replicationcontroller",
  shortNames: ["rc"],
  categories: ["all"],
  namespaced: true,
  schema: replicationControllerSchema,
  columns: replicationControllerColumns,
  subresources: { status: true, scale: replicationControllerScale },
  generation: true,
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  setDefaults: setReplicationControllerDefaults,
  prepareForCreate: prepareReplicationControllerForCreate,
  prepareForUpdate: prepareReplicationControllerForUpdate,
  prepareForStatusUpdate: prepareReplicationControllerForStatusUpdate,
  validate: validateReplicationController,
  validateUpdate: validateReplicationControllerUpdate,
  validateStatusUpdate: validateReplicationControllerStatusUpdate,
  warnings: workloadWarnings("spec.template", ({ spec }) => spec?.template),
};
