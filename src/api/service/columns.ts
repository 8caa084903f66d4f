/** The columns of `kubectl get services` (printers/internalversion printService). */
import { ageColumn, column, formatLabels, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Service, ServicePort } from "./type.ts";

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  column("Type", "How the service is exposed.", ({ spec }) => spec?.type ?? ""),
  column("Cluster-IP", "The virtual address.", ({ spec }) => spec?.clusterIPs?.[0] ?? "<none>"),
  column("External-IP", "Where traffic from outside arrives.", externalAddress),
  column("Port(s)", "The ports, each with its node port.", ({ spec }) => {
    const ports = (spec?.ports ?? []).map(formatPort).join(",");
    return ports === "" ? "<none>" : ports;
  }),
  ageColumn,
  wideColumn("Selector", "The labels of the pods behind the service.", ({ spec }) =>
    formatLabels(spec?.selector),
  ),
];

function externalAddress({ spec, status }: Service): string {
  const externalIPs = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case "ClusterIP":
    case "NodePort":
      return externalIPs.length === 0 ? "<none>" : externalIPs.join(",");
    case "LoadBalancer": {
      const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
      const own = [...new Set(ingress.filter((address) => address !== ""))].sort();
      const all = [...own, ...externalIPs];
      return all.length === 0 ? "<pending>" : all.join(",");
    }
    case "ExternalName":
      return spec.externalName ?? "";
    default:
      return "<unknown>";
  }
}

function formatPort({ port, nodePort = 0, protocol = "TCP" }: ServicePort): string {
  return nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;
}
