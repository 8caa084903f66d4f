/** What `fairlead status` says of a Service, as values: everything it is, each endpoint, and what is wrong with it. */
import { DEFAULT_WEIGHT, sliceWeights } from "../../api/endpointslice/weights.ts";
import { type Endpoint, type EndpointSlice, SERVICE_NAME_LABEL } from "../../api/endpointslice/type.ts";
import type { Event } from "../../api/event/type.ts";
import type { Pod } from "../../api/pod/type.ts";
import { type BalancePolicy, readBalance } from "../../api/service/balance.ts";
import type { Service, ServicePort } from "../../api/service/type.ts";
import { formatIp } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { NodeView } from "../../dataplane/node-view.ts";
import type { VirtualPortConflict } from "../../dataplane/service-table.ts";
import { type EndpointUse, endpointUses, type WhyNot } from "./endpoint-use.ts";
import { type NonProvider, nonProviders } from "../../controllers/non-providers.ts";

export type EndpointState = "ready" | "not ready" | "stopping";

export interface EndpointReport {
  readonly address: string;
  /** The pod behind it; undefined for addresses that somebody wrote by hand. */
  readonly pod: string | undefined;
  readonly state: EndpointState;
  readonly node: string | undefined;
  readonly zone: string | undefined;
  /** 0 to 1000. */
  readonly weight: number;
  /** On the node that was asked about; undefined if no data plane of ours serves the Service. */
  readonly use: EndpointUse | undefined;
  /** Why new connections do not go there, as a sentence without a subject; undefined if they do. */
  readonly whyNot: string | undefined;
}

export interface ServiceReport {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** Cluster IPs; "None" of a headless Service. */
  readonly addresses: readonly string[];
  /** "80->8080/TCP" or "http 80->8080/TCP". */
  readonly ports: readonly string[];
  /** "30080/TCP". */
  readonly nodePorts: readonly string[];
  /** Addresses and names that a load balancer has given. */
  readonly loadBalancer: readonly string[];
  readonly externalIPs: readonly string[];
  readonly externalName: string | undefined;
  /** loadBalancerSourceRanges. */
  readonly sourceRanges: readonly string[];
  readonly internalTrafficPolicy: "Cluster" | "Local";
  /** Undefined for a Service that is not reached from outside. */
  readonly externalTrafficPolicy: "Cluster" | "Local" | undefined;
  readonly healthCheckNodePort: number | undefined;
  readonly trafficDistribution: string | undefined;
  /** Seconds of session affinity by client address; undefined: none. */
  readonly affinitySeconds: number | undefined;
  readonly balance: BalancePolicy;
  readonly ready: number;
  readonly total: number;
  readonly endpoints: readonly EndpointReport[];
  readonly notProviders: readonly NonProvider[];
  /** Why there is no endpoint, as a sentence, where no pod that looks like one says it; undefined if there are some. */
  readonly whyEmpty: string | undefined;
  /** Sentences: annotations that cannot be read, ports that another Service has, Warning Events. */
  readonly problems: readonly string[];
}

/** What a report is made from. */
export interface Cluster {
  readonly slices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
  /** Warnings. */
  readonly events: readonly Event[];
  readonly conflicts: readonly VirtualPortConflict[];
  /** Whose point of view it is. */
  readonly node: NodeView | undefined;
}

