/** What a Network's status says of the engine's network. Pure. */
import { INSTALLATION_LABEL } from "./marks.ts";
import { READY_CONDITION, type Network, type NetworkStatus } from "../../api/network/type.ts";
import type { EngineError } from "./engine-error.ts";
import type { NetworkCreate, NetworkSummary } from "./engine-types.ts";
import { differences, hasSameSubnets } from "./network-wanted.ts";

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
  /** The machine itself has an address there. */
  | "HasMachineAddress"
  /** It has to be made anew or removed, and containers run on it. */
  | "InUse"
  /** The engine has not been asked yet. */
  | "EngineUnreachable";

type EngineNetwork = NonNullable<NetworkOutcome["dockerNetwork"]>;

/** The engine's network is as it is wanted. */
export function ready(dockerNetwork: EngineNetwork): NetworkOutcome {
  const message = `the engine has the network ${dockerNetwork.name}`;
  return { status: "True", reason: "EngineNetworkReady", message, dockerNetwork };
}

/** The engine did not make it. `inTheWay`: its networks that share addresses with the wanted one. */
export function refused(error: EngineError, inTheWay: readonly string[]): NetworkOutcome {
  const why = inTheWay.length === 0 ? "" : `: ${inTheWay.join(", ")}`;
  const message = `${error.said ?? error.message}${why}`;
  // What the engine could not do, not would not, it may be able to do later.
  const again = (error.status ?? 500) >= 500;
  return { status: "False", reason: "EngineRefused", message, ...(again && { again }) };
}

/** The engine is not asked, for it may make what it should refuse. In its own words; made when those have gone. */
export function overlaps(inTheWay: readonly string[]): NetworkOutcome {
  const message = `Pool overlaps with other one on this address space: ${inTheWay.join(", ")}`;
  return { status: "False", reason: "EngineRefused", message };
}

/** The engine is not asked: it would make it, and the machine would be cut off from all that has an address in there. */
export function machineWithin(addresses: readonly string[]): NetworkOutcome {
  const message = `its subnet holds ${addresses.join(", ")} of this machine, whose traffic with its own network would go to the containers' bridge instead`;
  return { status: "False", reason: "HasMachineAddress", message, again: true };
}

/** Containers keep it from being removed: `containers` are their names, none if they are about to leave. */
export function inUse(
  dockerNetwork: EngineNetwork,
  said: string,
  containers: readonly string[],
): NetworkOutcome {
  const isLeaving = containers.length === 0;
  const message = isLeaving ? said : `${said} (${containers.toSorted().join(", ")})`;
  return { status: "False", reason: "InUse", message, dockerNetwork, ...(isLeaving && { again: true }) };
}

/** As {@link inUse} of a network that is fine but for addresses of Services that a container could be given. */
export function notReserved(
  addresses: readonly string[],
  { message, dockerNetwork }: NetworkOutcome,
): NetworkOutcome {
  return {
    status: "True",
    reason: "AddressNotReserved",
    message: `containers may be given ${addresses.join(", ")} of a Service until the engine's network is made anew, which it cannot be now: ${message}`,
    ...(dockerNetwork !== undefined && { dockerNetwork }),
  };
}

/** A network of the wanted name that has not our label is somebody's own. */
export function byHand(found: NetworkSummary, wanted: NetworkCreate): NetworkOutcome {
  const by =
    found.Labels?.[INSTALLATION_LABEL] === undefined ? "by hand" : "by another installation of fairlead";
  const dockerNetwork = { name: found.Name, id: found.Id };
  const subnets = (found.IPAM?.Config ?? []).map(({ Subnet }) => Subnet);
  if (!hasSameSubnets(found, wanted))
    return {
      status: "False",
      reason: "NameTaken",
      message:
        `the engine has a network ${found.Name} (${[found.Driver, ...subnets].join(", ")}) that was made ${by} and is` +
        ` not this one: docker network rm ${found.Name}, or give the Network another name`,
    };
  const { other, unreserved } = differences(found, wanted);
  const but = [...other, ...unreserved.map((address) => `containers may be given ${address} of a Service`)];
  const message = `the engine's network ${found.Name} was made ${by}: it is used, and never removed`;
  return { status: "True", reason: "MadeByHand", message: [message, ...but].join("; "), dockerNetwork };
}

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
