import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates, CONTEXT } from "../validation/complaints-table.ts";
import { deploymentKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "default" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "c", image: "nginx", terminationMessagePolicy: "File" }] },
    },
  },
};

const rolling = (rollingUpdate: object): object => ({ spec: { strategy: { rollingUpdate } } });

test("what its client leaves out is filled in", () => {
  const { spec } = changed(deploymentKind, GOOD, {});
  assert.deepEqual(
    [spec!.replicas, spec!.revisionHistoryLimit, spec!.progressDeadlineSeconds, spec!.strategy],
    [1, 10, 600, { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } }],
  );
  assert.equal(spec!.template.spec!.restartPolicy, "Always");
  const recreate = changed(deploymentKind, GOOD, { spec: { strategy: { type: "Recreate" } } });
  assert.deepEqual(recreate.spec!.strategy, { type: "Recreate" });
});

test("new Deployments", () => {
  const percent =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  const unmatched =
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`';
  checkCreates(deploymentKind, GOOD, [
    [{ spec: { replicas: 0 } }],
    [{ spec: { replicas: -1 } }, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    [{ spec: { selector: null } }, "spec.selector: Required value", unmatched],
    [{ spec: { selector: { matchLabels: { app: "other" } } } }, unmatched],
    [
      { spec: { selector: { matchLabels: null } } },
      "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
    ],
    [
      { spec: { selector: { matchExpressions: [{ key: "a", operator: "In" }] } } },
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      unmatched,
    ],
    [
      { spec: { selector: { matchExpressions: [{ key: "a", operator: "Is" }] } } },
      'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
      'spec.selector: Invalid value: {"matchLabels":{"app":"web"},"matchExpressions":[{"key":"a","operator":"Is"}]}: invalid label selector',
    ],
    [
      { spec: { template: { spec: { restartPolicy: "Never" } } } },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      { spec: { template: { spec: { activeDeadlineSeconds: 5 } } } },
      "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
    ],
    [
      { spec: { strategy: { type: "Recreate", rollingUpdate: { maxSurge: 1 } } } },
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
    [rolling({ maxUnavailable: 0, maxSurge: "10%" })],
    [
      rolling({ maxUnavailable: 0, maxSurge: "0%" }),
      "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
    ],
    [
      rolling({ maxUnavailable: "101%" }),
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ],
    [rolling({ maxSurge: "one" }), `spec.strategy.rollingUpdate.maxSurge: Invalid value: "one": ${percent}`],
    [
      { spec: { minReadySeconds: 600 } },
      "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
    ],
  ]);
});

test("updates of Deployments", () => {
  checkUpdates(deploymentKind, GOOD, [
    [{ spec: { replicas: 3, template: { spec: { terminationGracePeriodSeconds: 5 } } } }],
    [
      {
        spec: {
          selector: { matchLabels: { tier: "a" } },
          template: { metadata: { labels: { tier: "a" } } },
        },
      },
      'spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"a"}}: field is immutable',
    ],
  ]);
});

test("a status counts no more parts than there are", () => {
  const old = changed(deploymentKind, GOOD, { status: { collisionCount: 2 } });
  const rows: [object, ...string[]][] = [
    [{ replicas: 2, readyReplicas: 2, availableReplicas: 1, collisionCount: 2 }],
    [
      { replicas: 1, updatedReplicas: 2, availableReplicas: 1, collisionCount: 2 },
      "status.updatedReplicas: cannot be greater than status.replicas",
      "status.availableReplicas: cannot be greater than readyReplicas",
    ],
    [{ collisionCount: 1 }, "status.collisionCount: cannot be decremented"],
  ];
  for (const [status, ...expected] of rows) {
    const errors = deploymentKind.validateStatusUpdate!(
      changed(deploymentKind, GOOD, { status }),
      old,
      CONTEXT,
    );
    assert.deepEqual(
      errors.map(({ field, detail }) => `${field}: ${detail}`),
      expected,
    );
  }
});
