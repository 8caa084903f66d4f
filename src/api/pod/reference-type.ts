/** v1 Pod: references to objects and to fields. */
import type { Quantity } from "../meta/type.ts";

/** Points at an object in the same namespace. */
export interface LocalObjectReference {
  /** The name. */
  name?: string;
}

/** A field of the pod. */
export interface ObjectFieldSelector {
  /** The version that the path is written in. */
  apiVersion?: string;
  /** The path, such as status.podIP. */
  fieldPath: string;
}

/** A resource of a container. */
export interface ResourceFieldSelector {
  /** The container. */
  containerName?: string;
  /** The resource, such as limits.cpu. */
  resource: string;
  /** The unit of the result. */
  divisor?: Quantity;
}

/** Points at an object in the same namespace. */
export interface TypedLocalObjectReference {
  /** The object's API group. */
  apiGroup?: string;
  /** The kind. */
  kind: string;
  /** The name. */
  name: string;
}

/** Points at an object. */
export interface TypedObjectReference {
  /** The object's API group. */
  apiGroup?: string;
  /** The kind. */
  kind: string;
  /** The name. */
  name: string;
  /** The namespace. */
  namespace?: string;
}
