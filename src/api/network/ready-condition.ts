/** How it stands with the engine's network, as the Network's status has it. */
import type { Condition } from "../meta/type.ts";
import { type Network, READY_CONDITION } from "./type.ts";

/** Undefined as long as nothing is said of this generation of the spec: what is said of an older one says nothing of it. */
export function readyCondition({ metadata, status }: Network): Condition | undefined {
  return status?.conditions?.find(
    ({ type, observedGeneration }) =>
      type === READY_CONDITION &&
      (observedGeneration === undefined || observedGeneration === metadata.generation),
  );
}

export function isReady(network: Network): boolean {
  return readyCondition(network)?.status === "True";
}
