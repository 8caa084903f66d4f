import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { PolicyRule } from "../../api/role/type.ts";
import type { RoleRef, Subject } from "../../api/rolebinding/type.ts";
import type { UserInfo } from "../registry.ts";
import type { Attributes, PathAttributes, ResourceAttributes } from "./attributes.ts";
import { Policy } from "./policy.ts";

const GROUP = "rbac.authorization.k8s.io";

function resource(verb: string, what: string, where = "", name = ""): ResourceAttributes {
  const [group, rest] = what.includes(":") ? (what.split(":") as [string, string]) : ["", what];
  const [plural, subresource = ""] = rest.split("/") as [string, string?];
  return { verb, group, version: "v1", resource: plural, subresource, namespace: where, name };
}

function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: verbs.split(" "),
    apiGroups: groups.split(" ").map((group) => (group === "core" ? "" : group)),
    resources: resources.split(" "),
    ...(names !== undefined && { resourceNames: names.split(" ") }),
  };
}

const jane: UserInfo = { name: "jane", groups: ["dev", "system:authenticated"] };
const bot: UserInfo = {
  name: "system:serviceaccount:ci:bot",
  groups: ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
};

function clusterRole(name: string): RoleRef {
  return { apiGroup: GROUP, kind: "ClusterRole", name };
}

function subject(kind: string, name: string, namespace?: string): Subject {
  return { kind, name, ...(namespace !== undefined && { namespace }) };
}

/** One ClusterRole with these rules, bound everywhere to jane. */
function policyOf(...rules: PolicyRule[]): Policy {
  const policy = new Policy();
  policy.setRole("", "r", rules);
  policy.setBinding("", "b", { name: "b", subjects: [subject("User", "jane")], roleRef: clusterRole("r") });
  return policy;
}

