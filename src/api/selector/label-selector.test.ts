import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { labelSelectorTerms, parseLabelSelector, SelectorError } from "./label-selector.ts";
import { formatLabelSelector, matchesLabels } from "./requirement.ts";
import type { Requirement } from "./requirement.ts";

const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

// Recorded from kubectl 1.33: `kubectl create poddisruptionbudget --selector TEXT`.
test("text that is no selector is refused as upstream refuses it", () => {
  const long = "x".repeat(64);
  const rows: [text: string, error: string][] = [
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a in", "unable to parse requirement: found '' expected: '('"],
    ["a in b", "unable to parse requirement: found 'b' expected: '('"],
    ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ["a,", "found '', expected: identifier after ','"],
    [",a", "found ',', expected: !, identifier, or 'end of string'"],
    ["=b", "found '=', expected: !, identifier, or 'end of string'"],
    ["!a=b", "found '=', expected: ',' or 'end of string'"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["a=!", "unable to parse requirement: found '!', expected: identifier"],
    ["-a=b", `unable to parse requirement: <nil>: Invalid value: "-a": ${NAME}`],
    ["a=-b", `unable to parse requirement: values[0][a]: Invalid value: "-b": ${VALUE}`],
    ["a in (a,-b)", `unable to parse requirement: values[0][a]: Invalid value: "-b": ${VALUE}`],
    [
      "a>x",
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    ["!", "unable to parse requirement: found '', expected: identifier"],
    ["a=b=c", "found '=', expected: ',' or 'end of string'"],
    ["a!", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"],
    ["a(b)", "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"],
    ["a=>b", "unable to parse requirement: found '>', expected: identifier"],
    ["(", "found '(', expected: !, identifier, or 'end of string'"],
    ["a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"],
    ["a in (b=)", "unable to parse requirement: found '=', expected: ',' or ')'"],
    ["!!a", "unable to parse requirement: found '!', expected: identifier"],
    ["a,,b", "found ',', expected: identifier after ','"],
    ["a gt 5", "unable to parse requirement: found 'gt', expected: in, notin, =, ==, !=, gt, lt"],
    [
      `a${long}=b`,
      `unable to parse requirement: <nil>: Invalid value: "a${long}": name part must be no more than 63 characters`,
    ],
    [
      `a=${long}`,
      `unable to parse requirement: values[0][a]: Invalid value: "${long}": must be no more than 63 characters`,
    ],
    ["/x", `unable to parse requirement: <nil>: Invalid value: "/x": prefix part must be non-empty`],
    ["x/", `unable to parse requirement: <nil>: Invalid value: "x/": name part must be non-empty; ${NAME}`],
  ];
  for (const [text, message] of rows)
    assert.throws(() => parseLabelSelector(text), { name: "SelectorError", message }, text);
});

test("text that is a selector, and its canonical form", () => {
  const rows: [text: string, canonical: string][] = [
    ["", ""],
    [" a = b ", "a=b"],
    ["b=1,a=2", "a=2,b=1"],
    ["a==b,!c,d", "a==b,!c,d"],
    ["a!=b", "a!=b"],
    ["a in ()", "a in ()"],
    ["a in (,)", "a in ()"],
    ["a in (b,)", "a in (,b)"],
    ["a in (c,b,c)", "a in (b,c)"],
    ["a notin(b)", "a notin (b)"],
    ["a=,b", "a=,b"],
    ["in in (in)", "in in (in)"],
    ["a=in", "a=in"],
    ["a>5,b<7", "a>5,b<7"],
    [
      "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name",
      "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name",
    ],
  ];
  for (const [text, canonical] of rows) {
    assert.equal(formatLabelSelector(parseLabelSelector(text)), canonical, text);
  }
});

test("what matches", () => {
  const rows: [text: string, labels: Record<string, string> | undefined, matches: boolean][] = [
    ["", undefined, true],
    ["a", { a: "" }, true],
    ["a", {}, false],
    ["!a", {}, true],
    ["!a", { a: "" }, false],
    ["a=", { a: "" }, true],
    ["a=", {}, false],
    ["a=b", { a: "b", c: "d" }, true],
    ["a=b,c=e", { a: "b", c: "d" }, false],
    ["a!=b", {}, true],
    ["a!=b", { a: "b" }, false],
    ["a in (b,c)", { a: "c" }, true],
    ["a in (b,c)", {}, false],
    ["a notin (b,c)", {}, true],
    ["a notin (b,c)", { a: "c" }, false],
    ["a>5", { a: "6" }, true],
    ["a>5", { a: "5" }, false],
    ["a>5", { a: "x" }, false],
    ["a<5", { a: "-7" }, true],
    ["constructor", {}, false],
    ["!toString", {}, true],
  ];
  for (const [text, labels, matches] of rows)
    assert.equal(
      matchesLabels(parseLabelSelector(text), labels),
      matches,
      `${text} on ${JSON.stringify(labels)}`,
    );
});

test("selectors of objects", () => {
  assert.equal(labelSelectorTerms(undefined), undefined);
  assert.deepEqual(labelSelectorTerms({}), []);
  const terms = labelSelectorTerms({
    matchLabels: { tier: "web" },
    matchExpressions: [
      { key: "release", operator: "In", values: ["stable", "beta"] },
      { key: "canary", operator: "DoesNotExist" },
    ],
  });
  assert.equal(formatLabelSelector(terms!), "!canary,release in (beta,stable),tier=web");
  assert.throws(() => labelSelectorTerms({ matchExpressions: [{ key: "a", operator: "in" as "In" }] }), {
    message: '"in" is not a valid label selector operator',
  });
});

test("what is written is read back the same, and any text is parsed or refused", () => {
  const label = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?$/);
  const requirement: fc.Arbitrary<Requirement> = fc.oneof(
    fc.record({ key: label, operator: fc.constantFrom("=", "==", "!="), values: fc.tuple(label) }),
    fc.record({
      key: label,
      operator: fc.constantFrom("in", "notin"),
      values: fc.uniqueArray(label, { minLength: 1 }).map((values) => values.sort()),
    }),
    fc.record({ key: label, operator: fc.constantFrom("exists", "!"), values: fc.constant([]) }),
    fc.record({ key: label, operator: fc.constantFrom("gt", "lt"), values: fc.tuple(fc.nat().map(String)) }),
  );
  const selector = fc
    .uniqueArray(requirement, { selector: ({ key }) => key })
    .map((list) => list.sort((a, b) => (a.key < b.key ? -1 : 1)));
  fc.assert(
    fc.property(selector, (terms) =>
      assert.deepEqual(
        parseLabelSelector(formatLabelSelector(terms)),
        terms.map((term) => ({ ...term })),
      ),
    ),
  );
  const text = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom("a", "in", "notin", "(", ")", ",", "=", "!", "<", ">", " ", "b/c"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (any) => {
      try {
        parseLabelSelector(any);
      } catch (error) {
        assert.ok(error instanceof SelectorError);
      }
    }),
    { numRuns: 1000 },
  );
});
