import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { replicationControllerKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "default" },
  spec: {
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "c", image: "nginx" }] },
    },
  },
};

test("selector and labels come from the template where they are not given", () => {
  const { metadata, spec } = changed(replicationControllerKind, GOOD, {});
  assert.deepEqual([metadata.labels, spec!.selector, spec!.replicas], [{ app: "web" }, { app: "web" }, 1]);
  const own = changed(replicationControllerKind, GOOD, { metadata: { labels: { a: "b" } } });
  assert.deepEqual(own.metadata.labels, { a: "b" });
});

test("new ReplicationControllers", () => {
  checkCreates(replicationControllerKind, GOOD, [
    [{ spec: { replicas: -1 } }, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    [{ spec: { template: null } }, "spec.selector: Required value", "spec.template: Required value"],
    [
      { spec: { selector: { app: "other" } } },
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
    [
      { spec: { template: { spec: { restartPolicy: "OnFailure", activeDeadlineSeconds: 1 } } } },
      'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"',
      "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported",
    ],
  ]);
});

test("its selector may change", () => {
  checkUpdates(replicationControllerKind, GOOD, [
    [{ spec: { selector: { tier: "a" }, template: { metadata: { labels: { tier: "a" } } } } }],
  ]);
});