suite("who may do what", () => {
  test("nothing is allowed that no rule allows", () => {
    const policy = new Policy();
    assert.deepEqual(policy.authorize(jane, resource("get", "pods", "default")), {
      allowed: false,
      reason: "",
    });
    assert.deepEqual(policy.authorize(jane, { verb: "get", path: "/metrics" }), {
      allowed: false,
      reason: "",
    });
    const nobody = { name: "", groups: [] };
    assert.equal(policyOf(rule("*", "*", "*")).authorize(nobody, resource("get", "pods")).allowed, false);
  });

  test("system:masters may do everything, whatever there is", () => {
    const root = { name: "root", groups: ["system:masters"] };
    assert.equal(new Policy().authorize(root, resource("delete", "nodes", "", "a")).allowed, true);
    assert.equal(new Policy().authorize(root, { verb: "get", path: "/x" }).allowed, true);
    const alike = { name: "system:masters", groups: ["System:Masters", "system:masters "] };
    assert.equal(new Policy().authorize(alike, resource("get", "pods")).allowed, false);
  });

  const rows: readonly (readonly [string, PolicyRule, Attributes, boolean])[] = [
    ["a verb", rule("get", "core", "pods"), resource("get", "pods"), true],
    ["another verb", rule("get", "core", "pods"), resource("list", "pods"), false],
    ["every verb", rule("*", "core", "pods"), resource("deletecollection", "pods"), true],
    ["a method without a verb", rule("get list", "core", "pods"), resource("", "pods"), false],
    ["another group", rule("get", "apps", "pods"), resource("get", "pods"), false],
    ["every group", rule("get", "*", "pods"), resource("get", "apps:pods"), true],
    ["the core group is not every group", rule("get", "core", "pods"), resource("get", "apps:pods"), false],
    [
      "a resource is not its subresources",
      rule("get", "core", "pods"),
      resource("get", "pods/status"),
      false,
    ],
    ["a subresource", rule("get", "core", "pods/status"), resource("get", "pods/status"), true],
    ["a subresource is not its resource", rule("get", "core", "pods/status"), resource("get", "pods"), false],
    ["a subresource of all", rule("get", "*", "*/scale"), resource("get", "apps:deployments/scale"), true],
    ["another subresource of all", rule("get", "*", "*/scale"), resource("get", "pods/status"), false],
    ["a subresource of all is no resource", rule("get", "*", "*/scale"), resource("get", "pods"), false],
    ["all with subresources", rule("get", "*", "*"), resource("get", "pods/log"), true],
    ["part of a star is no star", rule("get", "*", "po*"), resource("get", "pods"), false],
    ["case counts", rule("get", "core", "Pods"), resource("get", "pods"), false],
    ["a name", rule("get", "core", "pods", "a b"), resource("get", "pods", "x", "b"), true],
    ["another name", rule("get", "core", "pods", "a b"), resource("get", "pods", "x", "c"), false],
    [
      "no name where one is asked for",
      rule("list", "core", "pods", "a"),
      resource("list", "pods", "x"),
      false,
    ],
    ["create has no name", rule("create", "core", "pods", "a"), resource("create", "pods", "x"), false],
    ["a list of one name", rule("list", "core", "pods", "a"), resource("list", "pods", "x", "a"), true],
    ["a star is no name", rule("get", "core", "pods", "*"), resource("get", "pods", "x", "a"), false],
    ["a path", { verbs: ["get"], nonResourceURLs: ["/metrics"] }, { verb: "get", path: "/metrics" }, true],
    [
      "a path below",
      { verbs: ["get"], nonResourceURLs: ["/metrics"] },
      { verb: "get", path: "/metrics/a" },
      false,
    ],
    [
      "a slash too many",
      { verbs: ["get"], nonResourceURLs: ["/metrics"] },
      { verb: "get", path: "//metrics" },
      false,
    ],
    [
      "paths below",
      { verbs: ["get"], nonResourceURLs: ["/healthz/*"] },
      { verb: "get", path: "/healthz/a" },
      true,
    ],
    [
      "not the path itself",
      { verbs: ["get"], nonResourceURLs: ["/healthz/*"] },
      { verb: "get", path: "/healthz" },
      false,
    ],
    ["any path", { verbs: ["get"], nonResourceURLs: ["*"] }, { verb: "get", path: "/a" }, true],
    [
      "a star inside is none",
      { verbs: ["get"], nonResourceURLs: ["/a/*/c"] },
      { verb: "get", path: "/a/b/c" },
      false,
    ],
    ["any path is no resource", { verbs: ["*"], nonResourceURLs: ["*"] }, resource("get", "pods"), false],
    ["any resource is no path", rule("*", "*", "*"), { verb: "get", path: "/metrics" }, false],
  ];
  for (const [name, one, attributes, allowed] of rows)
    test(`rule: ${name}`, () => {
      const decision = policyOf(one).authorize(jane, attributes);
      assert.equal(decision.allowed, allowed);
      assert.equal(
        decision.reason,
        allowed ? 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "jane"' : "",
      );
    });

  test("subjects: users, groups, ServiceAccounts", () => {
    const policy = new Policy();
    policy.setRole("", "r", [rule("get", "core", "pods")]);
    const decide = (user: UserInfo, namespace: string, ...subjects: Subject[]): string => {
      policy.setBinding(namespace, "b", { name: "b", subjects, roleRef: clusterRole("r") });
      const { allowed, reason } = policy.authorize(user, resource("get", "pods", namespace));
      policy.setBinding(namespace, "b", undefined);
      return `${allowed} ${reason}`;
    };
    const no = "false ";
    assert.match(decide(jane, "", subject("Group", "dev")), /^true .* to Group "dev"$/);
    assert.equal(decide(jane, "", subject("User", "dev")), no);
    assert.equal(decide(jane, "", subject("Group", "jane")), no);
    assert.equal(decide(jane, "", subject("Robot", "jane")), no);
    assert.match(
      decide(bot, "ci", subject("ServiceAccount", "bot")),
      /^true .* to ServiceAccount "bot\/ci"$/,
    );
    assert.equal(decide(bot, "other", subject("ServiceAccount", "bot")), no);
    assert.match(decide(bot, "other", subject("ServiceAccount", "bot", "ci")), /"bot\/ci"$/);
    assert.equal(decide(bot, "", subject("ServiceAccount", "bot")), no);
    assert.match(decide(bot, "ci", subject("User", "system:serviceaccount:ci:bot")), /^true/);
    assert.match(decide(bot, "", subject("Group", "system:serviceaccounts:ci")), /^true/);
  });

  test("a RoleBinding holds in its namespace only, and finds Roles there only", () => {
    const policy = new Policy();
    policy.setRole("a", "reader", [rule("get", "core", "pods")]);
    policy.setRole("", "reader", [rule("*", "*", "*")]);
    policy.setBinding("a", "b", {
      name: "b",
      subjects: [subject("User", "jane")],
      roleRef: { apiGroup: GROUP, kind: "Role", name: "reader" },
    });
    const allowed = policy.authorize(jane, resource("get", "pods", "a"));
    assert.deepEqual(allowed, {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/a" of Role "reader" to User "jane"',
    });
    assert.equal(policy.authorize(jane, resource("delete", "pods", "a")).allowed, false);
    assert.equal(policy.authorize(jane, resource("get", "pods", "b")).allowed, false);
    assert.equal(policy.authorize(jane, resource("get", "pods")).allowed, false);
    policy.setRole("a", "reader", undefined);
    assert.deepEqual(policy.authorize(jane, resource("get", "pods", "a")), {
      allowed: false,
      reason: 'RBAC: role.rbac.authorization.k8s.io "reader" not found',
    });
    policy.setBinding("a", "b", undefined);
    assert.deepEqual(policy.authorize(jane, resource("get", "pods", "a")), { allowed: false, reason: "" });
  });

  test("a binding that changes forgets whom it was about", () => {
    const policy = policyOf(rule("get", "core", "pods"));
    const bind = (...subjects: Subject[]): void =>
      policy.setBinding("", "b", { name: "b", subjects, roleRef: clusterRole("r") });
    bind(subject("User", "joe"), subject("User", "joe"));
    assert.equal(policy.authorize(jane, resource("get", "pods")).allowed, false);
    bind();
    assert.equal(policy.authorize({ name: "joe", groups: [] }, resource("get", "pods")).allowed, false);
    bind(subject("Group", "dev"), subject("User", "jane"));
    bind(subject("User", "jane"));
    assert.equal(policy.authorize(jane, resource("get", "pods")).allowed, true);
    assert.equal(policy.authorize({ ...jane, name: "x" }, resource("get", "pods")).allowed, false);
  });
});

