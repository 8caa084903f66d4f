/** A pod's host name and its /etc/hosts, as the kubelet makes them (kubelet_pods.go). Pure. */
import type { Pod } from "../../api/pod/type.ts";

/** HOST_NAME_MAX - 1: the kernel takes 64 bytes, a DNS label 63. */
const MAX_HOSTNAME = 63;

export interface PodHostname {
  readonly hostname: string;
  /** With spec.subdomain: the name by which a headless Service has it. */
  readonly fqdn: string | undefined;
}

/** v1 PodSpec, fields hostname and subdomain. `domain` is the cluster's: "cluster.local". */
export function podHostname(pod: Pod, domain: string): PodHostname {
  const { hostname = "", subdomain = "" } = pod.spec ?? {};
  const { name = "", namespace = "default" } = pod.metadata;
  const short = hostname === "" ? name.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, "") : hostname;
  return {
    hostname: short,
    fqdn: subdomain === "" ? undefined : `${short}.${subdomain}.${namespace}.svc.${domain}`,
  };
}

/** The name that uname(2) says; of a pod in the node's network the node's, so undefined. */
export function utsHostname(pod: Pod, { hostname, fqdn }: PodHostname): string | undefined {
  if (pod.spec?.hostNetwork === true) return undefined;
  return pod.spec?.setHostnameAsFQDN === true ? (fqdn ?? hostname) : hostname;
}

/** The text of /etc/hosts. `nodeHosts` is the node's own, which a pod in its network goes on having. */
export function podHosts(
  pod: Pod,
  { hostname, fqdn }: PodHostname,
  podIPs: readonly string[],
  nodeHosts: string,
): string {
  const isHost = pod.spec?.hostNetwork === true;
  const lines = isHost
    ? ["# Kubernetes-managed hosts file (host network).", nodeHosts.trimEnd()]
    : [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
        ...podIPs.map((address) => [address, ...(fqdn === undefined ? [] : [fqdn]), hostname].join("\t")),
      ];
  const aliases = (pod.spec?.hostAliases ?? []).map(({ ip, hostnames = [] }) =>
    [ip, ...hostnames].join("\t"),
  );
  if (aliases.length > 0) lines.push("", "# Entries added by HostAliases.", ...aliases);
  return lines.map((line) => `${line}\n`).join("");
}
