/** Writes the files that a pod's containers see as /etc/resolv.conf and /etc/hosts. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Service } from "../../api/service/type.ts";
import type { Pod } from "../../api/pod/type.ts";
import type { ContainerView } from "./container-view.ts";
import { podHostname, podHosts, utsHostname } from "./pod-hosts.ts";
import { formatResolvConf, parseResolvConf, podResolverConfig, type ResolverConfig } from "./resolv-conf.ts";

const RESOLV_CONF = "/etc/resolv.conf";
const HOSTS = "/etc/hosts";
/** Where systemd-resolved keeps the real servers, when RESOLV_CONF names its own on loopback, which no pod can reach. */
const RESOLVED_CONF = "/run/systemd/resolve/resolv.conf";

/** What pods are told of the cluster that they are in. */
export interface PodCluster {
  /** All Services, as far as they are known now. */
  readonly services: () => Iterable<Service>;
  /** The zone of cluster names: "cluster.local". */
  readonly domain: string;
  /** Addresses of the cluster's DNS at this moment; none: there is no such server. */
  readonly dns: () => readonly string[];
}

/** `directory` is the pod's own, and made if need be. A file that the machine does not have cannot be replaced either. */
export function writePodView(
  pod: Pod,
  directory: string,
  podIPs: readonly string[],
  cluster: PodCluster,
): ContainerView {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const names = podHostname(pod, cluster.domain);
  const dns = { nameservers: cluster.dns(), domain: cluster.domain };
  const write = (name: string, target: string, text: () => string): string | undefined => {
    if (!existsSync(target)) return undefined;
    const file = join(directory, name);
    // In place: a container that runs has this very file mounted.
    writeFileSync(file, text(), { mode: 0o644 });
    return file;
  };
  return {
    resolvConf: write("resolv.conf", RESOLV_CONF, () =>
      formatResolvConf(podResolverConfig(pod, dns, nodeResolverConfig())),
    ),
    hosts: write("hosts", HOSTS, () => podHosts(pod, names, podIPs, readFileSync(HOSTS, "utf8"))),
    hostname: utsHostname(pod, names),
  };
}

function nodeResolverConfig(): ResolverConfig {
  const own = parseResolvConf(readFileSync(RESOLV_CONF, "utf8"));
  const isLoopback = own.nameservers.every((address) => address.startsWith("127.") || address === "::1");
  if (!isLoopback || !existsSync(RESOLVED_CONF)) return own;
  return parseResolvConf(readFileSync(RESOLVED_CONF, "utf8"));
}
