import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterRoleBindingKind } from "../clusterrolebinding/kind.ts";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { roleBindingKind } from "./kind.ts";

const ROLE_REF = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" };
const BINDING = {
  metadata: { name: "system:a:b", namespace: "default" },
  subjects: [{ kind: "User", name: "jane" }],
  roleRef: ROLE_REF,
};

test("bindings: subjects and roles", () => {
  checkCreates(roleBindingKind, BINDING, [
    [{ metadata: { name: "a/b" } }, `metadata.name: Invalid value: "a/b": may not contain '/'`],
    [{ metadata: { name: ".." } }, `metadata.name: Invalid value: "..": may not be '..'`],
    [{ subjects: null }],
    [{ roleRef: { name: "" } }, "roleRef.name: Required value"],
    [{ roleRef: { name: "a%b" } }, `roleRef.name: Invalid value: "a%b": may not contain '%'`],
    [
      { roleRef: { kind: "Rule" } },
      'roleRef.kind: Unsupported value: "Rule": supported values: "ClusterRole", "Role"',
    ],
    [
      { roleRef: { apiGroup: "v1" } },
      'roleRef.apiGroup: Unsupported value: "v1": supported values: "rbac.authorization.k8s.io"',
    ],
    [{ subjects: [{ kind: "ServiceAccount", name: "bot" }] }],
    [{ subjects: [{ kind: "ServiceAccount", name: "bot", namespace: "ci" }] }],
    [
      { subjects: [{ kind: "ServiceAccount", name: "bot", apiGroup: "rbac.authorization.k8s.io" }] },
      'subjects[0].apiGroup: Unsupported value: "rbac.authorization.k8s.io": supported values: ""',
    ],
    [
      { subjects: [{ kind: "Group", name: "" }] },
      "subjects[0].name: Required value",
      'subjects[0].name: Invalid value: "": group name cannot be empty',
    ],
    [
      { subjects: [{ kind: "User", name: "a", apiGroup: "v1" }] },
      'subjects[0].apiGroup: Unsupported value: "v1": supported values: "rbac.authorization.k8s.io"',
    ],
    [
      { subjects: [{ kind: "Robot", name: "a" }] },
      'subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
    ],
  ]);
});

test("a ClusterRoleBinding: ClusterRoles only, and the namespaces of ServiceAccounts", () => {
  const good = { metadata: { name: "b" }, roleRef: { ...ROLE_REF, kind: "ClusterRole" } };
  checkCreates(clusterRoleBindingKind, good, [
    [
      { roleRef: { kind: "Role" } },
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    ],
    [{ subjects: [{ kind: "ServiceAccount", name: "bot" }] }, "subjects[0].namespace: Required value"],
    [{ metadata: { namespace: "x" } }, "metadata.namespace: Forbidden: not allowed on this type"],
  ]);
});

test("a binding's role cannot be changed, its subjects can", () => {
  const shown = (name: string): string => JSON.stringify({ ...ROLE_REF, name });
  for (const kind of [roleBindingKind, clusterRoleBindingKind]) {
    const namespaced = kind === roleBindingKind;
    const old = namespaced
      ? BINDING
      : { metadata: { name: "b" }, roleRef: { ...ROLE_REF, kind: "ClusterRole" } };
    checkUpdates(kind, old, [
      [{ subjects: [{ kind: "Group", name: "dev" }] }],
      [
        { roleRef: { name: "writer" } },
        `roleRef: Invalid value: ${namespaced ? shown("writer") : shown("writer").replace('"Role"', '"ClusterRole"')}: cannot change roleRef`,
      ],
    ]);
  }
});

test("API groups are filled in by the kind of subject", () => {
  const binding = changed(roleBindingKind, BINDING, {
    roleRef: { apiGroup: null },
    subjects: [
      { kind: "User", name: "a" },
      { kind: "Group", name: "b" },
      { kind: "ServiceAccount", name: "c" },
    ],
  });
  assert.equal(binding.roleRef.apiGroup, "rbac.authorization.k8s.io");
  assert.deepEqual(
    binding.subjects!.map(({ apiGroup }) => apiGroup),
    ["rbac.authorization.k8s.io", "rbac.authorization.k8s.io", undefined],
  );
});

test("the columns of bindings", () => {
  const binding = changed(roleBindingKind, BINDING, {
    subjects: [
      { kind: "User", name: "a" },
      { kind: "Group", name: "b" },
      { kind: "User", name: "c" },
      { kind: "ServiceAccount", name: "d", namespace: "e" },
    ],
  });
  const cells = roleBindingKind.columns.map((column) => `${column.name}=${column.cell(binding, 0)}`);
  assert.deepEqual(cells, [
    "Name=system:a:b",
    "Role=Role/reader",
    "Age=<unknown>",
    "Users=a, c",
    "Groups=b",
    "ServiceAccounts=e/d",
  ]);
});
