/** A pod's /etc/resolv.conf, as the kubelet makes it (pkg/kubelet/network/dns). Pure. */
import type { Pod } from "../../api/pod/type.ts";

/** What resolv.conf(5) says. */
export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** "ndots:5", "edns0". */
  readonly options: readonly string[];
}

export interface ClusterDns {
  /** Addresses of the cluster's DNS; none: there is no such server, and pods resolve as the node does. */
  readonly nameservers: readonly string[];
  /** The zone of cluster names: "cluster.local". */
  readonly domain: string;
}

/** glibc takes three; the kubelet's other limits (MaxDNSSearchPaths, MaxDNSSearchListChars). */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_LENGTH = 2048;

export function parseResolvConf(text: string): ResolverConfig {
  const nameservers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword = "", ...words] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && words[0] !== undefined) nameservers.push(words[0]);
    // The last line of these counts (resolv.conf(5)); options add up.
    if (keyword === "search" || keyword === "domain") searches = words;
    if (keyword === "options") options = [...options, ...words];
  }
  return { nameservers, searches, options };
}

export function formatResolvConf({ nameservers, searches, options }: ResolverConfig): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(" ")}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** v1 PodSpec, fields dnsPolicy and dnsConfig. `host` is the node's own configuration. */
export function podResolverConfig(pod: Pod, cluster: ClusterDns, host: ResolverConfig): ResolverConfig {
  const { dnsPolicy = "ClusterFirst", hostNetwork = false, dnsConfig } = pod.spec ?? {};
  const isClusterFirst =
    dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && !hostNetwork);
  const namespace = pod.metadata.namespace ?? "default";
  const { domain } = cluster;
  let config: ResolverConfig = host;
  if (dnsPolicy === "None") config = { nameservers: [], searches: [], options: [] };
  else if (isClusterFirst && cluster.nameservers.length > 0)
    config = {
      nameservers: cluster.nameservers,
      searches: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches],
      options: ["ndots:5"],
    };
  const wanted = (dnsConfig?.options ?? []).map(({ name = "", value }) =>
    value === undefined || value === "" ? name : `${name}:${value}`,
  );
  const renamed = new Set(wanted.map(optionName));
  return {
    nameservers: unique([...config.nameservers, ...(dnsConfig?.nameservers ?? [])]).slice(0, MAX_NAMESERVERS),
    searches: fitting(unique([...config.searches, ...(dnsConfig?.searches ?? [])])),
    options: [...config.options.filter((option) => !renamed.has(optionName(option))), ...wanted],
  };
}

function optionName(option: string): string {
  return option.split(":")[0]!;
}

function unique(values: readonly string[]): string[] {
  return Array.from(new Set(values));
}

function fitting(searches: readonly string[]): string[] {
  const kept = searches.slice(0, MAX_SEARCHES);
  while (kept.join(" ").length > MAX_SEARCH_LENGTH) kept.pop();
  return kept;
}
