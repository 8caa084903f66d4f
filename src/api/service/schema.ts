/** The schema of v1 Service. */
import { kindSchema } from "../meta/kind-schema.ts";
import { conditionSchema } from "../meta/schema.ts";
import {
  atomic,
  boolean,
  int32,
  intOrString,
  list,
  listOfEnum,
  object,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  stringMap,
  strings,
  withDefault,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type {
  ClientIPConfig,
  LoadBalancerIngress,
  LoadBalancerStatus,
  PortStatus,
  ServicePort,
  ServiceSpec,
  ServiceStatus,
  SessionAffinityConfig,
  Service,
} from "./type.ts";

export const servicePortSchema: ObjectSchema<ServicePort> = objectSchema(
  "io.k8s.api.core.v1.ServicePort",
  "One port of a service.",
  {
    name: string(
      1,
      "The port's name, a DNS label, unique in the service. Needed when there are several ports.",
    ),
    protocol: withDefault(oneOf(2, ["TCP", "UDP", "SCTP"], "The transport protocol."), "TCP"),
    appProtocol: pointer(
      string(6, "The application protocol, as a hint to proxies: an IANA name or example.com/name."),
    ),
    port: required(int32(3, "The port number on the virtual address.")),
    targetPort: intOrString(
      4,
      "The port of the pod: a number, or the name of a container port. The same as `port` if absent.",
    ),
    nodePort: int32(
      5,
      "The port on every node, for types NodePort and LoadBalancer. Chosen by the server if absent.",
    ),
  },
);

export const clientIPConfigSchema: ObjectSchema<ClientIPConfig> = objectSchema(
  "io.k8s.api.core.v1.ClientIPConfig",
  "Affinity by client address.",
  {
    timeoutSeconds: pointer(
      int32(1, "Seconds without a connection after which a client may get another endpoint: 1 to 86400."),
    ),
  },
);

export const sessionAffinityConfigSchema: ObjectSchema<SessionAffinityConfig> = objectSchema(
  "io.k8s.api.core.v1.SessionAffinityConfig",
  "Details of session affinity.",
  {
    clientIP: pointer(object(1, clientIPConfigSchema, "Details of affinity by client address.")),
  },
);

export const serviceSpecSchema: ObjectSchema<ServiceSpec> = objectSchema(
  "io.k8s.api.core.v1.ServiceSpec",
  "What the service should be.",
  {
    ports: list(
      1,
      servicePortSchema,
      "The ports on the virtual address. Required unless the service is headless or an ExternalName.",
      { list: { type: "map", keys: ["port", "protocol"] }, patch: { strategy: "merge", key: "port" } },
    ),
    selector: atomic(
      stringMap(
        2,
        "Labels that a pod must have, all of them, to be behind the service. Without it the endpoints are made by someone else.",
      ),
    ),
    clusterIP: string(
      3,
      'The virtual address: chosen by the server, chosen here, or "None" for a headless service. It cannot be changed once set.',
    ),
    clusterIPs: strings(18, "All virtual addresses, one a family; the first equals `clusterIP`.", {
      list: { type: "atomic" },
    }),
    type: oneOf(
      4,
      ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"],
      "How the service is exposed: inside only, on every node's port, by a load balancer, or as another name.",
    ),
    externalIPs: strings(5, "Further addresses whose traffic, if it reaches a node, goes to the service.", {
      list: { type: "atomic" },
    }),
    sessionAffinity: oneOf(
      7,
      ["None", "ClientIP"],
      "ClientIP keeps a client on the endpoint it first got; None spreads every connection.",
    ),
    loadBalancerIP: string(
      8,
      "The address wanted of the load balancer. Deprecated: providers differ in what they do with it.",
    ),
    loadBalancerSourceRanges: strings(
      9,
      "Client ranges (CIDR) that may use the load balancer; all if empty.",
      { list: { type: "atomic" } },
    ),
    externalName: string(10, "The DNS name that an ExternalName service stands for."),
    externalTrafficPolicy: oneOf(
      11,
      ["Cluster", "Local"],
      "Whether traffic from outside goes to any endpoint, or (Local) only to those on the node it reached, with the client's address kept.",
    ),
    healthCheckNodePort: int32(
      12,
      "The node port on which load balancers ask whether this node has local endpoints. LoadBalancer with policy Local only.",
    ),
    publishNotReadyAddresses: boolean(13, "Whether pods count as endpoints before they are ready."),
    sessionAffinityConfig: pointer(object(14, sessionAffinityConfigSchema, "Details of session affinity.")),
    ipFamilies: listOfEnum(19, ["IPv4", "IPv6"], "The IP families of the virtual addresses, in order.", {
      list: { type: "atomic" },
    }),
    ipFamilyPolicy: pointer(
      oneOf(
        17,
        ["SingleStack", "PreferDualStack", "RequireDualStack"],
        "Whether the service has addresses of one family or two.",
      ),
    ),
    allocateLoadBalancerNodePorts: pointer(
      boolean(20, "Whether a LoadBalancer service gets node ports too."),
    ),
    loadBalancerClass: pointer(
      string(
        21,
        "Which load balancer implementation serves this; the default one if empty. It cannot be changed once set.",
      ),
    ),
    internalTrafficPolicy: pointer(
      oneOf(
        22,
        ["Cluster", "Local"],
        "Whether traffic from inside goes to any endpoint or (Local) only to those on the same node.",
      ),
    ),
    trafficDistribution: pointer(
      string(23, "A preference for near endpoints: PreferClose, PreferSameZone or PreferSameNode."),
    ),
  },
);

export const portStatusSchema: ObjectSchema<PortStatus> = objectSchema(
  "io.k8s.api.core.v1.PortStatus",
  "How one port of a load balancer fares.",
  {
    port: required(int32(1, "The port number.")),
    protocol: required(oneOf(2, ["TCP", "UDP", "SCTP"], "The port's protocol.")),
    error: pointer(string(3, "What went wrong, as a CamelCase word or example.com/word.")),
  },
);

export const loadBalancerIngressSchema: ObjectSchema<LoadBalancerIngress> = objectSchema(
  "io.k8s.api.core.v1.LoadBalancerIngress",
  "One address or name at which a load balancer takes traffic.",
  {
    ip: string(1, "Its address."),
    hostname: string(2, "Its DNS name."),
    ipMode: pointer(
      oneOf(
        3,
        ["VIP", "Proxy"],
        "VIP: traffic arrives with the balancer's address as destination. Proxy: with the node's or pod's.",
      ),
    ),
    ports: list(4, portStatusSchema, "How each port fares.", { list: { type: "atomic" } }),
  },
);

export const loadBalancerStatusSchema: ObjectSchema<LoadBalancerStatus> = objectSchema(
  "io.k8s.api.core.v1.LoadBalancerStatus",
  "What a load balancer reports.",
  {
    ingress: list(1, loadBalancerIngressSchema, "Where the load balancer takes traffic.", {
      list: { type: "atomic" },
    }),
  },
);

export const serviceStatusSchema: ObjectSchema<ServiceStatus> = objectSchema(
  "io.k8s.api.core.v1.ServiceStatus",
  "What the service is at present.",
  {
    loadBalancer: object(1, loadBalancerStatusSchema, "What the load balancer reports."),
    conditions: list(2, conditionSchema, "The service's conditions.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
  },
);

export const serviceSchema: ObjectSchema<Service> = kindSchema(
  "io.k8s.api.core.v1.Service",
  "A stable virtual address, name and ports in front of a changing set of pods.",
  {
    spec: object(2, serviceSpecSchema, "What the service should be."),
    status: object(3, serviceStatusSchema, "What the service is at present; written by the system."),
  },
);
