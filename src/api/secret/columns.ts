/** The columns of `kubectl get secrets` (printers/internalversion printSecret). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Secret } from "./type.ts";

export const secretColumns: readonly Column<Secret>[] = [
  nameColumn,
  column("Type", "What the data is for.", ({ type }) => type ?? ""),
  column("Data", "How many keys there are.", ({ data = {} }) => Object.keys(data).length),
  ageColumn,
];
