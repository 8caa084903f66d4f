/** The columns of `kubectl get namespaces` (printers/internalversion printNamespace). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Namespace } from "./type.ts";

export const namespaceColumns: readonly Column<Namespace>[] = [
  nameColumn,
  column("Status", "Active, or Terminating.", ({ status }) => status?.phase ?? ""),
  ageColumn,
];
