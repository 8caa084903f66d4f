/** Whether a Pod is over. */
import type { Pod } from "./type.ts";

/** All its containers have ended and none will start again (k8s.io/kubernetes/pkg/api/v1/pod IsPodPhaseTerminal). */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
