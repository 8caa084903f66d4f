/** The columns of `kubectl get serviceaccounts` (printers/internalversion printServiceAccount). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { ServiceAccount } from "./type.ts";

export const serviceAccountColumns: readonly Column<ServiceAccount>[] = [
  nameColumn,
  column("Secrets", "How many secrets it names.", ({ secrets = [] }) => secrets.length),
  ageColumn,
];
