/** What GET /svcstats answers. */
import { podAddresses } from "../api/pod/addresses.ts";
import { podKind } from "../api/pod/kind.ts";
import { DataPlaneError } from "../dataplane/dataplane.ts";
import { jsonResponse, type Response } from "../server/http/exchange.ts";
import { isUp } from "./endpoint.ts";
import { ContivError } from "./refusal.ts";
import { listOf, readNames, type Sides } from "./sides.ts";
import type { SvcStatsSource, Tenants } from "./svc-stats-source.ts";

/** Throws ContivError 503 where connections are not counted. */
export async function svcStatsAnswer(
  source: SvcStatsSource | undefined,
  sides: Sides,
  signal: AbortSignal,
): Promise<Response> {
  if (source === undefined)
    throw new ContivError(
      503,
      "connections are counted where the data plane is nftables, and here it is not: start fairlead up with --dataplane nftables",
    );
  try {
    const { since, clients } = await source.read(await readTenants(sides), signal);
    // Where there is no client yet, nothing else says it.
    return jsonResponse(200, clients, { "x-counted-since": since });
  } catch (error) {
    if (!(error instanceof DataPlaneError)) throw error;
    const { message, remedy } = error;
    throw new ContivError(503, remedy === undefined ? message : `${message}: ${remedy}`, { cause: error });
  }
}

/** Whose addresses are whose. Nothing of Pods is told but their tenants' names. */
async function readTenants(sides: Sides): Promise<Tenants> {
  const [named, pods] = await Promise.all([readNames(sides), listOf(sides.own, podKind)]);
  // A Pod on the host's network has the host's address, which is everybody's.
  const own = pods.filter((pod) => isUp(pod) && pod.spec?.hostNetwork !== true);
  const byAddress = new Map(
    own.flatMap((pod) => podAddresses(pod).map((address) => [address, pod.metadata.namespace])),
  );
  return {
    ofAddress: (address) => byAddress.get(address),
    nameOf: (namespace) => named.tenantName(namespace),
  };
}
