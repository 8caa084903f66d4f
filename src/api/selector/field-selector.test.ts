import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSliceKind } from "../endpointslice/kind.ts";
import type { Kind } from "../kind.ts";
import { ingressClassKind } from "../ingressclass/kind.ts";
import { namespaceKind } from "../namespace/kind.ts";
import { podKind } from "../pod/kind.ts";
import type { Pod } from "../pod/type.ts";
import {
  checkFieldSelector,
  formatFieldSelector,
  matchesFields,
  parseFieldSelector,
} from "./field-selector.ts";

test("text and canonical form", () => {
  const rows: [string, string][] = [
    ["", ""],
    ["metadata.name=a", "metadata.name=a"],
    ["b==1,a!=2", "a!=2,b=1"],
    ["a=", "a="],
    ["a=x\\,y\\=z\\\\", "a=x\\,y\\=z\\\\"],
    ["status.phase!=Succeeded,status.phase!=Failed", "status.phase!=Failed,status.phase!=Succeeded"],
  ];
  for (const [text, canonical] of rows)
    assert.equal(formatFieldSelector(parseFieldSelector(text)), canonical);
  assert.deepEqual(parseFieldSelector("a=x\\,y"), [{ field: "a", operator: "=", value: "x,y" }]);
  assert.throws(() => parseFieldSelector("a"), {
    name: "SelectorError",
    message: "invalid selector: 'a'; can't understand 'a'",
  });
  assert.throws(() => parseFieldSelector("a=b=c"), {
    message: "invalid field selector: unescaped character in value: =",
  });
  assert.throws(() => parseFieldSelector("a=\\x"), {
    message: "invalid field selector: invalid escape sequence: \\x",
  });
});

test("fields that a kind does not know are refused", () => {
  const check = (kind: Kind, text: string) => () => checkFieldSelector(kind, parseFieldSelector(text));
  check(podKind, "spec.nodeName=a,metadata.namespace=b,metadata.name=c")();
  assert.throws(check(podKind, "spec.foo=a"), { message: "field label not supported: spec.foo" });
  assert.throws(check(podKind, "constructor=a"), { message: "field label not supported: constructor" });
  assert.throws(check(endpointSliceKind, "addressType=IPv4"), {
    message: '"addressType" is not a known field selector: only "metadata.name", "metadata.namespace"',
  });
  assert.throws(check(namespaceKind, "metadata.namespace=a"), {
    message: "field label not supported: metadata.namespace",
  });
  assert.throws(check({ ...endpointSliceKind, custom: true }, "spec.foo=a"), {
    message: "field label not supported: spec.foo",
  });
  // The shared list has it even for kinds without namespaces: it selects nothing there.
  check(ingressClassKind, "metadata.namespace=a")();
});

test("what matches", () => {
  const pod: Pod = {
    metadata: { name: "p", namespace: "d" },
    spec: { containers: [], nodeName: "n1" },
    status: { phase: "Running" },
  };
  const matches = (text: string): boolean => matchesFields(podKind, parseFieldSelector(text), pod);
  assert.equal(matches("spec.nodeName=n1,status.phase!=Failed,metadata.name=p"), true);
  assert.equal(matches("spec.nodeName=n2"), false);
  assert.equal(matches("status.podIP="), true);
  assert.equal(matches("metadata.namespace!=d"), false);
});
