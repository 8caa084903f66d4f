import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PolicyRule } from "../../api/role/type.ts";
import { describeRule, missingRules } from "./coverage.ts";
import { goQuote, goQuoteList } from "./go-text.ts";
import { CompiledRule } from "./rule.ts";

function rule(verbs: string, groups: string, resources: string, names = ""): PolicyRule {
  return {
    verbs: verbs.split(" "),
    apiGroups: groups.split(" ").map((group) => (group === "core" ? "" : group)),
    resources: resources.split(" "),
    ...(names !== "" && { resourceNames: names.split(" ") }),
  };
}

function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: verbs.split(" "), nonResourceURLs: urls.split(" ") };
}

test("what is missing of some rules, put together by resource", () => {
  const rows: [PolicyRule[], PolicyRule[], string][] = [
    [[], [], ""],
    [[rule("*", "*", "*")], [rule("get", "apps", "pods/status", "a")], ""],
    [[rule("*", "*", "*")], [paths("get", "/a")], '{NonResourceURLs:["/a"], Verbs:["get"]}'],
    [
      [rule("get", "core", "pods")],
      [rule("get list watch", "core apps", "pods")],
      '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}\n{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list" "watch"]}',
    ],
    [[rule("get", "core", "pods", "a b")], [rule("get", "core", "pods", "b")], ""],
    [
      [rule("get", "core", "pods", "a")],
      [rule("get", "core", "pods", "a b")],
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}',
    ],
    [
      [rule("get", "core", "pods", "a")],
      [rule("get", "core", "pods")],
      '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}',
    ],
    [[rule("get", "core", "pods")], [rule("get", "core", "pods", "a")], ""],
    [[rule("get", "*", "*/scale")], [rule("get", "apps", "deployments/scale")], ""],
    [
      [rule("get", "core", "pods")],
      [rule("*", "core", "*")],
      '{APIGroups:[""], Resources:["*"], Verbs:["*"]}',
    ],
    [[paths("get", "/api/*")], [paths("get", "/api/v1 /api/*")], ""],
    [
      [paths("get", "/api/*")],
      [paths("get post", "/api /api/v1")],
      '{NonResourceURLs:["/api"], Verbs:["get"]}\n{NonResourceURLs:["/api"], Verbs:["post"]}\n{NonResourceURLs:["/api/v1"], Verbs:["post"]}',
    ],
  ];
  for (const [held, wanted, expected] of rows)
    assert.equal(missingRules(held, wanted).map(describeRule).join("\n"), expected);
});

const oneOf = (...values: string[]): fc.Arbitrary<string[]> =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const anyRule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record(
    {
      verbs: oneOf("get", "list", "*"),
      apiGroups: oneOf("", "apps", "*"),
      resources: oneOf("pods", "pods/status", "*/status", "*"),
      resourceNames: oneOf("a", "b"),
    },
    { requiredKeys: ["verbs", "apiGroups", "resources"] },
  ),
  fc.record({ verbs: oneOf("get", "*"), nonResourceURLs: oneOf("/a", "/a/*", "*", "/b") }),
);

test("who holds rules that cover others may do all that the others allow", () => {
  const asks = [
    ...["get", "list", "update"].flatMap((verb) =>
      ["", "apps", "batch"].flatMap((group) =>
        ["pods", "jobs"].flatMap((resource) =>
          ["", "status"].flatMap((subresource) =>
            ["", "a", "b", "c"].map((name) => ({
              verb,
              group,
              version: "v1",
              resource,
              subresource,
              namespace: "",
              name,
            })),
          ),
        ),
      ),
    ),
    ...["get", "post"].flatMap((verb) => ["/a", "/a/b", "/b", "/c"].map((path) => ({ verb, path }))),
  ];
  let covered = 0;
  const rules = fc.array(anyRule, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(rules, rules, (held, wanted) => {
      const missing = missingRules(held, wanted);
      if (missing.length === 0) covered++;
      const may = [...held, ...missing].map((one) => new CompiledRule(one));
      const might = wanted.map((one) => new CompiledRule(one));
      for (const ask of asks)
        if (might.some((one) => one.allows(ask)))
          assert.ok(
            may.some((one) => one.allows(ask)),
            JSON.stringify({ ask, held, wanted, missing }),
          );
    }),
    { numRuns: 300 },
  );
  assert.ok(covered > 10, `only ${covered} were covered`);
});

test("texts as Go quotes them", () => {
  assert.equal(goQuote('a"b\\c'), String.raw`"a\"b\\c"`);
  assert.equal(goQuote("a\nb\x00\x7f"), String.raw`"a\nb\x00\x7f"`);
  assert.equal(goQuote("jané 🦀"), '"jané 🦀"');
  assert.equal(goQuote("\u200b\u00a0\u2028"), String.raw`"\u200b\u00a0\u2028"`);
  assert.equal(goQuoteList([]), "[]");
  assert.equal(goQuoteList(["a", ""]), '["a" ""]');
});
