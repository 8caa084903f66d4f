/** The kind Pod: its names and its rules. */
import { bindingKind } from "../binding/kind.ts";
import type { Kind } from "../kind.ts";
import { podColumns } from "./columns.ts";
import { setPodDefaults } from "./defaults.ts";
import { preparePodForCreate, preparePodForStatusUpdate, preparePodForUpdate } from "./prepare.ts";
import { podSchema } from "./schema.ts";
import type { Pod } from "./type.ts";
import { podWarnings } from "./warnings.ts";
import { validatePodStatusUpdate, validatePodUpdate } from "./update-validation.ts";
import { validatePod } from "./validation.ts";

export const podKind: Kind<Pod> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  schema: podSchema,
  columns: podColumns,
  subresources: { status: true, others: [{ name: "binding", kind: bindingKind, verbs: ["create"] }] },
  statusResets: [
    ["metadata", "deletionTimestamp"],
    ["metadata", "ownerReferences"],
  ],
  generation: true,
  selectableFields: {
    // The name of v1beta3, which upstream still takes.
    "spec.host": ({ spec }) => spec?.nodeName ?? "",
    "spec.hostNetwork": ({ spec }) => String(spec?.hostNetwork ?? false),
    "spec.nodeName": ({ spec }) => spec?.nodeName ?? "",
    "spec.restartPolicy": ({ spec }) => spec?.restartPolicy ?? "",
    "spec.schedulerName": ({ spec }) => spec?.schedulerName ?? "",
    "spec.serviceAccountName": ({ spec }) => spec?.serviceAccountName ?? "",
    "status.nominatedNodeName": ({ status }) => status?.nominatedNodeName ?? "",
    "status.phase": ({ status }) => status?.phase ?? "",
    "status.podIP": ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? "",
    // Upstream takes this one and gives it no value (ToSelectableFields).
    "status.podIPs": () => "",
  },
  setDefaults: setPodDefaults,
  prepareForCreate: preparePodForCreate,
  prepareForUpdate: preparePodForUpdate,
  prepareForStatusUpdate: preparePodForStatusUpdate,
  validate: validatePod,
  warnings: podWarnings,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
};
