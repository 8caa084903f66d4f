/** v1 Service, as in Kubernetes 1.34. */
import type { Condition, IntOrString, KubeObject } from "../meta/type.ts";

export type Protocol = "TCP" | "UDP" | "SCTP";
export type IpFamilyName = "IPv4" | "IPv6";

export interface ServicePort {
  /** Required when there is more than one port. DNS label. */
  name?: string;
  /** Default TCP. */
  protocol?: Protocol;
  appProtocol?: string;
  /** 1-65535, on the virtual address. */
  port: number;
  /** A number, or a container port's name, which may differ from pod to pod. Default: `port`. */
  targetPort?: IntOrString;
  nodePort?: number;
}

export interface ClientIPConfig {
  /** 1 to 86400; default 10800. */
  timeoutSeconds?: number;
}

export interface SessionAffinityConfig {
  clientIP?: ClientIPConfig;
}

export interface ServiceSpec {
  ports?: ServicePort[];
  /** Every label must be on the pod. Absent: the endpoints are made by someone else. */
  selector?: Record<string, string>;
  clusterIP?: string;
  clusterIPs?: string[];
  type?: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  externalIPs?: string[];
  sessionAffinity?: "None" | "ClientIP";
  sessionAffinityConfig?: SessionAffinityConfig;
  loadBalancerIP?: string;
  loadBalancerSourceRanges?: string[];
  externalName?: string;
  externalTrafficPolicy?: "Cluster" | "Local";
  healthCheckNodePort?: number;
  publishNotReadyAddresses?: boolean;
  ipFamilies?: IpFamilyName[];
  ipFamilyPolicy?: "SingleStack" | "PreferDualStack" | "RequireDualStack";
  allocateLoadBalancerNodePorts?: boolean;
  loadBalancerClass?: string;
  internalTrafficPolicy?: "Cluster" | "Local";
  trafficDistribution?: string;
}

export interface PortStatus {
  port: number;
  protocol: Protocol;
  error?: string;
}

export interface LoadBalancerIngress {
  ip?: string;
  hostname?: string;
  ipMode?: "VIP" | "Proxy";
  ports?: PortStatus[];
}

export interface LoadBalancerStatus {
  ingress?: LoadBalancerIngress[];
}

export interface ServiceStatus {
  loadBalancer?: LoadBalancerStatus;
  conditions?: Condition[];
}

export interface Service extends KubeObject {
  spec?: ServiceSpec;
  status?: ServiceStatus;
}