/** The question answered the long way: every binding, every rule, every list. */
interface Model {
  readonly roles: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly rules: readonly PolicyRule[];
  }[];
  readonly bindings: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly subjects: readonly Subject[];
    readonly roleRef: RoleRef;
  }[];
}

function modelAllows({ roles, bindings }: Model, user: UserInfo, asked: Attributes): boolean {
  return bindings.some(({ namespace, subjects, roleRef }) => {
    if (namespace !== "" && ("path" in asked || asked.namespace !== namespace)) return false;
    const isSubject = subjects.some(({ kind, name, namespace: own }) => {
      if (kind === "User") return user.name === name;
      if (kind === "Group") return user.groups.includes(name);
      const where = own ?? namespace;
      return where !== "" && user.name === `system:serviceaccount:${where}:${name}`;
    });
    const where = roleRef.kind === "Role" ? namespace : "";
    if (roleRef.kind === "Role" && namespace === "") return false;
    const role = roles.find((one) => one.namespace === where && one.name === roleRef.name);
    return isSubject && role !== undefined && role.rules.some((one) => modelRule(one, asked));
  });
}

function modelRule(one: PolicyRule, asked: Attributes): boolean {
  const some = (list: readonly string[] | undefined, value: string): boolean =>
    (list ?? []).some((item) => item === "*" || item === value);
  if (!some(one.verbs, asked.verb)) return false;
  if ("path" in asked)
    return (one.nonResourceURLs ?? []).some(
      (path) => path === asked.path || (path.endsWith("*") && asked.path.startsWith(path.slice(0, -1))),
    );
  const { group, resource: plural, subresource, name } = asked;
  const resourceMatches = (one.resources ?? []).some(
    (item) =>
      item === "*" ||
      item === (subresource === "" ? plural : `${plural}/${subresource}`) ||
      (subresource !== "" && item === `*/${subresource}`),
  );
  const names = one.resourceNames ?? [];
  return some(one.apiGroups, group) && resourceMatches && (names.length === 0 || names.includes(name));
}

