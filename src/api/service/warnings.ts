/** What is worth a warning about a Service that is accepted (pkg/api/service GetWarningsForService). */
import { addressWarnings, ingressAddressWarnings, rangeWarnings } from "../validation/address-warnings.ts";
import { BALANCE_ANNOTATION, readBalance } from "./balance.ts";
import type { Service, ServiceSpec } from "./type.ts";

export function serviceWarnings(service: Service, old?: Service): string[] {
  const { metadata, spec = {}, status } = service;
  const { annotations = {} } = metadata;
  const warnings: string[] = [];
  if (Object.hasOwn(annotations, "service.kubernetes.io/topology-aware-hints"))
    warnings.push(
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    );
  // Ours, and so ours to warn of: once, when it is written.
  const { problem } = readBalance(service);
  if (
    problem !== undefined &&
    annotations[BALANCE_ANNOTATION] !== old?.metadata.annotations?.[BALANCE_ANNOTATION]
  )
    warnings.push(problem);
  const { clusterIPs = [], externalIPs = [], loadBalancerIP = "", loadBalancerSourceRanges = [] } = spec;
  warnings.push(
    ...clusterIPs.flatMap((text, i) => addressWarnings(`spec.clusterIPs[${i}]`, text)),
    ...headlessWarnings(spec),
    ...externalIPs.flatMap((text, i) => addressWarnings(`spec.externalIPs[${i}]`, text)),
    ...addressWarnings("spec.loadBalancerIP", loadBalancerIP),
    ...loadBalancerSourceRanges.flatMap((text, i) =>
      rangeWarnings(`spec.loadBalancerSourceRanges[${i}]`, text),
    ),
    ...ingressAddressWarnings(
      "status.loadBalancer.ingress",
      status?.loadBalancer?.ingress,
      old?.status?.loadBalancer?.ingress,
    ),
  );
  if (spec.type === "ExternalName" && externalIPs.length > 0)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== "ExternalName" && spec.externalName !== undefined)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  return warnings;
}

/** What has no meaning without a virtual address. */
function headlessWarnings(spec: ServiceSpec): string[] {
  if (spec.type !== "ClusterIP" || spec.clusterIP !== "None") return [];
  const ignored: string[] = [];
  if ((spec.loadBalancerIP ?? "") !== "") ignored.push("loadBalancerIP");
  if ((spec.externalIPs ?? []).length > 0) ignored.push("externalIPs");
  // Upstream writes this one as its Go field is called.
  if (spec.sessionAffinity !== "None") ignored.push("SessionAffinity");
  return ignored.map((field) => `spec.${field} is ignored for headless services`);
}
