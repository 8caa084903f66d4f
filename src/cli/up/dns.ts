/** DNS as a part of `fairlead up`: whether there is one here, and what people read of it. */
import type { Registry } from "prom-client";
import { ClusterDnsError, startClusterDns } from "../../agent/cluster-dns.ts";
import { withdrawDnsService } from "../../agent/dns-service.ts";
import { pause } from "../../base/backoff.ts";
import { type Cidr, formatIp, ip } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { Client } from "../../client/client.ts";
import type { DataPlane } from "../../dataplane/dataplane.ts";
import { bindSocket } from "../../sys/bound-socket.ts";
import { close } from "../../sys/libc.ts";
import { SystemError } from "../../sys/system-error.ts";
import { UserError } from "../user-error.ts";
import type { DnsOptions } from "./dns-options.ts";

export interface UpDnsParts {
  readonly client: Client;
  readonly dataPlane: DataPlane | undefined;
  /** Undefined: no DNS. */
  readonly clusterIP: string | undefined;
  readonly serviceCidrs: readonly Cidr[];
  readonly nodeName: string;
  readonly netns: string | undefined;
  readonly metrics: Registry;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface UpDns {
  readonly description: string;
  /** Resolves after `signal` has aborted. */
  readonly done: Promise<void>;
}

/** How long the start waits for the Service, milliseconds: what keeps it is in the log, and the rest works without. */
const PUBLISH_TIMEOUT = 2000;

/** When the pods' network is there. Resolves when names are answered and the Service leads there, or there is no DNS. */
export async function startDns(options: DnsOptions, parts: UpDnsParts): Promise<UpDns> {
  const { client, dataPlane, clusterIP, serviceCidrs, nodeName, netns, metrics, log, signal } = parts;
  const off = (why: string): UpDns => ({ description: why, done: Promise.resolve() });
  if (clusterIP === undefined || dataPlane === undefined) {
    await withdrawDnsService(client);
    return off(clusterIP === undefined ? "none" : "none: without a data plane nobody reaches it");
  }
  const { domain, ttl, listen, upstreams } = options;
  const reach = dataPlane.name === "userspace" ? "loopback" : "bridge";
  try {
    const dns = await startClusterDns(
      { clusterIP, domain, ttl, listen, upstreams, reach, nodeName, netns, serviceCidrs },
      { client, log, metrics, signal },
    );
    await Promise.race([dns.published, pause(PUBLISH_TIMEOUT, signal)]);
    const hint = reach === "loopback" ? portHint(clusterIP, netns) : "";
    return { description: dns.description + hint, done: dns.done };
  } catch (error) {
    if (signal.aborted) return off("none");
    if (error instanceof ClusterDnsError) {
      await withdrawDnsService(client);
      return off(error.message);
    }
    if (listen !== undefined && error instanceof SystemError)
      throw new UserError(
        `DNS cannot listen on ${formatIp(listen.address)}: ${error.message}`,
        "give another address or port with --dns-listen, or turn it off with --dns-ip none",
      );
    throw error;
  }
}

/** What to say where this process may not listen on port 53 of the virtual address; "" where it may. */
function portHint(clusterIP: string, netns: string | undefined): string {
  try {
    close(bindSocket("datagram", ip(clusterIP), 53, netns).fd);
  } catch (error) {
    if (error instanceof SystemError && error.code === "EACCES")
      return `; port 53 of ${clusterIP} is not served, because it needs root or the sysctl net.ipv4.ip_unprivileged_port_start`;
    // The proxy has it: that is as it should be.
  }
  return "";
}
