/** The columns of `kubectl get ingressclasses` (printers/internalversion printIngressClass). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { IngressClass } from "./type.ts";

export const ingressClassColumns: readonly Column<IngressClass>[] = [
  nameColumn,
  column("Controller", "The controller of the class.", ({ spec }) => spec?.controller ?? ""),
  column("Parameters", "The object with more settings.", ({ spec }) => {
    if (spec?.parameters === undefined) return "<none>";
    const { apiGroup, kind, name } = spec.parameters;
    return apiGroup === undefined ? `${kind}/${name}` : `${kind}.${apiGroup}/${name}`;
  }),
  ageColumn,
];
