import assert from "node:assert/strict";
import { test } from "node:test";
import { changed } from "../validation/complaints-table.ts";
import { podKind } from "./kind.ts";
import { podQosClass } from "./qos.ts";

const pod = (spec: object): ReturnType<typeof changed> =>
  changed(podKind, { metadata: { name: "a" }, spec: { containers: [{ name: "a", image: "x" }] } }, { spec });

test("a pod of one container gets what Kubernetes gives it", () => {
  assert.deepEqual((pod({}) as { spec?: unknown }).spec, {
    containers: [
      {
        name: "a",
        image: "x",
        resources: {},
        imagePullPolicy: "Always",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
      },
    ],
    dnsPolicy: "ClusterFirst",
    restartPolicy: "Always",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: "default-scheduler",
    enableServiceLinks: true,
  });
});

test("the pull policy follows the tag", () => {
  const rows: [string, string][] = [
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1.27", "IfNotPresent"],
    ["registry:5000/nginx", "Always"],
    ["registry:5000/nginx:1", "IfNotPresent"],
    ["nginx@sha256:00", "IfNotPresent"],
  ];
  for (const [image, policy] of rows) {
    const { spec } = changed(podKind, { spec: { containers: [{ name: "a", image }] } }, {});
    assert.equal(spec?.containers[0]?.imagePullPolicy, policy, image);
  }
});

test("ports, probes, resources and volumes", () => {
  const { spec } = changed(
    podKind,
    {
      spec: {
        hostNetwork: true,
        containers: [
          {
            name: "a",
            image: "x",
            ports: [{ containerPort: 80 }],
            readinessProbe: { httpGet: { port: 80 } },
            resources: { limits: { cpu: "2", memory: "1024Mi" }, requests: { cpu: "0.5" } },
            env: [{ name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
          },
        ],
        volumes: [
          { name: "e" },
          { name: "s", secret: { secretName: "x" } },
          { name: "h", hostPath: { path: "/" } },
        ],
      },
    },
    {},
  );
  const [container] = spec!.containers;
  assert.deepEqual(container!.ports, [{ hostPort: 80, containerPort: 80, protocol: "TCP" }]);
  assert.deepEqual(container!.readinessProbe, {
    httpGet: { path: "/", port: 80, scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  assert.deepEqual(container!.resources, {
    limits: { cpu: "2", memory: "1Gi" },
    requests: { cpu: "500m", memory: "1Gi" },
  });
  assert.equal(container!.env![0]!.valueFrom!.fieldRef!.apiVersion, "v1");
  assert.deepEqual(spec!.volumes, [
    { name: "e", emptyDir: {} },
    { name: "s", secret: { secretName: "x", defaultMode: 420 } },
    { name: "h", hostPath: { path: "/", type: "" } },
  ]);
});

test("quality of service", () => {
  const rows: [resources: object[], expected: string][] = [
    [[{}], "BestEffort"],
    [[{ requests: { cpu: "1" } }], "Burstable"],
    [[{ limits: { cpu: "1", memory: "1Gi" } }], "Guaranteed"],
    [[{ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1000m", memory: "1024Mi" } }], "Guaranteed"],
    [[{ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }], "Burstable"],
    [[{ limits: { cpu: "1", memory: "1Gi" } }, {}], "Burstable"],
    [[{ limits: { "example.com/gpu": "1" } }], "BestEffort"],
  ];
  for (const [resources, expected] of rows) {
    const containers = resources.map((of, i) => ({ name: `c${i}`, image: "x", resources: of }));
    assert.equal(
      podQosClass(changed(podKind, { spec: { containers } }, {})),
      expected,
      JSON.stringify(resources),
    );
  }
});
