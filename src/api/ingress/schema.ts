/** The schema of networking.k8s.io/v1 Ingress. */
import { kindSchema } from "../meta/kind-schema.ts";
import { typedLocalObjectReferenceSchema } from "../pod/reference-schema.ts";
import {
  inline,
  int32,
  list,
  object,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  strings,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type {
  HTTPIngressPath,
  HTTPIngressRuleValue,
  Ingress,
  IngressBackend,
  IngressLoadBalancerIngress,
  IngressLoadBalancerStatus,
  IngressPortStatus,
  IngressRule,
  IngressServiceBackend,
  IngressSpec,
  IngressStatus,
  IngressTLS,
  ServiceBackendPort,
} from "./type.ts";

const PACKAGE = "io.k8s.api.networking.v1";
const ATOMIC = { list: { type: "atomic" } } as const;

const serviceBackendPortSchema: ObjectSchema<ServiceBackendPort> = objectSchema(
  `${PACKAGE}.ServiceBackendPort`,
  "A port of a service.",
  {
    name: string(1, "The port's name. Not together with `number`."),
    number: int32(2, "The port's number. Not together with `name`."),
  },
  { atomic: true },
);

const ingressServiceBackendSchema: ObjectSchema<IngressServiceBackend> = objectSchema(
  `${PACKAGE}.IngressServiceBackend`,
  "A service that requests are sent to.",
  {
    name: required(string(1, "The service, in the namespace of the Ingress.")),
    port: object(2, serviceBackendPortSchema, "Its port."),
  },
);

const ingressBackendSchema: ObjectSchema<IngressBackend> = objectSchema(
  `${PACKAGE}.IngressBackend`,
  "Where requests are sent: a service, or another object that stands for a backend.",
  {
    service: pointer(object(4, ingressServiceBackendSchema, "A service. Not together with `resource`.")),
    resource: pointer(
      object(3, typedLocalObjectReferenceSchema, "Another object. Not together with `service`."),
    ),
  },
);

const httpIngressPathSchema: ObjectSchema<HTTPIngressPath> = objectSchema(
  `${PACKAGE}.HTTPIngressPath`,
  "Where requests for a path are sent.",
  {
    path: string(1, "The path, which begins with a slash."),
    pathType: required(
      pointer(
        oneOf(
          3,
          ["Exact", "Prefix", "ImplementationSpecific"],
          "How the path is compared: as a whole, element by element from its start, or as the controller likes.",
        ),
      ),
    ),
    backend: required(object(2, ingressBackendSchema, "Where the requests go.")),
  },
);

const httpIngressRuleValueSchema: ObjectSchema<HTTPIngressRuleValue> = objectSchema(
  `${PACKAGE}.HTTPIngressRuleValue`,
  "What happens to HTTP requests for a host.",
  {
    paths: required(list(1, httpIngressPathSchema, "Backends by path.", ATOMIC)),
  },
);

const ingressRuleSchema: ObjectSchema<IngressRule> = objectSchema(
  `${PACKAGE}.IngressRule`,
  "What happens to requests for one host.",
  {
    host: string(1, 'The host: a DNS name, or "*." and a DNS name. Absent: every host.'),
    ...inline(2, {
      http: pointer(object(1, httpIngressRuleValueSchema, "What happens to HTTP requests.")),
    }),
  },
);

const ingressTLSSchema: ObjectSchema<IngressTLS> = objectSchema(
  `${PACKAGE}.IngressTLS`,
  "A certificate, and the hosts that it is for.",
  {
    hosts: strings(1, "The hosts in the certificate.", ATOMIC),
    secretName: string(2, "The Secret with the certificate and its key."),
  },
);

const ingressSpecSchema: ObjectSchema<IngressSpec> = objectSchema(
  `${PACKAGE}.IngressSpec`,
  "Which requests an Ingress wants, and where they should go.",
  {
    ingressClassName: pointer(
      string(
        4,
        "The IngressClass whose controller should serve this. Absent: the default class, if there is one.",
      ),
    ),
    defaultBackend: pointer(object(1, ingressBackendSchema, "Where requests go that no rule fits.")),
    tls: list(2, ingressTLSSchema, "Certificates by host.", ATOMIC),
    rules: list(3, ingressRuleSchema, "Rules by host.", ATOMIC),
  },
);

const ingressPortStatusSchema: ObjectSchema<IngressPortStatus> = objectSchema(
  `${PACKAGE}.IngressPortStatus`,
  "How one port of the load balancer is.",
  {
    port: required(int32(1, "The port's number.")),
    protocol: required(oneOf(2, ["TCP", "UDP", "SCTP"], "The transport protocol.")),
    error: pointer(
      string(
        3,
        "What is wrong with the port: a CamelCase word, with a domain before it if it is a provider's.",
      ),
    ),
  },
);

const ingressLoadBalancerIngressSchema: ObjectSchema<IngressLoadBalancerIngress> = objectSchema(
  `${PACKAGE}.IngressLoadBalancerIngress`,
  "Where the load balancer can be reached.",
  {
    ip: string(1, "Its address."),
    hostname: string(2, "Its host name."),
    ports: list(4, ingressPortStatusSchema, "Its ports.", ATOMIC),
  },
);

const ingressLoadBalancerStatusSchema: ObjectSchema<IngressLoadBalancerStatus> = objectSchema(
  `${PACKAGE}.IngressLoadBalancerStatus`,
  "How the load balancer is.",
  {
    ingress: list(1, ingressLoadBalancerIngressSchema, "Where it can be reached.", ATOMIC),
  },
);

const ingressStatusSchema: ObjectSchema<IngressStatus> = objectSchema(
  `${PACKAGE}.IngressStatus`,
  "What its controller has made of an Ingress.",
  {
    loadBalancer: object(1, ingressLoadBalancerStatusSchema, "How the load balancer is."),
  },
);

export const ingressSchema: ObjectSchema<Ingress> = kindSchema(
  `${PACKAGE}.Ingress`,
  "Lets HTTP requests from outside reach services, by host and path.",
  {
    spec: object(2, ingressSpecSchema, "What is wanted."),
    status: object(3, ingressStatusSchema, "What its controller has made of it."),
  },
);
