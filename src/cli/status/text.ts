/** Service reports as people read them in a terminal. */
import { styleText } from "node:util";
import { table } from "../table.ts";
import type { EndpointState, ServiceReport } from "./explain.ts";

const COLOUR = { ready: "green", "not ready": "yellow", stopping: "gray" } as const satisfies Record<
  EndpointState,
  string
>;

export function statusText(reports: readonly ServiceReport[]): string {
  if (reports.length === 0)
    return 'no Services yet: try "kubectl create service clusterip web --tcp=80:8080"\n';
  const summary = table(
    ["SERVICE", "TYPE", "VIRTUAL IP", "PORTS", "ENDPOINTS"],
    reports.map((report) => [
      `${report.namespace}/${report.name}`,
      report.type,
      report.addresses.join(",") || "<none>",
      report.ports.join(",") || "<none>",
      `${report.ready} ready of ${report.total}`,
    ]),
  );
  const details = reports.map(detail).filter((text) => text !== "");
  return [summary, ...details].join("\n");
}

function detail({ namespace, name, endpoints, notProviders }: ServiceReport): string {
  const lines = [
    ...endpoints.map(
      ({ address, pod, state }) =>
        `  ${styleText(COLOUR[state], state.padEnd(9))}  ${address}${pod === undefined ? "" : `  pod ${pod}`}`,
    ),
    ...notProviders.map(({ pod, why }) => `  ${styleText("red", "no       ")}  pod ${pod} ${why}`),
  ];
  return lines.length === 0 ? "" : `${namespace}/${name}\n${lines.join("\n")}\n`;
}
