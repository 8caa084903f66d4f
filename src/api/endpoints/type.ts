/** v1 Endpoints: the older picture of a Service's endpoints, kept as a mirror of its EndpointSlices. */
import type { KubeObject } from "../meta/type.ts";
import type { Protocol } from "../service/type.ts";
import type { ObjectReference } from "../event/type.ts";

export interface EndpointAddress {
  ip: string;
  hostname?: string;
  nodeName?: string;
  targetRef?: ObjectReference;
}

export interface EndpointsPort {
  name?: string;
  port: number;
  protocol?: Protocol;
  appProtocol?: string;
}

export interface EndpointSubset {
  addresses?: EndpointAddress[];
  notReadyAddresses?: EndpointAddress[];
  ports?: EndpointsPort[];
}

export interface Endpoints extends KubeObject {
  subsets?: EndpointSubset[];
}