/** pkg/apis/core/v1/defaults.go: DefaultClientIPServiceAffinitySeconds. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

export function reportService(service: Service, cluster: Cluster): ServiceReport {
  const { metadata, spec = {}, status } = service;
  const { namespace = "", name = "" } = metadata;
  const own = cluster.slices.filter(
    (slice) => slice.metadata.namespace === namespace && slice.metadata.labels?.[SERVICE_NAME_LABEL] === name,
  );
  const endpoints = reportEndpoints(service, own, cluster.node);
  const { type = "ClusterIP", ports = [] } = spec;
  const isOutside = type === "NodePort" || type === "LoadBalancer" || (spec.externalIPs ?? []).length > 0;
  const notProviders = spec.selector ? nonProviders(service, spec.selector, cluster.pods) : [];
  const isEmpty = endpoints.length === 0 && notProviders.length === 0;
  return {
    namespace,
    name,
    type,
    addresses: spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []),
    ports: ports.map(portText),
    nodePorts: ports
      .filter(({ nodePort = 0 }) => nodePort !== 0)
      .map(({ nodePort, protocol = "TCP" }) => `${nodePort}/${protocol}`),
    loadBalancer: (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? ""),
    externalIPs: spec.externalIPs ?? [],
    externalName: spec.externalName,
    sourceRanges: type === "LoadBalancer" ? (spec.loadBalancerSourceRanges ?? []) : [],
    internalTrafficPolicy: spec.internalTrafficPolicy ?? "Cluster",
    externalTrafficPolicy: isOutside ? (spec.externalTrafficPolicy ?? "Cluster") : undefined,
    healthCheckNodePort: spec.healthCheckNodePort || undefined,
    trafficDistribution: spec.trafficDistribution,
    affinitySeconds:
      spec.sessionAffinity === "ClientIP" || readBalance(service).policy === "least-clients"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
        : undefined,
    balance: readBalance(service).policy,
    ready: endpoints.filter(({ state }) => state === "ready").length,
    total: endpoints.length,
    endpoints,
    notProviders,
    whyEmpty: isEmpty ? whyEmpty(service) : undefined,
    problems: problemsOf(service, own, cluster),
  };
}

function whyEmpty({ metadata, spec = {} }: Service): string | undefined {
  if (spec.type === "ExternalName") return undefined;
  const wanted = Object.entries(spec.selector ?? {});
  return wanted.length === 0
    ? "it has no selector, and no EndpointSlice or Endpoints was written for it"
    : `no pod in namespace ${metadata.namespace} has ${wanted.map((pair) => pair.join("=")).join(",")}`;
}

function portText(port: ServicePort): string {
  const target = port.targetPort ?? port.port;
  const name = port.name ? `${port.name} ` : "";
  return `${name}${port.port}->${target}/${port.protocol ?? "TCP"}`;
}

type Known = Omit<EndpointReport, "use" | "whyNot">;

function reportEndpoints(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodeView | undefined,
): EndpointReport[] {
  const known = mergeEndpoints(slices);
  const uses = endpointUses(
    service,
    slices,
    node,
    known.map(({ address }) => address),
  );
  return known.map((endpoint) => {
    const use = uses?.get(endpoint.address);
    return { ...endpoint, use, whyNot: use === undefined ? undefined : whyNotText(use, endpoint, node) };
  });
}

/** One line for an address, however many slices (one for each set of ports) it is in. */
function mergeEndpoints(slices: readonly EndpointSlice[]): Known[] {
  const byAddress = new Map<string, Known>();
  for (const slice of slices) {
    const { weights } = sliceWeights(slice);
    for (const endpoint of slice.endpoints ?? []) {
      const text = endpoint.addresses[0];
      if (text === undefined) continue;
      const ip = parseSloppyIp(text);
      const address = ip === undefined ? text : formatIp(ip);
      const known = byAddress.get(address);
      if (known !== undefined && known.state === "ready") continue;
      byAddress.set(address, {
        address,
        pod: endpoint.targetRef?.name,
        state: stateOf(endpoint),
        node: endpoint.nodeName,
        zone: endpoint.zone,
        weight: weights.get(address) ?? DEFAULT_WEIGHT,
      });
    }
  }
  return [...byAddress.values()].sort((a, b) => a.address.localeCompare(b.address, "en", { numeric: true }));
}

function stateOf({ conditions }: Endpoint): EndpointState {
  if (conditions?.terminating === true) return "stopping";
  return conditions?.ready === false ? "not ready" : "ready";
}

function whyNotText(
  { inside, outside }: EndpointUse,
  endpoint: Known,
  node: NodeView | undefined,
): string | undefined {
  if (inside === undefined && outside === undefined) return undefined;
  if (inside === outside) return `not used: ${reasonText(inside!, endpoint, node)}`;
  const sides = [
    ...(inside === undefined ? [] : [`by clients inside: ${reasonText(inside, endpoint, node)}`]),
    ...(outside === undefined ? [] : [`by clients outside: ${reasonText(outside, endpoint, node)}`]),
  ];
  return `not used ${sides.join("; ")}`;
}

function reasonText(
  reason: WhyNot,
  { state, node: where = "no node", zone }: Known,
  node: NodeView | undefined,
): string {
  const whose = zone === undefined ? "" : ` (it is in zone ${zone}, this node in ${node?.zone ?? "none"})`;
  const texts: Readonly<Record<WhyNot, string>> = {
    "not primary": "another is the primary, this one waits",
    hints: `its hints are for others${whose}`,
    policy: `it is on ${where === "no node" ? where : `node ${where}`}, and the traffic policy is Local`,
    "weight 0": "its weight is 0",
    readiness: state === "ready" ? "it has no port of this Service" : `it is ${state}`,
  };
  return texts[reason];
}

function problemsOf(
  service: Service,
  slices: readonly EndpointSlice[],
  { events, conflicts }: Cluster,
): string[] {
  const key = `${service.metadata.namespace}/${service.metadata.name}`;
  const { problem } = readBalance(service);
  const found = [
    ...(problem === undefined ? [] : [problem]),
    ...slices.flatMap((slice) => sliceWeights(slice).problems),
    ...conflicts
      .filter(({ losers }) => losers.includes(key))
      .map(({ key: at, winner }) => {
        const [address, protocol, port] = at.split("|");
        return `${address} port ${port}/${protocol} belongs to the older Service ${winner}: connections go there`;
      }),
    ...events
      .filter(
        ({ involvedObject: { kind, namespace, name, uid } }) =>
          kind === "Service" &&
          `${namespace}/${name}` === key &&
          // An Event may be of a Service that had the name before.
          (uid === undefined || service.metadata.uid === undefined || uid === service.metadata.uid),
      )
      .map(({ reason, message }) => ({ reason, message: message ?? "" }))
      .map(({ reason, message }) => (REPEATED.has(reason ?? "") ? "" : `${reason}: ${message}`)),
  ];
  return [...new Set(found)].filter((sentence) => sentence !== "");
}

/** Events by which the agents tell what is found here as well, as it is now. */
const REPEATED: ReadonlySet<string> = new Set(["VirtualPortConflict", "InvalidAnnotation"]);
