/** The columns of `kubectl get replicasets` (printers/internalversion printReplicaSet). */
import { ageColumn, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { containerColumns } from "../podtemplate/columns.ts";
import { selectorText } from "./scale.ts";
import type { ReplicaSet } from "./type.ts";

/** A column with a whole number. */
export function countColumn<T extends KubeObject>(
  name: string,
  description: string,
  count: (object: T) => number | undefined,
): Column<T> {
  return { name, type: "integer", description, priority: 0, cell: (object) => count(object) ?? 0 };
}

export const replicaSetColumns: readonly Column<ReplicaSet>[] = [
  nameColumn,
  countColumn("Desired", "How many pods should run.", ({ spec }) => spec?.replicas),
  countColumn("Current", "How many there are.", ({ status }) => status?.replicas),
  countColumn("Ready", "How many of them are ready.", ({ status }) => status?.readyReplicas),
  ageColumn,
  ...containerColumns<ReplicaSet>(({ spec }) => spec?.template, 1),
  wideColumn("Selector", "Which pods count.", ({ spec }) => selectorText(spec?.selector)),
];
