/** The columns of `kubectl get leases` (printers/internalversion printLease). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Lease } from "./type.ts";

export const leaseColumns: readonly Column<Lease>[] = [
  nameColumn,
  column("Holder", "Who holds the lease.", ({ spec }) => spec?.holderIdentity ?? ""),
  ageColumn,
];
