/** DNS as a part of `fairlead agent`: each node with `--dns-ip` serves its own pods, and all are endpoints of one Service. */
import type { Registry } from "prom-client";
import { ClusterDnsError, startClusterDns } from "../../agent/cluster-dns.ts";
import { ApiError } from "../../api/api-error.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import { backoffDelay, pause } from "../../base/backoff.ts";
import { type Cidr, formatIp, parseCidr } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { Client } from "../../client/client.ts";
import type { DataPlane } from "../../dataplane/dataplane.ts";
import { SystemError } from "../../sys/system-error.ts";
import { UserError } from "../user-error.ts";
import type { AgentOptions } from "./options.ts";

export interface AgentDnsParts {
  readonly clusterIP: string;
  readonly client: Client;
  readonly dataPlane: DataPlane;
  readonly registry: Registry;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface AgentDns {
  readonly description: string;
  /** Resolves after `signal` has aborted. */
  readonly done: Promise<void>;
}

/** How long the start waits for the Service, milliseconds: what keeps it is in the log, and the rest works without. */
const PUBLISH_TIMEOUT = 2000;

/**
 * When the pods' network is there. Resolves when names are answered and the Service leads there; undefined if the signal
 * aborts meanwhile. Throws UserError if it cannot be told where to listen, or cannot be listened there.
 */
export async function startAgentDns(
  options: AgentOptions,
  parts: AgentDnsParts,
): Promise<AgentDns | undefined> {
  const { clusterIP, client, dataPlane, registry, log, signal } = parts;
  const { nodeName, netns, clusterCidrs } = options;
  const { domain, ttl, listen, upstreams } = options.dns;
  const reach = dataPlane.name === "userspace" ? "loopback" : "bridge";
  try {
    const serviceCidrs = await serviceRanges(options.serviceCidrs, parts);
    const dns = await startClusterDns(
      { clusterIP, domain, ttl, listen, upstreams, reach, nodeName, netns, serviceCidrs, clusterCidrs },
      { client, log, metrics: registry, signal },
    );
    await Promise.race([dns.published.catch(() => undefined), pause(PUBLISH_TIMEOUT, signal)]);
    return { description: dns.description, done: dns.done };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (error instanceof ClusterDnsError)
      throw new UserError(
        "DNS cannot be served: no bridge with pods is on this node",
        "say where to listen with --dns-listen, or leave --dns-ip out",
      );
    if (error instanceof SystemError && listen !== undefined)
      throw new UserError(
        `DNS cannot listen on ${formatIp(listen.address)}: ${error.message}`,
        "give another address or port with --dns-listen, or leave --dns-ip out",
      );
    throw error;
  }
}

/** Those given, and the cluster's: addresses there are only ours to name. */
async function serviceRanges(
  given: readonly Cidr[],
  { client, log, signal }: AgentDnsParts,
): Promise<Cidr[]> {
  for (let failures = 0; ;)
    try {
      const { items } = await client.list(serviceCIDRKind, {});
      return [
        ...given,
        ...items.flatMap(({ spec }) => (spec?.cidrs ?? []).flatMap((text) => parseCidr(text) ?? [])),
      ];
    } catch (error) {
      // Servers before Kubernetes 1.33 may not have the kind, or not tell us.
      if (error instanceof ApiError && (error.code === 404 || error.code === 403)) return [...given];
      if (signal.aborted || !(error instanceof ApiError) || (error.code < 500 && error.code !== 429))
        throw error;
      const delay = backoffDelay(++failures, { initial: 200, limit: 10_000 });
      log.warn({ err: error, delay }, "DNS waits for the ServiceCIDRs, trying again");
      await pause(delay, signal);
    }
}
