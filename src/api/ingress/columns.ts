/** The columns of `kubectl get ingresses` (printers/internalversion printIngress). */
import { ageColumn, column, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Ingress, IngressRule } from "./type.ts";

export const ingressColumns: readonly Column<Ingress>[] = [
  nameColumn,
  column("Class", "The class whose controller serves it.", ({ spec }) => spec?.ingressClassName ?? "<none>"),
  column("Hosts", "The hosts that it wants.", ({ spec }) => hosts(spec?.rules ?? [])),
  column("Address", "Where its load balancer can be reached.", ({ status }) => {
    const places = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
    return [...new Set(places.filter((place) => place !== ""))].sort().join(",");
  }),
  column("Ports", "The ports that it listens on.", ({ spec }) =>
    (spec?.tls ?? []).length > 0 ? "80, 443" : "80",
  ),
  ageColumn,
];

/** At most three hosts; what is more is counted in rules, those without a host included, as upstream does. */
function hosts(rules: readonly IngressRule[]): string {
  const shown: string[] = [];
  let more = false;
  for (const { host = "" } of rules) {
    more ||= shown.length === 3;
    if (!more && host !== "") shown.push(host);
  }
  if (shown.length === 0) return "*";
  return more ? `${shown.join(",")} + ${rules.length - 3} more...` : shown.join(",");
}
