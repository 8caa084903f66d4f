/** The columns of `kubectl get configmaps` (printers/internalversion printConfigMap). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { ConfigMap } from "./type.ts";

export const configMapColumns: readonly Column<ConfigMap>[] = [
  nameColumn,
  column(
    "Data",
    "How many keys there are.",
    ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length,
  ),
  ageColumn,
];
