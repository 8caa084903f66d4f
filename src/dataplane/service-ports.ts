/**
 * What one Service means to a data plane: its virtual ports, each with the backends that new connections may go to.
 *
 * The rules are kube-proxy's (pkg/proxy/serviceport.go, and syncProxyRules of pkg/proxy/nftables/proxier.go): where a
 * Service is reached inside the cluster, its internal traffic policy decides; where it is reached from outside, the
 * external one, but not for clients who are inside nevertheless.
 */
import { type BalancePolicy, readBalance } from "../api/service/balance.ts";
import type { Service, ServicePort } from "../api/service/type.ts";
import type { Ip, IpFamily } from "../base/ip.ts";
import { canonicalText, parseSloppyIp } from "../base/sloppy-ip.ts";
import { clusterChoice, localChoice } from "./endpoint-choice.ts";
import type { NodeView } from "./node-view.ts";
import { mergeCandidates, type SliceReading } from "./slice-endpoints.ts";
import { sourceRangesOf } from "./source-ranges.ts";
import { sameChoice } from "./same-meaning.ts";
import { type Balance, type Choice, type VirtualPort, type VirtualPortType } from "./table.ts";
import { DEFAULT_AFFINITY_SECONDS, NODE_ADDRESS } from "./table.ts";

/** Services with one of these labels are somebody else's to program (KEP-2447; well-known labels). */
export const NOT_OURS_LABELS = [
  "service.kubernetes.io/headless",
  "service.kubernetes.io/service-proxy-name",
] as const;

/** The same as a label selector, for lists and watches of Services and EndpointSlices. */
export const OURS_SELECTOR: string = NOT_OURS_LABELS.map((label) => `!${label}`).join(",");

/** An address of a Service, whatever the port. */
interface Frontend {
  readonly type: Exclude<VirtualPortType, "NodePort">;
  readonly address: string;
  readonly sourceRanges?: readonly string[];
}

/** Where a Service is reached by connections of one family. */
interface FamilyFrontends {
  readonly family: IpFamily;
  /** Where one address is of several types, the first is the one that counts. */
  readonly frontends: readonly Frontend[];
}

/** What a Service says, apart from its endpoints. */
export interface ServiceReading {
  /** "namespace/name". */
  readonly name: string;
  readonly families: readonly FamilyFrontends[];
  readonly ports: readonly ServicePort[];
  readonly balance: BalancePolicy;
  readonly affinity: number | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Where a load balancer asks whether this node has endpoints. */
  readonly healthCheckNodePort: number | undefined;
  /** Sentences about what is wrong in the Service's annotations. */
  readonly problems: readonly string[];
}

/**
 * undefined if the Service is nothing to this data plane: without a virtual address, or somebody else's. `name` is
 * "namespace/name", of whoever has it at hand.
 */
export function readService(
  service: Service,
  node: NodeView | undefined,
  name = `${service.metadata.namespace}/${service.metadata.name}`,
): ServiceReading | undefined {
  const { spec, metadata } = service;
  if (spec === undefined || spec.type === "ExternalName") return undefined;
  if (NOT_OURS_LABELS.some((label) => metadata.labels?.[label] !== undefined)) return undefined;
  // "None" (headless) and "" (not yet allocated) are no addresses.
  const clusterIps = addressesIn(spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]));
  if (clusterIps.length === 0) return undefined;
  const { policy, problem } = readBalance(service);
  const externalLocal = isReachedFromOutside(service) && spec.externalTrafficPolicy === "Local";
  const checked = externalLocal && spec.type === "LoadBalancer" ? (spec.healthCheckNodePort ?? 0) : 0;
  return {
    name,
    families: clusterIps.map((clusterIp) => frontendsOf(service, clusterIp, node)),
    ports: spec.ports ?? [],
    balance: policy,
    affinity:
      spec.sessionAffinity === "ClientIP" || policy === "least-clients"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
        : undefined,
    internalLocal: spec.internalTrafficPolicy === "Local",
    externalLocal,
    healthCheckNodePort: checked === 0 ? undefined : checked,
    problems: problem === undefined ? [] : [problem],
  };
}

/** The API's own words (pkg/api/v1/service ExternallyAccessible): what the external policy may be said of. */
function isReachedFromOutside({ spec }: Service): boolean {
  const { type = "ClusterIP", externalIPs } = spec!;
  if (type !== "ClusterIP") return type === "LoadBalancer" || type === "NodePort";
  return (externalIPs ?? []).length > 0;
}

interface Address extends Ip {
  /** Canonical. */
  readonly text: string;
}

