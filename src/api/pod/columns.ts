/** The columns of `kubectl get pods` (printers/internalversion printPod). */
import { ageColumn, column, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import { podSummary } from "./summary.ts";
import type { Pod } from "./type.ts";

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column("Ready", "Containers that are ready, of all.", (pod) => {
    const { ready, total } = podSummary(pod);
    return `${ready}/${total}`;
  }),
  column("Status", "What the pod is doing.", (pod) => podSummary(pod).reason),
  column(
    "Restarts",
    "How often containers were started again, and how long ago the last time was.",
    (pod, now) => podSummary(pod).restarts(now),
  ),
  ageColumn,
  wideColumn("IP", "The pod's address.", ({ status }) => orNone(status?.podIPs?.[0]?.ip)),
  wideColumn("Node", "The node that the pod is on.", ({ spec }) => orNone(spec?.nodeName)),
  wideColumn("Nominated Node", "The node that room is being made on.", ({ status }) =>
    orNone(status?.nominatedNodeName),
  ),
  wideColumn("Readiness Gates", "Conditions of the pod's own that are true, of all.", readinessGates),
];

function orNone(text: string | undefined): string {
  return text === undefined || text === "" ? "<none>" : text;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const isTrue = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
  return `${gates.filter(({ conditionType }) => isTrue(conditionType)).length}/${gates.length}`;
}
