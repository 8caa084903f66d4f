import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates, CONTEXT } from "../validation/complaints-table.ts";
import { podKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "shop" },
  spec: { containers: [{ name: "a", image: "nginx" }], volumes: [{ name: "v" }] },
};
const DNS_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const container = (fields: object): object => ({
  spec: { containers: [{ name: "a", image: "nginx", ...fields }] },
});

test("containers", () => {
  checkCreates(podKind, GOOD, [
    [{ spec: { containers: [] } }, "spec.containers: Required value"],
    [
      { spec: { containers: [{}] } },
      "spec.containers[0].name: Required value",
      "spec.containers[0].image: Required value",
    ],
    [container({ name: "A" }), `spec.containers[0].name: Invalid value: "A": ${DNS_LABEL}`],
    [
      { spec: { initContainers: [{ name: "a", image: "i" }] } },
      'spec.initContainers[0].name: Duplicate value: "a"',
    ],
    [
      container({ ports: [{ containerPort: 0 }] }),
      "spec.containers[0].ports[0].containerPort: Required value",
    ],
    [
      container({ ports: [{ containerPort: 70_000 }] }),
      "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ],
    [
      container({
        ports: [
          { containerPort: 80, name: "web" },
          { containerPort: 81, name: "web" },
        ],
      }),
      'spec.containers[0].ports[1].name: Duplicate value: "web"',
    ],
    [
      container({ ports: [{ containerPort: 80, protocol: "tcp" }] }),
      'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      container({ imagePullPolicy: "Sometimes" }),
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      container({ env: [{ name: "A=B" }] }),
      `spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
    ],
    [
      container({ env: [{ name: "A", valueFrom: {} }] }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
    ],
    [
      container({ env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }] }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      container({ volumeMounts: [{ name: "w", mountPath: "/w" }] }),
      'spec.containers[0].volumeMounts[0].name: Not found: "w"',
    ],
    [
      container({
        volumeMounts: [
          { name: "v", mountPath: "/w" },
          { name: "v", mountPath: "/w" },
        ],
      }),
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/w": must be unique',
    ],
    [
      container({ resources: { limits: { cpu: "1" }, requests: { cpu: "1500m" } } }),
      'spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1',
    ],
    [
      container({ readinessProbe: {} }),
      "spec.containers[0].readinessProbe: Required value: must specify a handler type",
    ],
    [
      container({ readinessProbe: { tcpSocket: { port: 80 }, exec: { command: ["a"] } } }),
      "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
    ],
    [
      container({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
    ],
    [container({ readinessProbe: { httpGet: { port: "http" } } })],
  ]);
});

test("the pod itself", () => {
  checkCreates(podKind, GOOD, [
    [
      { spec: { restartPolicy: "always" } },
      'spec.restartPolicy: Unsupported value: "always": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      { spec: { dnsPolicy: "Node" } },
      'spec.dnsPolicy: Unsupported value: "Node": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"',
    ],
    [{ spec: { hostname: "a.b" } }, `spec.hostname: Invalid value: "a.b": must not contain dots`],
    [
      { spec: { activeDeadlineSeconds: 0 } },
      "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
    ],
    [
      { spec: { volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/" } }] } },
      "spec.volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type",
    ],
    [
      { spec: { tolerations: [{ operator: "Equal" }] } },
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [{ spec: { tolerations: [{ operator: "Exists" }] } }],
  ]);
});

const NODE_NAME_STAYS =
  "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nchanged: nodeName";

test("updates: images, deadlines and tolerations may change", () => {
  checkUpdates(podKind, GOOD, [
    [{ metadata: { labels: { a: "b" } } }],
    [container({ image: "nginx:2", imagePullPolicy: "Always" })],
    [{ spec: { tolerations: [{ key: "a", operator: "Exists" }] } }],
    [{ spec: { activeDeadlineSeconds: 5 } }],
    [
      {
        spec: {
          containers: [
            { name: "a", image: "nginx" },
            { name: "b", image: "x" },
          ],
        },
      },
      "spec.containers: Forbidden: pod updates may not add or remove containers",
    ],
    // Only pods/binding puts a pod on a node.
    [{ spec: { nodeName: "n1" } }, NODE_NAME_STAYS],
  ]);
  checkUpdates(podKind, { ...GOOD, spec: { ...GOOD.spec, nodeName: "n1" } }, [
    [{ spec: { nodeName: "n2" } }, NODE_NAME_STAYS],
  ]);
  checkUpdates(podKind, { ...GOOD, spec: { ...GOOD.spec, activeDeadlineSeconds: 5 } }, [
    [{ spec: { activeDeadlineSeconds: 4 } }],
    [
      { spec: { activeDeadlineSeconds: 6 } },
      "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value",
    ],
    [
      { spec: { activeDeadlineSeconds: null } },
      "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
    ],
  ]);
});

test("status updates: ended containers stay ended, addresses are one a family", () => {
  const status = (fields: object): object => ({
    ...GOOD,
    spec: { ...GOOD.spec, restartPolicy: "Never" },
    status: fields,
  });
  const old = changed(
    podKind,
    status({ containerStatuses: [{ name: "a", state: { terminated: { exitCode: 1 } } }] }),
    {},
  );
  const errors = (fields: object): unknown[] =>
    podKind.validateStatusUpdate!(changed(podKind, status(fields), {}), old, CONTEXT).map(
      ({ field, detail }) => [field, detail],
    );
  assert.deepEqual(errors({ containerStatuses: [{ name: "a", state: { running: {} } }] }), [
    ["status.containerStatuses[0].state", "may not be transitioned to non-terminated state"],
  ]);
  assert.deepEqual(errors({ podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] }), []);
  assert.deepEqual(errors({ podIP: "10.0.0.2", podIPs: [{ ip: "10.0.0.1" }] }), [
    ["status.podIPs[0].ip", "must be equal to `podIP`"],
  ]);
  assert.deepEqual(errors({ podIPs: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }] }), [
    ["status.podIPs", "may specify no more than one IP for each IP family, i.e 192.168.0.1 and 2001:db8::1"],
  ]);
});

test("lines of /etc/hosts and of resolv.conf", () => {
  const NOT_AN_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
  const dns = (dnsConfig: object | undefined, dnsPolicy = "ClusterFirst"): object => ({
    spec: { dnsPolicy, ...(dnsConfig !== undefined && { dnsConfig }) },
  });
  checkCreates(podKind, GOOD, [
    [{ spec: { hostAliases: [{ ip: "010.0.0.1", hostnames: ["a.example"] }] } }],
    [
      { spec: { hostAliases: [{ ip: "10.0.0", hostnames: ["a"] }] } },
      `spec.hostAliases[0].ip: Invalid value: "10.0.0": ${NOT_AN_ADDRESS}`,
    ],
    [dns({ nameservers: ["10.0.0.1", "::ffff:10.0.0.2"], options: [{ name: "ndots" }] }, "None")],
    [
      dns({ nameservers: ["dns.example"], options: [{ value: "2" }] }),
      `spec.dnsConfig.nameservers[0]: Invalid value: "dns.example": ${NOT_AN_ADDRESS}`,
      "spec.dnsConfig.options[0]: Required value: must not be empty",
    ],
    [
      dns({ nameservers: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"] }),
      'spec.dnsConfig.nameservers: Invalid value: ["10.0.0.1","10.0.0.2","10.0.0.3","10.0.0.4"]: must not have more than 3 nameservers',
    ],
    [
      dns(undefined, "None"),
      "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
    ],
    [
      dns({ searches: ["a.example"] }, "None"),
      "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
    ],
  ]);
});
