import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates } from "../validation/complaints-table.ts";
import { serviceAccountKind } from "./kind.ts";

const good = { metadata: { name: "web", namespace: "shop" } };

test("a ServiceAccount keeps only the names of its secrets", () => {
  const account = changed(serviceAccountKind, good, {
    secrets: [{ name: "key", namespace: "other", kind: "Secret" }, {}],
  });
  serviceAccountKind.prepareForCreate(account);
  assert.deepEqual(account.secrets, [{ name: "key" }, {}]);
});

test("a ServiceAccount's name is a DNS name", () => {
  checkCreates(serviceAccountKind, good, [
    [
      { metadata: { name: "a_b" } },
      'metadata.name: Invalid value: "a_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
        "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  ]);
});

test("the annotation for enforcing mountable secrets earns a warning", () => {
  const account = changed(serviceAccountKind, good, {
    metadata: { annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } },
  });
  assert.match(serviceAccountKind.warnings!(account)[0]!, /deprecated in v1\.32\+/);
});
