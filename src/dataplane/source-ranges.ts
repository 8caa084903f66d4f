/** Who may connect to a Service's load balancer addresses: spec.loadBalancerSourceRanges, or the annotation before it. */
import type { Service } from "../api/service/type.ts";
import { cidrContains, formatCidr, formatIp, type Ip, type IpFamily } from "../base/ip.ts";
import { parseSloppyCidr, parseSloppyIp } from "../base/sloppy-ip.ts";
import type { NodeView } from "./node-view.ts";

/** The older form: ranges with commas between them. The field goes before it. */
export const SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges";

/**
 * The ranges of `family` from which `addresses`, the load balancer's, may be reached; undefined if from everywhere.
 *
 * Ranges of the other family say nothing about this one. But where all are of the other family nobody may: whoever
 * named some clients did not mean to let in the rest. (kube-proxy lets them all in: serviceport.go drops the ranges
 * of the other family, and without any left has no firewall.)
 */
export function sourceRangesOf(
  service: Service,
  family: IpFamily,
  addresses: readonly Ip[],
  node: NodeView | undefined,
): readonly string[] | undefined {
  const texts = rangeTexts(service);
  if (texts.length === 0) return undefined;
  const ranges = texts
    // Validation lets spaces around a range pass.
    .map((text) => parseSloppyCidr(text.trim())?.range)
    .filter((range) => range?.base.family === family)
    .map((range) => range!);
  if (ranges.some(({ length }) => length === 0)) return undefined;
  const found = new Set(ranges.map(formatCidr));
  // Where the load balancer's address is on the node itself, the node's own connections to it come from that address
  // (kube-proxy's allowFromNode).
  const own = (node?.addresses ?? []).map(parseSloppyIp).filter((ip) => ip !== undefined);
  if (own.some((ip) => ranges.some((range) => cidrContains(range, ip))))
    for (const address of addresses) found.add(`${formatIp(address)}/${family === 4 ? 32 : 128}`);
  return Array.from(found).sort();
}

function rangeTexts({ spec, metadata }: Service): readonly string[] {
  const listed = spec?.loadBalancerSourceRanges ?? [];
  if (listed.length > 0) return listed;
  const text = metadata.annotations?.[SOURCE_RANGES_ANNOTATION]?.trim() ?? "";
  return text === "" ? [] : text.split(",");
}
