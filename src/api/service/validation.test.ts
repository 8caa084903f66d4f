import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { serviceKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "shop" },
  spec: {
    selector: { app: "web" },
    clusterIP: "10.96.0.10",
    clusterIPs: ["10.96.0.10"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ports: [{ port: 80 }],
  },
};

const LOAD_BALANCER = { type: "LoadBalancer", ports: [{ port: 80, nodePort: 30_080 }] };
const DNS_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

test("metadata of services", () => {
  checkCreates(serviceKind, GOOD, [
    [{ metadata: { name: "1web" } }, `metadata.name: Invalid value: "1web": ${DNS_1035}`],
    [{ metadata: { name: "web.a" } }, `metadata.name: Invalid value: "web.a": ${DNS_1035}`],
    [{ metadata: { name: null } }, "metadata.name: Required value: name or generateName is required"],
    [
      { metadata: { name: null, generateName: "web-" } },
      "metadata.name: Required value: name or generateName is required",
    ],
    [{ metadata: { namespace: "Shop" } }, `metadata.namespace: Invalid value: "Shop": ${DNS_LABEL}`],
    [{ metadata: { labels: { "a b": "c" } } }, `metadata.labels: Invalid value: "a b": ${QUALIFIED}`],
    [{ metadata: { labels: { a: "b c" } } }, `metadata.labels: Invalid value: "b c": ${LABEL_VALUE}`],
    [
      { metadata: { annotations: { "a/b/c": "" } } },
      `metadata.annotations: Invalid value: "a/b/c": a qualified name ${QUALIFIED.slice("name part ".length)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ],
    [
      { metadata: { annotations: { Example: "x".repeat(262_144) } } },
      "metadata.annotations: Too long: may not be more than 262144 bytes",
    ],
    [
      { metadata: { finalizers: ["mine"] } },
      'metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      { metadata: { finalizers: ["orphan", "foregroundDeletion"] } },
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
    [
      { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p" }] } },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
  ]);
});

test("ports", () => {
  checkCreates(serviceKind, GOOD, [
    [{ spec: { ports: null } }, "spec.ports: Required value"],
    [
      { spec: { ports: [{}] } },
      "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
      "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
    ],
    [
      { spec: { ports: [{ port: 65_536, targetPort: 80 }] } },
      "spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive",
    ],
    [
      { spec: { ports: [{ port: 80, protocol: "tcp" }] } },
      'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      { spec: { ports: [{ port: 80, targetPort: "web_1" }] } },
      'spec.ports[0].targetPort: Invalid value: "web_1": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
    [
      { spec: { ports: [{ port: 80, targetPort: "8080" }] } },
      'spec.ports[0].targetPort: Invalid value: "8080": must contain at least one letter (a-z)',
    ],
    [
      { spec: { ports: [{ port: 80, targetPort: "a--b" }] } },
      'spec.ports[0].targetPort: Invalid value: "a--b": must not contain consecutive hyphens',
    ],
    [
      { spec: { ports: [{ port: 80, targetPort: "a".repeat(16) }] } },
      `spec.ports[0].targetPort: Invalid value: "${"a".repeat(16)}": must be no more than 15 characters`,
    ],
    [
      { spec: { ports: [{ port: 80, appProtocol: "a b" }] } },
      `spec.ports[0].appProtocol: Invalid value: "a b": ${QUALIFIED}`,
    ],
    [{ spec: { ports: [{ port: 80, name: "a" }, { port: 81 }] } }, "spec.ports[1].name: Required value"],
    [
      {
        spec: {
          ports: [
            { port: 80, name: "a" },
            { port: 81, name: "a" },
          ],
        },
      },
      'spec.ports[1].name: Duplicate value: "a"',
    ],
    [{ spec: { ports: [{ port: 80, name: "A" }] } }, `spec.ports[0].name: Invalid value: "A": ${DNS_LABEL}`],
    [
      {
        spec: {
          ports: [
            { port: 80, name: "a" },
            { port: 80, name: "b" },
          ],
        },
      },
      'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}',
    ],
    [
      {
        spec: {
          ports: [
            { port: 80, name: "a" },
            { port: 80, name: "b", protocol: "UDP" },
          ],
        },
      },
    ],
    [
      { spec: { ports: [{ port: 80, nodePort: 30_000 }] } },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      {
        spec: {
          type: "NodePort",
          ports: [
            { port: 80, name: "a", nodePort: 30_000 },
            { port: 81, name: "b", nodePort: 30_000 },
          ],
        },
      },
      "spec.ports[1].nodePort: Duplicate value: 30000",
    ],
    [
      {
        spec: {
          type: "NodePort",
          ports: [
            { port: 80, name: "a", nodePort: 30_000 },
            { port: 80, name: "b", protocol: "UDP", nodePort: 30_000 },
          ],
        },
      },
    ],
    [
      { spec: { ...LOAD_BALANCER, ports: [{ port: 10_250 }] } },
      "spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet",
    ],
  ]);
});

test("types, and the fields that belong to them", () => {
  checkCreates(serviceKind, GOOD, [
    [
      { spec: { type: "Clusterip" } },
      'spec.type: Unsupported value: "Clusterip": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      { spec: { type: "ExternalName", externalName: "a.example" } },
      "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
      "spec.ipFamilies: Forbidden: may not be set for ExternalName services",
      "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
    ],
    [
      {
        spec: {
          type: "ExternalName",
          clusterIP: null,
          clusterIPs: null,
          ipFamilies: null,
          ipFamilyPolicy: null,
          ports: null,
        },
      },
      "spec.externalName: Required value",
    ],
    [
      {
        spec: {
          type: "ExternalName",
          clusterIP: null,
          clusterIPs: null,
          ipFamilies: null,
          ipFamilyPolicy: null,
          externalName: "db.example.com.",
        },
      },
    ],
    [
      { spec: { allocateLoadBalancerNodePorts: true } },
      "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      { spec: { loadBalancerClass: "a.example/b" } },
      "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      { spec: { ...LOAD_BALANCER, loadBalancerClass: "a b" } },
      `spec.loadBalancerClass: Invalid value: "a b": ${QUALIFIED}`,
    ],
    [
      { spec: { loadBalancerSourceRanges: ["10.0.0.0/8"] } },
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      { spec: { ...LOAD_BALANCER, loadBalancerSourceRanges: [" 10.0.0.0/8 ", "10.0.0.1/8", "10.0.0.0"] } },
      'spec.LoadBalancerSourceRanges[2]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      { spec: { externalTrafficPolicy: "Local" } },
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      { spec: { type: "NodePort", externalTrafficPolicy: "Nearest" } },
      'spec.externalTrafficPolicy: Unsupported value: "Nearest": supported values: "Cluster", "Local"',
    ],
    [
      { spec: { ...LOAD_BALANCER, externalTrafficPolicy: "Local" } },
      "spec.healthCheckNodePort: Required value",
    ],
    [
      { spec: { healthCheckNodePort: 30_001 } },
      "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
    [
      { spec: { internalTrafficPolicy: "Nearest" } },
      'spec.internalTrafficPolicy: Unsupported value: "Nearest": supported values: "Cluster", "Local"',
    ],
    [
      { spec: { trafficDistribution: "Near" } },
      'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
    ],
    [{ spec: { trafficDistribution: "PreferSameNode" } }],
  ]);
});

test("cluster IPs and their families", () => {
  checkCreates(serviceKind, GOOD, [
    [
      { spec: { clusterIPs: ["10.96.0.11"] } },
      'spec.clusterIPs: Invalid value: ["10.96.0.11"]: first value must match `clusterIP`',
    ],
    [
      { spec: { clusterIP: null } },
      'spec.clusterIPs: Invalid value: ["10.96.0.10"]: must be empty when `clusterIP` is not specified',
    ],
    [{ spec: { clusterIPs: null } }, "spec.clusterIPs: Required value"],
    [
      { spec: { clusterIP: "10.96.0.300", clusterIPs: ["10.96.0.300"] } },
      'spec.clusterIPs[0]: Invalid value: "10.96.0.300": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [{ spec: { clusterIP: "010.96.0.3", clusterIPs: ["010.96.0.3"] } }],
    [{ spec: { clusterIP: "::ffff:10.96.0.3", clusterIPs: ["::ffff:10.96.0.3"] } }],
    [
      { spec: { clusterIPs: ["10.96.0.10", "10.96.0.11"] } },
      'spec.clusterIPs: Invalid value: ["10.96.0.10","10.96.0.11"]: may specify no more than one IP for each IP family',
    ],
    [
      { spec: { clusterIPs: ["10.96.0.10", "fd00::1", "fd00::2"] } },
      'spec.clusterIPs: Invalid value: ["10.96.0.10","fd00::1","fd00::2"]: may only hold up to 2 values',
      'spec.clusterIPs: Invalid value: ["10.96.0.10","fd00::1","fd00::2"]: may specify no more than one IP for each IP family',
    ],
    [
      { spec: { clusterIP: "None", clusterIPs: ["None", "10.96.0.10"] } },
      `spec.clusterIPs: Invalid value: ["None","10.96.0.10"]: 'None' must be the first and only value`,
    ],
    [{ spec: { clusterIP: "None", clusterIPs: ["None"], ports: null } }],
    [
      { spec: { clusterIP: "None", clusterIPs: ["None"], type: "NodePort" } },
      `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
    ],
    [
      { spec: { ipFamilies: ["IPv6"] } },
      'spec.clusterIPs[0]: Invalid value: "10.96.0.10": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ],
    [{ spec: { ipFamilies: ["IPv4", "IPv4"] } }, 'spec.ipFamilies[1]: Duplicate value: "IPv4"'],
    [
      { spec: { ipFamilies: ["IPv5"] } },
      'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
      'spec.clusterIPs[0]: Invalid value: "10.96.0.10": expected an IPv5 value as indicated by `ipFamilies[0]`',
    ],
    [
      { spec: { ipFamilyPolicy: "Both" } },
      'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
    ],
  ]);
});

test("selectors, affinity, external IPs", () => {
  checkCreates(serviceKind, GOOD, [
    [{ spec: { selector: { "a b": "c" } } }, `spec.selector: Invalid value: "a b": ${QUALIFIED}`],
    [{ spec: { selector: { a: "b c" } } }, `spec.selector: Invalid value: "b c": ${LABEL_VALUE}`],
    [
      { spec: { sessionAffinity: "clientip" } },
      'spec.sessionAffinity: Unsupported value: "clientip": supported values: "ClientIP", "None"',
    ],
    [
      { spec: { sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } } },
      "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
    ],
    [
      {
        spec: {
          sessionAffinity: "ClientIP",
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } },
        },
      },
      "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400",
    ],
    [
      {
        spec: {
          sessionAffinity: "ClientIP",
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_400 } },
        },
      },
    ],
    // Wiped by the defaults before validation can refuse it.
    [{ spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } } }],
    [{ spec: { externalIPs: ["203.0.113.1"] } }],
    [
      { spec: { externalIPs: ["x"] } },
      'spec.externalIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      { spec: { externalIPs: ["127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1", "fe80::1", "::1"] } },
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'spec.externalIPs[1]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
      'spec.externalIPs[2]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
      'spec.externalIPs[3]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
      'spec.externalIPs[4]: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
      'spec.externalIPs[5]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ]);
});

