/** The schema of discovery.k8s.io/v1 EndpointSlice. */
import { kindSchema } from "../meta/kind-schema.ts";
import type {
  Endpoint,
  EndpointConditions,
  EndpointHints,
  EndpointPort,
  ForNode,
  ForZone,
  EndpointSlice,
} from "./type.ts";
import { objectReferenceSchema } from "../event/schema.ts";
import {
  boolean,
  int32,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  stringMap,
  strings,
  written,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const endpointConditionsSchema: ObjectSchema<EndpointConditions> = objectSchema(
  "io.k8s.api.discovery.v1.EndpointConditions",
  "Whether an endpoint may get traffic.",
  {
    ready: pointer(boolean(1, "May get new connections. Absent means yes.")),
    serving: pointer(boolean(2, "Answers, even if it is terminating. Absent means as `ready`.")),
    terminating: pointer(boolean(3, "Is going away. Absent means no.")),
  },
);

export const forZoneSchema: ObjectSchema<ForZone> = objectSchema(
  "io.k8s.api.discovery.v1.ForZone",
  "A zone that should use an endpoint.",
  {
    name: required(string(1, "The zone's name.")),
  },
);

export const forNodeSchema: ObjectSchema<ForNode> = objectSchema(
  "io.k8s.api.discovery.v1.ForNode",
  "A node that should use an endpoint.",
  {
    name: required(string(1, "The node's name.")),
  },
);

export const endpointHintsSchema: ObjectSchema<EndpointHints> = objectSchema(
  "io.k8s.api.discovery.v1.EndpointHints",
  "Who should use an endpoint.",
  {
    forZones: list(1, forZoneSchema, "Consumers in these zones.", { list: { type: "atomic" } }),
    forNodes: list(2, forNodeSchema, "Consumers on these nodes.", { list: { type: "atomic" } }),
  },
);

export const endpointSchema: ObjectSchema<Endpoint> = objectSchema(
  "io.k8s.api.discovery.v1.Endpoint",
  "One endpoint, usually a pod.",
  {
    addresses: required(strings(1, "Its addresses; consumers use the first.", { list: { type: "set" } })),
    conditions: object(2, endpointConditionsSchema, "Whether it may get traffic."),
    hostname: pointer(string(3, "Its host name, for DNS.")),
    targetRef: pointer(object(4, objectReferenceSchema, "The object it is, usually a pod.")),
    deprecatedTopology: stringMap(5, "Topology of the v1beta1 API. Read-only."),
    nodeName: pointer(string(6, "The node that it is on.")),
    zone: pointer(string(7, "The zone that it is in.")),
    hints: pointer(object(8, endpointHintsSchema, "Who should use it.")),
  },
);

export const endpointPortSchema: ObjectSchema<EndpointPort> = objectSchema(
  "io.k8s.api.discovery.v1.EndpointPort",
  "One port of the endpoints in a slice.",
  {
    name: pointer(string(1, "The name of the service's port that this is for; unique in the slice.")),
    protocol: pointer(oneOf(2, ["TCP", "UDP", "SCTP"], "The transport protocol.")),
    port: pointer(
      int32(3, "The port number. Absent means all ports, for consumers that know what that means."),
    ),
    appProtocol: pointer(string(4, "The application protocol, as a hint.")),
  },
);

export const endpointSliceSchema: ObjectSchema<EndpointSlice> = kindSchema(
  "io.k8s.api.discovery.v1.EndpointSlice",
  "A part of the endpoints of a service: up to 1000 of one address type, with their ports.",
  {
    addressType: required(
      oneOf(4, ["IPv4", "IPv6", "FQDN"], "The type of all addresses here. It cannot be changed."),
    ),
    endpoints: required(list(2, endpointSchema, "The endpoints.", { list: { type: "atomic" } })),
    ports: written(
      list(3, endpointPortSchema, "The ports of every endpoint here. None means that no port is exposed.", {
        list: { type: "atomic" },
      }),
    ),
  },
);
