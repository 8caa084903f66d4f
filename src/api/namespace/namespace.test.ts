import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates } from "../validation/complaints-table.ts";
import { namespaceKind } from "./kind.ts";

const GOOD = { metadata: { name: "shop" } };

test("names of namespaces are DNS labels", () => {
  checkCreates(namespaceKind, GOOD, [
    [{ metadata: { name: "a.b" } }, 'metadata.name: Invalid value: "a.b": must not contain dots'],
    [{ metadata: { name: "1" } }],
  ]);
});

test("a new namespace is active, is kept by its finalizer and can be selected by its name", () => {
  const namespace = changed(namespaceKind, GOOD, { status: { phase: "Terminating" } });
  namespaceKind.prepareForCreate(namespace);
  assert.deepEqual(namespace.status, { phase: "Active" });
  assert.deepEqual(namespace.spec, { finalizers: ["kubernetes"] });
  assert.deepEqual(namespace.metadata.labels, { "kubernetes.io/metadata.name": "shop" });
});

test("an update changes neither finalizers nor status, a status update no finalizers", () => {
  const old = changed(namespaceKind, GOOD, {});
  namespaceKind.prepareForCreate(old);
  const update = changed(namespaceKind, GOOD, {
    spec: { finalizers: ["a/b"] },
    status: { phase: "Terminating" },
  });
  namespaceKind.prepareForUpdate(update, old);
  assert.deepEqual([update.spec, update.status], [old.spec, old.status]);
  const status = changed(namespaceKind, GOOD, {
    spec: { finalizers: ["a/b"] },
    status: { phase: "Terminating" },
  });
  namespaceKind.prepareForStatusUpdate!(status, old);
  assert.deepEqual([status.spec, status.status], [old.spec, { phase: "Terminating" }]);
});