test("updates: what is for life, and what may be let go", () => {
  checkUpdates(serviceKind, GOOD, [
    [{ metadata: { labels: { a: "b" } } }],
    [
      { spec: { clusterIP: "10.96.0.11", clusterIPs: ["10.96.0.11"] } },
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.11"]: may not change once set',
    ],
    [
      { spec: { clusterIP: null, clusterIPs: null } },
      "spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset",
    ],
    [
      { spec: { ipFamilies: ["IPv6"] } },
      'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set',
      'spec.clusterIPs[0]: Invalid value: "10.96.0.10": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ],
    [{ spec: { type: "ExternalName", externalName: "a.example" } }],
    [{ metadata: { name: "other" } }, 'metadata.name: Invalid value: "other": field is immutable'],
  ]);
  const dual = {
    ...GOOD,
    spec: {
      ...GOOD.spec,
      clusterIPs: ["10.96.0.10", "fd00::a"],
      ipFamilies: ["IPv4", "IPv6"],
      ipFamilyPolicy: "PreferDualStack",
    },
  };
  checkUpdates(serviceKind, dual, [
    [
      { spec: { clusterIPs: ["10.96.0.10"] } },
      "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary clusterIP",
    ],
    [
      { spec: { ipFamilies: ["IPv4"] } },
      "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary ipFamily",
    ],
    [{ spec: { clusterIPs: ["10.96.0.10"], ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" } }],
  ]);
  const balanced = {
    ...GOOD,
    spec: {
      ...GOOD.spec,
      ...LOAD_BALANCER,
      loadBalancerClass: "a.example/x",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 30_001,
    },
  };
  checkUpdates(serviceKind, balanced, [
    [
      { spec: { loadBalancerClass: "a.example/y" } },
      'spec.loadBalancerClass: Invalid value: "a.example/y": may not change once set',
    ],
    [
      { spec: { loadBalancerClass: null } },
      "spec.loadBalancerClass: Invalid value: null: may not change once set",
    ],
    [{ spec: { healthCheckNodePort: 30_002 } }, "spec.healthCheckNodePort: Forbidden: field is immutable"],
    // Everything that only a load balancer has goes with the type.
    [{ spec: { type: "ClusterIP" } }],
    [
      { spec: { type: "ClusterIP", ports: [{ port: 80, nodePort: 30_081 }] } },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      { spec: { type: "NodePort", loadBalancerClass: "a.example/y" } },
      "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
  ]);
});
