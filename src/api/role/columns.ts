/** The columns of `kubectl get roles` and clusterroles (apiserver registry/rest defaultTableConvertor). */
import { nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";

export const roleColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  {
    name: "Created At",
    type: "date",
    description: "When the object was created.",
    priority: 0,
    cell: ({ metadata }) => metadata.creationTimestamp ?? "",
  },
];
