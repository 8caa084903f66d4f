/** discovery.k8s.io/v1 EndpointSlice. */
import type { KubeObject } from "../meta/type.ts";
import type { Protocol } from "../service/type.ts";
import type { ObjectReference } from "../event/type.ts";

export interface EndpointConditions {
  /** Absent means true. New connections may be sent. */
  ready?: boolean;
  /** Absent means true. Answers, though it may be terminating. */
  serving?: boolean;
  /** Absent means false. */
  terminating?: boolean;
}

export interface ForZone {
  name: string;
}

export interface ForNode {
  name: string;
}

export interface EndpointHints {
  forZones?: ForZone[];
  forNodes?: ForNode[];
}

export interface Endpoint {
  /** All for the same endpoint; consumers use the first. */
  addresses: string[];
  conditions?: EndpointConditions;
  hostname?: string;
  targetRef?: ObjectReference;
  deprecatedTopology?: Record<string, string>;
  nodeName?: string;
  zone?: string;
  hints?: EndpointHints;
}

export interface EndpointPort {
  name?: string;
  protocol?: Protocol;
  port?: number;
  appProtocol?: string;
}

export interface EndpointSlice extends KubeObject {
  addressType: "IPv4" | "IPv6" | "FQDN";
  endpoints: Endpoint[];
  ports?: EndpointPort[];
}

/** The label that ties a slice to its Service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
/** When what the slice says of last was changed, RFC 3339: how long it took from there can be measured. */
export const TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";
