/** The columns of `kubectl get ipaddresses` (printers/internalversion printIPAddress). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { IPAddress } from "./type.ts";

export const ipAddressColumns: readonly Column<IPAddress>[] = [
  nameColumn,
  column("ParentRef", "The object that has the address.", parentText),
  ageColumn,
];

/** "services/default/web", "gateways.example.com/web". */
function parentText({ spec }: IPAddress): string {
  if (spec?.parentRef === undefined) return "<none>";
  const { group = "", resource = "", namespace = "", name = "" } = spec.parentRef;
  const type = group === "" ? resource : `${resource}.${group}`;
  return [type.toLowerCase(), ...(namespace === "" ? [] : [namespace]), name].join("/");
}