const oneOf = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const few = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { minLength: 1, maxLength: 3 });
const anyVerb = oneOf("get", "list", "*");
const anyRule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record(
    {
      verbs: few(anyVerb),
      apiGroups: few(oneOf("", "apps", "*")),
      resources: few(oneOf("pods", "pods/status", "*/status", "services", "*")),
      resourceNames: few(oneOf("a", "b", "*")),
    },
    { requiredKeys: ["verbs", "apiGroups", "resources"] },
  ),
  fc.record({ verbs: few(anyVerb), nonResourceURLs: few(oneOf("/a", "/a/*", "*", "/a*", "/b/c")) }),
);
const anyNamespace = oneOf("", "", "x", "x", "x", "y");
const anyRoleName = oneOf("r1", "r2");
const anySubject: fc.Arbitrary<Subject> = fc.record(
  { kind: oneOf("User", "Group", "ServiceAccount"), name: oneOf("u", "v"), namespace: oneOf("x", "y") },
  { requiredKeys: ["kind", "name"] },
);
const anyRole = fc.record({ namespace: anyNamespace, name: anyRoleName, rules: few(anyRule) });
const anyBinding = fc.record({
  namespace: anyNamespace,
  name: oneOf("b1", "b2", "b3"),
  subjects: fc.array(anySubject, { minLength: 1, maxLength: 4 }),
  roleRef: fc.record({ apiGroup: fc.constant(GROUP), kind: oneOf("Role", "ClusterRole"), name: anyRoleName }),
});
const anyUser: fc.Arbitrary<UserInfo> = fc.record({
  name: oneOf("u", "v", "system:serviceaccount:x:u", "system:serviceaccount:y:v"),
  groups: fc.subarray(["u", "v", "w"]),
});
const anyResource: fc.Arbitrary<ResourceAttributes> = fc.record({
  verb: oneOf("get", "list", "create"),
  group: oneOf("", "apps"),
  version: fc.constant("v1"),
  resource: oneOf("pods", "services"),
  subresource: oneOf("", "status"),
  namespace: anyNamespace,
  name: oneOf("", "a", "c"),
});
const anyPath: fc.Arbitrary<PathAttributes> = fc.record({
  verb: oneOf("get", "list"),
  path: oneOf("/a", "/a/b", "/b/c", "/b", "/ab"),
});

test("the index decides as a walk over all bindings does, through any history of changes", () => {
  let allowed = 0;
  let asked = 0;
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ set: anyRole }) },
      { weight: 5, arbitrary: fc.record({ bind: anyBinding }) },
      { weight: 1, arbitrary: fc.record({ drop: fc.tuple(anyNamespace, anyRoleName) }) },
      { weight: 1, arbitrary: fc.record({ unbind: fc.tuple(anyNamespace, oneOf("b1", "b2", "b3")) }) },
    ),
    { minLength: 8, maxLength: 30 },
  );
  const questions = fc.array(fc.tuple(anyUser, fc.oneof(anyResource, anyPath)), {
    minLength: 10,
    maxLength: 20,
  });
  fc.assert(
    fc.property(steps, questions, (history, asks) => {
      const policy = new Policy();
      const roles = new Map<string, Model["roles"][number]>();
      const bindings = new Map<string, Model["bindings"][number]>();
      for (const step of history) {
        if ("set" in step) {
          const { namespace, name, rules } = step.set;
          roles.set(`${namespace}/${name}`, step.set);
          policy.setRole(namespace, name, rules);
        } else if ("bind" in step) {
          const { namespace, name, ...rest } = step.bind;
          bindings.set(`${namespace}/${name}`, step.bind);
          policy.setBinding(namespace, name, { name, ...rest });
        } else if ("drop" in step) {
          roles.delete(step.drop.join("/"));
          policy.setRole(...step.drop, undefined);
        } else {
          bindings.delete(step.unbind.join("/"));
          policy.setBinding(...step.unbind, undefined);
        }
      }
      const model = { roles: [...roles.values()], bindings: [...bindings.values()] };
      for (const [user, attributes] of asks) {
        const expected = modelAllows(model, user, attributes);
        const decision = policy.authorize(user, attributes);
        assert.equal(decision.allowed, expected, JSON.stringify({ model, user, attributes }));
        assert.equal(decision.reason.startsWith("RBAC: allowed by "), expected);
        asked++;
        if (expected) allowed++;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(
    allowed > asked / 50 && allowed < asked / 2,
    `${allowed} of ${asked} were allowed: too one-sided to tell`,
  );
});
