/** The kind Deployment: its names and its rules. */
import type { Kind } from "../kind.ts";
import { deploymentColumns } from "./columns.ts";
import { setDeploymentDefaults } from "./defaults.ts";
import {
  prepareDeploymentForCreate,
  prepareDeploymentForStatusUpdate,
  prepareDeploymentForUpdate,
} from "./prepare.ts";
import { deploymentScale } from "./scale.ts";
import { deploymentSchema } from "./schema.ts";
import type { Deployment } from "./type.ts";
import { workloadWarnings } from "../pod/warnings.ts";
import {
  validateDeployment,
  validateDeploymentStatusUpdate,
  validateDeploymentUpdate,
} from "./validation.ts";

export const deploymentKind: Kind<Deployment> = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  namespaced: true,
  schema: deploymentSchema,
  columns: deploymentColumns,
  subresources: { status: true, scale: deploymentScale },
  statusResets: [["metadata", "labels"]],
  generation: true,
  selectableFields: {},
  setDefaults: setDeploymentDefaults,
  prepareForCreate: prepareDeploymentForCreate,
  prepareForUpdate: prepareDeploymentForUpdate,
  prepareForStatusUpdate: prepareDeploymentForStatusUpdate,
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  validateStatusUpdate: validateDeploymentStatusUpdate,
  warnings: workloadWarnings("spec.template", ({ spec }) => spec?.template),
};
