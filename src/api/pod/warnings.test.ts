import assert from "node:assert/strict";
import { test } from "node:test";
import { deploymentKind } from "../deployment/kind.ts";
import { changed } from "../validation/complaints-table.ts";
import { podKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "shop" },
  spec: { containers: [{ name: "a", image: "i" }] },
};

const container = (fields: object): object => ({
  spec: { containers: [{ name: "a", image: "i", ...fields }] },
});

test("what is accepted in a pod but hardly meant earns warnings", () => {
  const term = { topologyKey: "z" };
  const rows: [object, ...string[]][] = [
    [{}],
    [
      { metadata: { name: "web.a" } },
      `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`,
    ],
    [
      { spec: { nodeSelector: { "beta.kubernetes.io/os": "linux", "kubernetes.io/os": "linux" } } },
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    ],
    [
      {
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  {
                    matchExpressions: [{ key: "failure-domain.beta.kubernetes.io/zone", operator: "Exists" }],
                  },
                ],
              },
            },
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [term, { ...term, labelSelector: {} }],
              preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
            },
          },
        },
      },
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod",
      "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod",
    ],
    [
      {
        spec: {
          topologySpreadConstraints: [
            { maxSkew: 1, whenUnsatisfiable: "DoNotSchedule", topologyKey: "beta.kubernetes.io/arch" },
          ],
        },
      },
      'spec.topologySpreadConstraints[0].topologyKey: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead',
      "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
    ],
    [
      {
        metadata: {
          annotations: {
            "scheduler.alpha.kubernetes.io/critical-pod": "",
            "seccomp.security.alpha.kubernetes.io/pod": "x",
            "container.seccomp.security.alpha.kubernetes.io/a": "x",
          },
        },
      },
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
      'metadata.annotations[container.seccomp.security.alpha.kubernetes.io/a]: non-functional in v1.27+; use the "seccompProfile" field instead',
    ],
    [
      {
        spec: {
          volumes: [
            { name: "g", gitRepo: { repository: "r" } },
            {
              name: "c",
              configMap: {
                name: "m",
                items: [
                  { key: "k", path: "d" },
                  { key: "l", path: "d/e" },
                  { key: "m", path: "f" },
                ],
              },
            },
          ],
        },
      },
      "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
      'volume "c" (ConfigMap "m"): overlapping paths: "d/e" with "d"',
    ],
    [
      {
        spec: {
          hostAliases: [{ ip: "10.0.0.1" }, { ip: "10.0.0.1" }],
          imagePullSecrets: [{ name: "s" }, { name: "s" }, {}],
        },
      },
      'spec.hostAliases[1].ip: duplicate ip "10.0.0.1"',
      'spec.imagePullSecrets[1].name: duplicate name "s"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
    ],
    [
      container({ resources: { limits: { memory: "1500m", cpu: "1500m" }, requests: { memory: "1Gi" } } }),
      'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
    ],
    [
      container({
        env: [
          { name: "A", value: "1" },
          { name: "A", value: "$(A)2" },
          { name: "A", value: "3" },
        ],
      }),
      'spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply',
    ],
    [
      container({
        ports: [
          { containerPort: 80, hostIP: "10.0.0.1" },
          { containerPort: 81, hostPort: 81 },
          { containerPort: 81, hostPort: 81, hostIP: "10.0.0.1" },
          { containerPort: 82 },
          { containerPort: 82 },
          { containerPort: 82, hostPort: 82 },
          { containerPort: 82, protocol: "UDP" },
        ],
      }),
      "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}",
      "spec.containers[0].ports[2]: dangerously ambiguous port definition with spec.containers[0].ports[1]",
      "spec.containers[0].ports[4]: duplicate port definition with spec.containers[0].ports[3]",
      "spec.containers[0].ports[5]: overlapping port definition with spec.containers[0].ports[3]",
      "spec.containers[0].ports[5]: overlapping port definition with spec.containers[0].ports[4]",
    ],
    [
      { spec: { terminationGracePeriodSeconds: -1 } },
      "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
    ],
  ];
  for (const [patch, ...warnings] of rows) {
    const pod = changed(podKind, GOOD, patch);
    assert.deepEqual(podKind.warnings!(pod), warnings, JSON.stringify(patch));
    assert.deepEqual(podKind.warnings!(pod, pod), [], "an update says nothing");
  }
});

test("what makes pods is warned of its name and its template, when these are written", () => {
  const { spec } = GOOD;
  const labels = { app: "web" };
  const annotations = { "container.apparmor.security.beta.kubernetes.io/a": "unconfined" };
  const deployment = changed(
    deploymentKind,
    { metadata: { name: "web.a", namespace: "shop" }, spec: { selector: { matchLabels: labels } } },
    { spec: { template: { metadata: { labels, annotations }, spec } } },
  );
  const ofTemplate = `spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/a]: deprecated since v1.30; use the "appArmorProfile" field instead`;
  assert.deepEqual(deploymentKind.warnings!(deployment), [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`,
    ofTemplate,
  ]);
  assert.deepEqual(deploymentKind.warnings!(deployment, deployment), []);
  const before = structuredClone(deployment);
  before.metadata.generation = 1;
  deployment.metadata.generation = 2;
  assert.deepEqual(deploymentKind.warnings!(deployment, before), [ofTemplate]);
});

test("matchLabelKeys and mismatchLabelKeys are merged into the selectors of new pods", () => {
  const term = { topologyKey: "z", matchLabelKeys: ["hash", "none"], mismatchLabelKeys: ["tenant"] };
  const pod = changed(podKind, GOOD, {
    metadata: { labels: { hash: "h", tenant: "t" } },
    spec: {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [term, { ...term, labelSelector: {} }],
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, podAffinityTerm: { ...term, labelSelector: { matchLabels: { a: "b" } } } },
          ],
        },
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          whenUnsatisfiable: "DoNotSchedule",
          topologyKey: "z",
          matchLabelKeys: ["hash"],
          labelSelector: { matchLabels: { a: "b" } },
        },
      ],
    },
  });
  podKind.prepareForCreate(pod);
  const matchExpressions = [
    { key: "hash", operator: "In", values: ["h"] },
    { key: "tenant", operator: "NotIn", values: ["t"] },
  ];
  const { podAffinity } = pod.spec!.affinity!;
  const [none, one] = podAffinity!.requiredDuringSchedulingIgnoredDuringExecution!;
  assert.equal(none!.labelSelector, undefined);
  assert.deepEqual(one!.labelSelector, { matchExpressions });
  const [preferred] = podAffinity!.preferredDuringSchedulingIgnoredDuringExecution!;
  assert.deepEqual(preferred!.podAffinityTerm.labelSelector, { matchLabels: { a: "b" }, matchExpressions });
  assert.deepEqual(pod.spec!.topologySpreadConstraints![0]!.labelSelector, {
    matchLabels: { a: "b" },
    matchExpressions: matchExpressions.slice(0, 1),
  });
});

test("a weight that is none is warned of when it is written, also on a pod that runs", () => {
  const weighing = (text: string) =>
    changed(podKind, GOOD, { metadata: { annotations: { "fairlead.dev/weight": text } } });
  const warning =
    'annotation fairlead.dev/weight: "2000" is not a whole number from 0 to 1000; the weight is 1';
  assert.deepEqual(podKind.warnings!(weighing("1000")), []);
  assert.deepEqual(podKind.warnings!(weighing("2000")), [warning]);
  assert.deepEqual(podKind.warnings!(weighing("2000"), weighing("5")), [warning]);
  assert.deepEqual(podKind.warnings!(weighing("2000"), weighing("2000")), []);
});
