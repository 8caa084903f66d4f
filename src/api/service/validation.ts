/** Which Services are acceptable (pkg/apis/core/validation ValidateService), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import { duplicate, forbiddenField, invalidValue, notSupported, required } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkAddress, checkNonSpecialAddress, checkRange } from "../validation/addresses.ts";
import {
  checkLabels,
  checkOneOf,
  checkOptionalOneOf,
  checkPort,
  checkPortNumber,
  checkSyntax,
} from "../validation/checks.ts";
import {
  dns1035LabelComplaints,
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
  qualifiedNameComplaints,
} from "../validation/names.ts";
import { validateClusterIps, validateClusterIpsUpdate } from "./cluster-ip-validation.ts";
import {
  isExternallyAccessible,
  isHeadlessService,
  needsClusterIp,
  needsHealthCheckNodePort,
} from "./traits.ts";
import type { Service, ServicePort, ServiceSpec } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1035LabelComplaints };
const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const TYPES = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
const TRAFFIC_POLICIES = ["Cluster", "Local"];
const TRAFFIC_DISTRIBUTIONS = ["PreferClose", "PreferSameZone", "PreferSameNode"];
/** Node agents listen here; a load balancer that led here would open them to the world. */
const KUBELET_PORT = 10250;
/** One day. */
const MAX_AFFINITY_SECONDS = 86_400;

const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  return [
    ...validateObjectMeta(service.metadata, RULES),
    ...checkTopologyAnnotations(service),
    ...checkType(service, spec),
    ...checkPorts(spec),
    ...checkLabels("spec.selector", spec.selector),
    ...checkAffinity(spec),
    ...validateClusterIps(service),
    ...checkExternalIps(spec),
    ...checkOneOf("spec.type", spec.type, TYPES),
    ...checkNodePorts(spec),
    ...checkSourceRanges(service, spec),
    ...checkLoadBalancerFields(spec),
    ...checkTrafficPolicies(spec),
  ];
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const spec = service.spec ?? {};
  const before = old.spec ?? {};
  const errors = [
    ...validateObjectMetaUpdate(service.metadata, old.metadata),
    ...validateClusterIpsUpdate(service, old),
  ];
  if (
    spec.type === "LoadBalancer" &&
    before.type === "LoadBalancer" &&
    spec.loadBalancerClass !== before.loadBalancerClass
  )
    errors.push(invalidValue("spec.loadBalancerClass", spec.loadBalancerClass, "may not change once set"));
  if (
    needsHealthCheckNodePort(before) &&
    needsHealthCheckNodePort(spec) &&
    spec.healthCheckNodePort !== before.healthCheckNodePort
  )
    errors.push(forbiddenField("spec.healthCheckNodePort", "field is immutable"));
  return [...errors, ...validateService(service)];
}

function checkTopologyAnnotations({ metadata: { annotations = {} } }: Service): FieldError[] {
  const modeKey = "service.kubernetes.io/topology-mode";
  const hintsKey = "service.kubernetes.io/topology-aware-hints";
  const mode = annotations[modeKey];
  const hints = annotations[hintsKey];
  if (mode === undefined || hints === undefined || mode === hints) return [];
  const detail = `must match annotations[${hintsKey}] when both are specified`;
  return [invalidValue(`metadata.annotations[${modeKey}]`, mode, detail)];
}

function checkType(service: Service, spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const headless = isHeadlessService(service);
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== "ExternalName")
    errors.push(required("spec.ports"));
  if (spec.type === "LoadBalancer") {
    for (const [i, { port }] of (spec.ports ?? []).entries())
      if (port === KUBELET_PORT) {
        const detail = `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`;
        errors.push(invalidValue(`spec.ports[${i}]`, port, detail));
      }
  }
  if (headless && (spec.type === "LoadBalancer" || spec.type === "NodePort"))
    errors.push(
      invalidValue("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`),
    );
  if (spec.type !== "ExternalName") return errors;
  const detail = "may not be set for ExternalName services";
  if ((spec.clusterIPs ?? []).length > 0) errors.push(forbiddenField("spec.clusterIPs", detail));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(forbiddenField("spec.ipFamilies", detail));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbiddenField("spec.ipFamilyPolicy", detail));
  // A dot at the end says that the name is complete.
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  if (name === "") errors.push(required("spec.externalName"));
  else errors.push(...checkSyntax("spec.externalName", name, dns1123SubdomainComplaints));
  return errors;
}

