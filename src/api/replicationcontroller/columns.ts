/** The columns of `kubectl get replicationcontrollers` (printers/internalversion printReplicationController). */
import { ageColumn, formatLabels, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import { containerColumns } from "../podtemplate/columns.ts";
import { countColumn } from "../replicaset/columns.ts";
import type { ReplicationController } from "./type.ts";

export const replicationControllerColumns: readonly Column<ReplicationController>[] = [
  nameColumn,
  countColumn("Desired", "How many pods should run.", ({ spec }) => spec?.replicas),
  countColumn("Current", "How many there are.", ({ status }) => status?.replicas),
  countColumn("Ready", "How many of them are ready.", ({ status }) => status?.readyReplicas),
  ageColumn,
  ...containerColumns<ReplicationController>(({ spec }) => spec?.template, 1),
  wideColumn("Selector", "The labels of the pods that count.", ({ spec }) => formatLabels(spec?.selector)),
];
