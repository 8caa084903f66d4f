/** The quality of service class of a pod, from what its containers ask for (pkg/apis/core/helper/qos). */
import { quantityNanos } from "../schema/quantity.ts";
import type { Pod } from "./type.ts";

const COUNTED = ["cpu", "memory"] as const;

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** Guaranteed: every container limits both cpu and memory and asks for as much. BestEffort: none asks for anything. */
export function podQosClass({ spec }: Pod): QosClass {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const resources = containers.map((container) => container.resources ?? {});
  const asks = resources.some((of) =>
    COUNTED.some((name) => amount(of.limits?.[name] ?? of.requests?.[name]) > 0n),
  );
  if (!asks) return "BestEffort";
  const guaranteed = resources.every((of) =>
    COUNTED.every((name) => {
      const limit = amount(of.limits?.[name]);
      return limit > 0n && amount(of.requests?.[name] ?? of.limits?.[name]) === limit;
    }),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

function amount(text: string | undefined): bigint {
  return text === undefined ? 0n : (quantityNanos(text) ?? 0n);
}
