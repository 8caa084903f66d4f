/** networking.k8s.io/v1 IPAddress: says that one address is taken, and by whom. Its name is the address. */
import type { KubeObject } from "../meta/type.ts";

export interface ParentReference {
  /** "" or absent: the core group. */
  group?: string;
  /** The plural: "services". */
  resource?: string;
  namespace?: string;
  name?: string;
}

export interface IPAddressSpec {
  parentRef?: ParentReference;
}

export interface IPAddress extends KubeObject {
  spec?: IPAddressSpec;
}

/** "IPv4" or "IPv6". */
export const IP_FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family";
export const IP_MANAGED_BY_LABEL = "ipaddress.kubernetes.io/managed-by";
/** Who manages the addresses of Services (pkg/registry/core/service/ipallocator ControllerName). */
export const IP_ALLOCATOR = "ipallocator.k8s.io";
