/** What a Network's status says of the engine's network. Pure. */
import { READY_CONDITION, type Network, type NetworkStatus } from "../../api/network/type.ts";

/** How it stands with the engine's network. */
export interface NetworkOutcome {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: NetworkReason;
  /** The engine's words where it refused. */
  readonly message: string;
  /** The engine's network if there is one. */
  readonly dockerNetwork?: { readonly name: string; readonly id: string };
  /** To be tried again soon, though nothing changes. */
  readonly again?: boolean;
}

export type NetworkReason =
  /** It is there as the spec has it. */
  | "EngineNetworkReady"
  /** Somebody made it by hand, with the same subnets: it is used, and never removed. */
  | "MadeByHand"
  /** It is there, but containers may be given an address of a Service. */
  | "AddressNotReserved"
  /** Type Infra: the engine has nothing to do with it. */
  | "NoEngineNetwork"
  /** Somebody made a network of that name by hand, and it is another. */
  | "NameTaken"
  /** No engine can have a network of that name, or give out addresses of that subnet. */
  | "NotPossible"
  /** The engine does not want to make it. */
  | "EngineRefused"
  /** It has to be made anew or removed, and containers run on it. */
  | "InUse"
  /** The engine has not been asked yet. */
  | "EngineUnreachable";

/** The status to write; undefined if the Network's says all of it. `now` in RFC 3339 is for transitions. */
export function networkStatus(
  { metadata, status = {} }: Network,
  { status: is, reason, message, dockerNetwork }: NetworkOutcome,
  now: string,
): NetworkStatus | undefined {
  const conditions = status.conditions ?? [];
  const before = conditions.find(({ type }) => type === READY_CONDITION);
  const { generation } = metadata;
  const same =
    before?.status === is &&
    before.reason === reason &&
    before.message === message &&
    before.observedGeneration === generation &&
    status.dockerNetwork?.name === dockerNetwork?.name &&
    status.dockerNetwork?.id === dockerNetwork?.id;
  if (same) return undefined;
  const { dockerNetwork: _, ...rest } = status;
  return {
    ...rest,
    conditions: [
      ...conditions.filter(({ type }) => type !== READY_CONDITION),
      {
        type: READY_CONDITION,
        status: is,
        ...(generation !== undefined && { observedGeneration: generation }),
        lastTransitionTime: (before?.status === is && before.lastTransitionTime) || now,
        reason,
        message,
      },
    ],
    ...(dockerNetwork !== undefined && { dockerNetwork: { ...dockerNetwork } }),
  };
}

/** Whether the status says how it stands with this generation of the spec. */
export function isObserved({ metadata, status }: Network): boolean {
  const condition = status?.conditions?.find(({ type }) => type === READY_CONDITION);
  return condition !== undefined && condition.observedGeneration === metadata.generation;
}