/** A Service has other addresses only of families in which it has a cluster IP. */
function frontendsOf(service: Service, clusterIp: Address, node: NodeView | undefined): FamilyFrontends {
  const { family } = clusterIp;
  const inFamily = (ip: Ip) => ip.family === family;
  const externalIps = addressesIn(service.spec?.externalIPs ?? []).filter(inFamily);
  // Mode "Proxy": connections should go through the load balancer, for which the address is not ours (KEP-1860).
  const vips = (service.status?.loadBalancer?.ingress ?? []).filter(({ ipMode = "VIP" }) => ipMode === "VIP");
  const vipAddresses = addressesIn(vips.map(({ ip = "" }) => ip)).filter(inFamily);
  const sourceRanges =
    vipAddresses.length === 0 ? undefined : sourceRangesOf(service, family, vipAddresses, node);
  return {
    family,
    frontends: [
      { type: "ClusterIP", address: clusterIp.text },
      ...vipAddresses.map((ip) => ({
        type: "LoadBalancer" as const,
        address: ip.text,
        ...(sourceRanges !== undefined && { sourceRanges }),
      })),
      ...externalIps.map((ip) => ({ type: "ExternalIP" as const, address: ip.text })),
    ],
  };
}

/** 0.0.0.0 and :: are no addresses of a Service: in the table they stand for the node's, and would take its ports. */
function addressesIn(texts: readonly string[]): Address[] {
  return texts.flatMap((text) => {
    const ip = parseSloppyIp(text);
    return ip === undefined || ip.value === 0n ? [] : [{ ...ip, text: canonicalText(ip, text) }];
  });
}

/** How the table calls what a Service's owner chose. A primary with backups is one backend, which needs no balance. */
const BALANCE: Readonly<Record<BalancePolicy, Balance | undefined>> = {
  random: undefined,
  "round-robin": "round-robin",
  "source-hash": "source",
  "source-port-hash": "source-port",
  "least-clients": "least-clients",
  "primary-backup": undefined,
};

/**
 * The virtual ports of a Service, given all EndpointSlices that carry its name. Ports are matched by name and
 * protocol, endpoints by family; one that is in several slices counts once. The order of `slices` does not matter:
 * backends are in order of address, then port. What is the same for several virtual ports is one array.
 */
export function virtualPorts(
  service: ServiceReading,
  slices: readonly SliceReading[],
  node: NodeView | undefined,
): VirtualPort[] {
  const balance = BALANCE[service.balance];
  const options = { node, primaryOnly: service.balance === "primary-backup" };
  const found: VirtualPort[] = [];
  for (const { family, frontends } of service.families) {
    const readings = slices.filter((slice) => slice.family === family);
    for (const port of service.ports) {
      const protocol = port.protocol ?? "TCP";
      const portName = port.name ?? "";
      const candidates = mergeCandidates(
        readings.flatMap(({ ports }) =>
          ports
            .filter((target) => target.name === portName && target.protocol === protocol)
            .map((target) => target.candidates),
        ),
      );
      const nodePort = port.nodePort ?? 0;
      const hasOutside = nodePort !== 0 || frontends.length > 1;
      const cluster = service.internalLocal && !hasOutside ? undefined : clusterChoice(candidates, options);
      const local =
        service.internalLocal || (service.externalLocal && hasOutside)
          ? localChoice(candidates, options)
          : undefined;
      const rest = {
        ...(balance !== undefined && { balance }),
        ...(service.affinity !== undefined && { affinity: service.affinity }),
      };
      const portOf = (
        type: VirtualPortType,
        address: string,
        number: number,
        { backends, ...choice }: Choice & Pick<VirtualPort, "external">,
        ranges: Pick<VirtualPort, "sourceRanges">,
      ): VirtualPort =>
        // The fields that all have come first: without others, the object takes just their room.
        Object.assign(
          { service: service.name, portName, protocol, type, address, port: number, backends },
          choice,
          rest,
          ranges,
        );
      const inside: Choice = service.internalLocal ? local! : cluster!;
      const outside: Choice & Pick<VirtualPort, "external"> =
        service.externalLocal && hasOutside && !sameChoice(local!, cluster!)
          ? { ...cluster!, external: local! }
          : cluster!;
      for (const { type, address, sourceRanges } of frontends)
        found.push(
          portOf(
            type,
            address,
            port.port,
            type === "ClusterIP" ? inside : outside,
            sourceRanges === undefined ? {} : { sourceRanges },
          ),
        );
      if (nodePort !== 0) found.push(portOf("NodePort", NODE_ADDRESS[family], nodePort, outside, {}));
    }
  }
  return found;
}