function checkPorts({ ports = [] }: ServiceSpec): FieldError[] {
  const names = new Set<string>();
  const errors = ports.flatMap((port, i) =>
    checkServicePort(`spec.ports[${i}]`, port, ports.length > 1, names),
  );
  const seen = new Set<string>();
  for (const [i, { protocol, port }] of ports.entries()) {
    const key = `${protocol}/${port}`;
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${i}]`, { protocol, port }));
    seen.add(key);
  }
  return errors;
}

function checkServicePort(
  field: string,
  { name = "", port, protocol, targetPort, appProtocol }: ServicePort,
  needsName: boolean,
  names: Set<string>,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name !== "") {
    errors.push(...checkSyntax(`${field}.name`, name, dns1123LabelComplaints));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
  } else if (needsName) errors.push(required(`${field}.name`));
  errors.push(
    ...checkPortNumber(`${field}.port`, port),
    ...checkOneOf(`${field}.protocol`, protocol, PROTOCOLS),
    ...checkPort(`${field}.targetPort`, targetPort),
  );
  if (appProtocol !== undefined)
    errors.push(...checkSyntax(`${field}.appProtocol`, appProtocol, qualifiedNameComplaints));
  return errors;
}

function checkNodePorts({ type, ports = [] }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { protocol, nodePort = 0 }] of ports.entries()) {
    if (nodePort === 0) continue;
    const field = `spec.ports[${i}].nodePort`;
    if (type === "ClusterIP")
      errors.push(forbiddenField(field, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) errors.push(duplicate(field, nodePort));
    seen.add(key);
  }
  return errors;
}

function checkAffinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  const errors = checkOneOf("spec.sessionAffinity", sessionAffinity, ["ClientIP", "None"]);
  const field = "spec.sessionAffinityConfig";
  if (sessionAffinity === "None" && config !== undefined)
    errors.push(forbiddenField(field, "must not be set when session affinity is None"));
  if (sessionAffinity !== "ClientIP") return errors;
  const why = "when session affinity type is ClientIP";
  if (config === undefined) return [...errors, required(field, why)];
  if (config.clientIP === undefined) return [...errors, required(`${field}.clientIP`, why)];
  const { timeoutSeconds } = config.clientIP;
  if (timeoutSeconds === undefined) errors.push(required(`${field}.clientIP.timeoutSeconds`, why));
  else if (timeoutSeconds <= 0 || timeoutSeconds > MAX_AFFINITY_SECONDS) {
    const detail = `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`;
    errors.push(invalidValue(`${field}.clientIP.timeoutSeconds`, timeoutSeconds, detail));
  }
  return errors;
}

function checkExternalIps({ externalIPs = [] }: ServiceSpec): FieldError[] {
  return externalIPs.flatMap((address, i) => {
    const field = `spec.externalIPs[${i}]`;
    const syntax = checkAddress(field, address);
    return syntax.length > 0 ? syntax : checkNonSpecialAddress(field, address);
  });
}

function checkSourceRanges({ metadata }: Service, spec: ServiceSpec): FieldError[] {
  const annotation = "service.beta.kubernetes.io/load-balancer-source-ranges";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const annotated = metadata.annotations?.[annotation];
  if (ranges.length === 0 && annotated === undefined) return [];
  // The capital letter is upstream's; clients see it in messages.
  const field = ranges.length > 0 ? "spec.LoadBalancerSourceRanges" : `metadata.annotations[${annotation}]`;
  const errors = spec.type === "LoadBalancer" ? [] : [forbiddenField(field, ONLY_LOAD_BALANCER)];
  if (ranges.length > 0)
    return [...errors, ...ranges.flatMap((range, i) => checkRange(`${field}[${i}]`, range.trim()))];
  const list = (annotated ?? "").trim();
  return list === ""
    ? errors
    : [...errors, ...list.split(",").flatMap((range) => checkRange(field, range.trim()))];
}

function checkLoadBalancerFields({
  type,
  allocateLoadBalancerNodePorts,
  loadBalancerClass,
}: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isLoadBalancer = type === "LoadBalancer";
  if (!isLoadBalancer && allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbiddenField("spec.allocateLoadBalancerNodePorts", ONLY_LOAD_BALANCER));
  // Upstream leaves "spec." out here.
  if (isLoadBalancer && allocateLoadBalancerNodePorts === undefined)
    errors.push(required("allocateLoadBalancerNodePorts"));
  if (loadBalancerClass === undefined) return errors;
  if (!isLoadBalancer) errors.push(forbiddenField("spec.loadBalancerClass", ONLY_LOAD_BALANCER));
  else errors.push(...checkSyntax("spec.loadBalancerClass", loadBalancerClass, qualifiedNameComplaints));
  return errors;
}

function checkTrafficPolicies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const { externalTrafficPolicy, healthCheckNodePort = 0, internalTrafficPolicy, trafficDistribution } = spec;
  if (isExternallyAccessible(spec))
    errors.push(...checkOneOf("spec.externalTrafficPolicy", externalTrafficPolicy, TRAFFIC_POLICIES));
  else if (externalTrafficPolicy !== undefined) {
    const detail = "may only be set for externally-accessible services";
    errors.push(invalidValue("spec.externalTrafficPolicy", externalTrafficPolicy, detail));
  }
  if (needsHealthCheckNodePort(spec)) {
    if (healthCheckNodePort === 0) errors.push(required("spec.healthCheckNodePort"));
    else errors.push(...checkPortNumber("spec.healthCheckNodePort", healthCheckNodePort));
  } else if (healthCheckNodePort !== 0) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue("spec.healthCheckNodePort", healthCheckNodePort, detail));
  }
  if (internalTrafficPolicy === undefined) {
    if (needsClusterIp(spec)) errors.push(required("spec.internalTrafficPolicy"));
  } else if (!TRAFFIC_POLICIES.includes(internalTrafficPolicy))
    errors.push(notSupported("spec.internalTrafficPolicy", internalTrafficPolicy, TRAFFIC_POLICIES));
  errors.push(...checkOptionalOneOf("spec.trafficDistribution", trafficDistribution, TRAFFIC_DISTRIBUTIONS));
  return errors;
}
