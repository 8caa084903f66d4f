/**
 * The annotation of a Service by which its owner chooses how the endpoint of a new connection is picked. Kubernetes
 * has no field for it; without the annotation fairlead does as kube-proxy does.
 */
import type { Service } from "./type.ts";

export const BALANCE_ANNOTATION = "fairlead.dev/balance";

/**
 * - random: each endpoint with the likelihood of its weight, independently of all other connections;
 * - round-robin: the endpoints in turn;
 * - source-hash, source-port-hash: a consistent hash of the client's address, or of its address and port, so that the
 *   same client meets the same endpoint as long as that is there;
 * - least-clients: each new client's address gets the endpoint with the fewest clients, as Contiv's services do, and
 *   keeps it on all ports of the Service until the endpoint goes, or the client does;
 * - primary-backup: all connections go to the best endpoint (of the highest weight, then the lowest address), the
 *   others wait until it is gone.
 */
export const BALANCE_POLICIES = [
  "random",
  "round-robin",
  "source-hash",
  "source-port-hash",
  "least-clients",
  "primary-backup",
] as const;

export type BalancePolicy = (typeof BALANCE_POLICIES)[number];

export interface BalanceReading {
  readonly policy: BalancePolicy;
  /** A sentence for whoever wrote the annotation: what is wrong with it, and what happens instead. */
  readonly problem?: string;
}

const RANDOM: BalanceReading = { policy: "random" };

/** What the Service's annotation asks for. Anything that is no policy counts as "random", with a problem. */
export function readBalance({ metadata }: Pick<Service, "metadata">): BalanceReading {
  const text = metadata.annotations?.[BALANCE_ANNOTATION];
  if (text === undefined) return RANDOM;
  const policy = BALANCE_POLICIES.find((known) => known === text);
  if (policy !== undefined) return { policy };
  return {
    policy: "random",
    problem: `annotation ${BALANCE_ANNOTATION}: ${JSON.stringify(text)} is none of ${BALANCE_POLICIES.join(", ")}; new connections are spread at random`,
  };
}
