import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  difference,
  type FieldSet,
  hasPath,
  inOrder,
  insertPath,
  intersection,
  type MutableFieldSet,
  pathsOf,
  readFieldsV1,
  recursiveDifference,
  sameSet,
  setOfPaths,
  union,
} from "./field-set.ts";
import { showPath } from "./path-element.ts";

const ELEMENTS = ["f:a", "f:b", 'k:{"n":1}', 'v:"x"', "i:0"];
const paths = fc.uniqueArray(fc.array(fc.constantFrom(...ELEMENTS), { minLength: 1, maxLength: 3 }), {
  selector: (path) => path.join("/"),
});
const setOf = (list: readonly (readonly string[])[]): FieldSet => setOfPaths(...list);
const textOf = (set: FieldSet): string[] => [...pathsOf(set)].map((path) => path.join("/")).sort();
const texts = (list: readonly (readonly string[])[]): string[] => list.map((path) => path.join("/")).sort();

test("a set has the paths that were put in, in whatever order", () => {
  fc.assert(
    fc.property(paths, (list) => {
      assert.deepEqual(textOf(setOf(list)), texts(list));
      assert.ok(sameSet(setOf(list), setOf([...list].reverse())));
      for (const path of list) assert.ok(hasPath(setOf(list), path));
    }),
  );
});

test("union, intersection and difference are those of sets of paths", () => {
  fc.assert(
    fc.property(paths, paths, (a, b) => {
      const [left, right] = [new Set(texts(a)), new Set(texts(b))];
      assert.deepEqual(textOf(union(setOf(a), setOf(b))), [...left.union(right)].sort());
      assert.deepEqual(textOf(intersection(setOf(a), setOf(b))), [...left.intersection(right)].sort());
      assert.deepEqual(textOf(difference(setOf(a), setOf(b))), [...left.difference(right)].sort());
      const under = (text: string): boolean => [...right].some((path) => `${text}/`.startsWith(`${path}/`));
      assert.deepEqual(
        textOf(recursiveDifference(setOf(a), setOf(b))),
        [...left].filter((text) => !under(text)).sort(),
      );
    }),
  );
});

test("FieldsV1 is read as it was written, whatever the order of keys", () => {
  fc.assert(
    fc.property(paths, (list) => {
      const read = readFieldsV1(JSON.parse(JSON.stringify(inOrder(setOf(list)))));
      assert.deepEqual(textOf(read), texts(list));
    }),
  );
  assert.deepEqual(readFieldsV1({ 'k:{"protocol": "TCP", "port": 80}': {} }), {
    'k:{"port":80,"protocol":"TCP"}': {},
  });
});

test("the order of FieldsV1: the field itself, fields, keys by value, values, positions", () => {
  const set: MutableFieldSet = {};
  for (const path of [
    ["v:2"],
    ["v:10"],
    ['k:{"p":443}'],
    ['k:{"p":80}'],
    ["i:1"],
    ["f:b"],
    ["f:a"],
    ["f:a", "f:z"],
  ])
    insertPath(set, ["f:l", ...path]);
  insertPath(set, ["f:l"]);
  assert.equal(
    JSON.stringify(inOrder(set)),
    '{"f:l":{".":{},"f:a":{".":{},"f:z":{}},"f:b":{},"k:{\\"p\\":80}":{},"k:{\\"p\\":443}":{},"v:2":{},"v:10":{},"i:1":{}}}',
  );
});

test("paths in messages", () => {
  assert.equal(
    showPath(["f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name"]),
    '.spec.ports[port=80,protocol="TCP"].name',
  );
  assert.equal(showPath(["f:finalizers", 'v:"a/b"', "i:3"]), '.finalizers[="a/b"][3]');
});

test("what is no FieldsV1 is refused; elements of a type of the future are skipped", () => {
  for (const bad of [[], "x", null, { "f:a": 1 }, { a: {} }, { "k:1": {} }, { "k:{": {} }, { "i:x": {} }])
    assert.throws(() => readFieldsV1(bad), SyntaxError, JSON.stringify(bad));
  let deep: unknown = {};
  for (let i = 0; i < 10_000; i++) deep = { "f:a": deep };
  assert.throws(() => readFieldsV1(deep), SyntaxError);
  assert.deepEqual(readFieldsV1({ "z:new": {}, "f:a": {} }), { "f:a": {} });
});
