/** The columns of `kubectl get deployments` (printers/internalversion printDeployment). */
import { ageColumn, column, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import { containerColumns } from "../podtemplate/columns.ts";
import { selectorText } from "../replicaset/scale.ts";
import type { Deployment } from "./type.ts";

export const deploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  column(
    "Ready",
    "Pods that are ready, of those wanted.",
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
  ),
  column("Up-to-date", "Pods of the present template.", ({ status }) => status?.updatedReplicas ?? 0),
  column(
    "Available",
    "Pods that have been ready long enough.",
    ({ status }) => status?.availableReplicas ?? 0,
  ),
  ageColumn,
  ...containerColumns<Deployment>(({ spec }) => spec?.template, 1),
  wideColumn("Selector", "Which pods count.", ({ spec }) => selectorText(spec?.selector)),
];
