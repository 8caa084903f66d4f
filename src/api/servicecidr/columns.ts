/** The columns of `kubectl get servicecidrs` (printers/internalversion printServiceCIDR). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { ServiceCIDR } from "./type.ts";

export const serviceCIDRColumns: readonly Column<ServiceCIDR>[] = [
  nameColumn,
  column("CIDRs", "The range, or one range of each IP family.", ({ spec }) => (spec?.cidrs ?? []).join(",")),
  ageColumn,
];
