/** The schema of v1 Endpoints. */
import { kindSchema } from "../meta/kind-schema.ts";
import type { EndpointAddress, EndpointSubset, EndpointsPort, Endpoints } from "./type.ts";
import { objectReferenceSchema } from "../event/schema.ts";
import { int32, list, object, objectSchema, oneOf, pointer, required, string } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const endpointAddressSchema: ObjectSchema<EndpointAddress> = objectSchema(
  "io.k8s.api.core.v1.EndpointAddress",
  "One address of an endpoint.",
  {
    ip: required(string(1, "The IP address. Loopback and link-local addresses are refused.")),
    hostname: string(3, "The endpoint's host name, for DNS."),
    nodeName: pointer(string(4, "The node that the endpoint is on.")),
    targetRef: pointer(object(2, objectReferenceSchema, "The object that has the address, usually a pod.")),
  },
);

export const endpointsPortSchema: ObjectSchema<EndpointsPort> = objectSchema(
  "io.k8s.api.core.v1.EndpointPort",
  "One port of the endpoints.",
  {
    name: string(1, "The name of the service's port that this is for."),
    port: required(int32(2, "The port number.")),
    protocol: oneOf(3, ["TCP", "UDP", "SCTP"], "The transport protocol."),
    appProtocol: pointer(string(4, "The application protocol, as a hint.")),
  },
);

export const endpointSubsetSchema: ObjectSchema<EndpointSubset> = objectSchema(
  "io.k8s.api.core.v1.EndpointSubset",
  "Addresses that all have the same ports.",
  {
    addresses: list(1, endpointAddressSchema, "The addresses that are ready.", { list: { type: "atomic" } }),
    notReadyAddresses: list(2, endpointAddressSchema, "The addresses that are not ready, or going away.", {
      list: { type: "atomic" },
    }),
    ports: list(3, endpointsPortSchema, "The ports of every address here.", { list: { type: "atomic" } }),
  },
);

export const endpointsSchema: ObjectSchema<Endpoints> = kindSchema(
  "io.k8s.api.core.v1.Endpoints",
  "All endpoints of a service in one object: the older form, superseded by EndpointSlice.",
  {
    subsets: list(2, endpointSubsetSchema, "Groups of addresses that have the same ports.", {
      list: { type: "atomic" },
    }),
  },
);
