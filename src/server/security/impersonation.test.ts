import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { impersonationOf } from "./impersonation.ts";

/** Header lines as they come, "name: value". */
function headers(...lines: string[]): Parameters<typeof impersonationOf>[0] {
  const pairs = lines.map((line) => line.split(": ") as [string, string]);
  const headerLines = (name: string): string[] =>
    pairs.filter(([key]) => key === name).map(([, value]) => value);
  return {
    headerLines,
    header: (name) => (headerLines(name).length === 0 ? undefined : headerLines(name).join(", ")),
    headerNames: () => [...new Set(pairs.map(([key]) => key))],
  };
}

/** "groups/name" of each check, in RBAC's words. */
function checksOf(...lines: string[]): string[] {
  return impersonationOf(headers(...lines))!.checks.map(({ group, resource, subresource, namespace, name }) =>
    [group, resource, subresource, namespace, name].filter((part) => part !== undefined).join(" "),
  );
}

test("no impersonation unless it is asked for", () => {
  assert.equal(impersonationOf(headers("accept: */*")), undefined);
  assert.equal(impersonationOf(headers("impersonate-user: ", "impersonate-group: ")), undefined);
});

test("each thing impersonated is a right of its own", () => {
  const lines = [
    "impersonate-user: carol",
    "impersonate-group: dev, ops",
    "impersonate-group: system:masters",
    "impersonate-uid: 7",
    "impersonate-extra-scopes: view",
    "impersonate-extra-scopes: edit",
    "impersonate-extra-acme.com%2Fproject: x",
  ];
  assert.deepEqual(checksOf(...lines), [
    " users carol",
    " groups dev, ops",
    " groups system:masters",
    "authentication.k8s.io userextras scopes view",
    "authentication.k8s.io userextras scopes edit",
    "authentication.k8s.io userextras acme.com/project x",
    "authentication.k8s.io uids 7",
  ]);
  assert.deepEqual(impersonationOf(headers(...lines))!.user, {
    name: "carol",
    uid: "7",
    groups: ["dev, ops", "system:masters", "system:authenticated"],
    extra: { scopes: ["view", "edit"], "acme.com/project": ["x"] },
  });
});

test("a ServiceAccount is one in its namespace, with its groups unless others are named", () => {
  const user = "impersonate-user: system:serviceaccount:shop:web";
  assert.deepEqual(checksOf(user), [" serviceaccounts shop web"]);
  const groups = (...lines: string[]): readonly string[] => impersonationOf(headers(...lines))!.user.groups;
  assert.deepEqual(groups(user), [
    "system:serviceaccounts",
    "system:serviceaccounts:shop",
    "system:authenticated",
  ]);
  assert.deepEqual(groups(user, "impersonate-group: dev"), ["dev", "system:authenticated"]);
  for (const odd of ["shop", "shop:web:x", "Shop:web", ":web", "shop:"])
    assert.deepEqual(checksOf(`impersonate-user: system:serviceaccount:${odd}`), [
      ` users system:serviceaccount:${odd}`,
    ]);
});

test("everyone is in the group of all who are known, or of all who are not", () => {
  const groups = (...lines: string[]): readonly string[] => impersonationOf(headers(...lines))!.user.groups;
  assert.deepEqual(groups("impersonate-user: system:anonymous"), ["system:unauthenticated"]);
  assert.deepEqual(groups("impersonate-user: a", "impersonate-group: system:unauthenticated"), [
    "system:unauthenticated",
  ]);
});

test("groups, a uid or extras of nobody are refused", () => {
  for (const line of ["impersonate-group: a", "impersonate-uid: 1", "impersonate-extra-x: y"])
    assert.throws(
      () => impersonationOf(headers(line)),
      (error) => error instanceof ApiError && error.code === 400,
    );
});
