import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applied, EMPTY, mustApply, SAMPLE, type Sample, type Scene, updated } from "./apply-fixture.ts";
import { compare } from "./compare.ts";
import { difference, type FieldSet, intersection, isEmptySet, sameSet, union } from "./field-set.ts";
import { jsonEqual } from "./json-equal.ts";
import { merge } from "./merge.ts";
import { removeFields } from "./remove.ts";
import { fieldSetOf } from "./set-of.ts";

const word = fc.constantFrom("a", "b", "c");
const map = fc.dictionary(word, word, { minKeys: 1 });
const inner = fc.record(
  { numeric: fc.constantFrom(0, 1), flag: fc.boolean(), labels: map },
  { requiredKeys: ["numeric"] },
);

/** Objects as the server stores them: nothing empty, nothing twice. */
const sample: fc.Arbitrary<Sample> = fc.record(
  {
    name: word,
    labels: map,
    selector: map,
    finalizers: fc.uniqueArray(word, { minLength: 1 }),
    args: fc.array(word, { minLength: 1 }),
    ports: fc.uniqueArray(
      fc.record(
        { port: fc.constantFrom(1, 2), protocol: fc.constantFrom("TCP", "UDP"), name: word },
        { requiredKeys: ["port"] },
      ),
      { minLength: 1, selector: ({ port, protocol = "TCP" }) => `${port}/${protocol}` },
    ),
    inner,
    whole: inner,
    any: fc.dictionary(word, fc.oneof(word, map), { minKeys: 1 }),
  },
  { requiredKeys: [] },
);

const manager = fc.constantFrom("a", "b", "c");
const step = fc.record({ manager, object: sample, apply: fc.boolean() });

function play(steps: readonly { manager: string; object: Sample; apply: boolean }[]): Scene {
  let scene = EMPTY;
  for (const { manager: name, object, apply } of steps)
    scene = apply ? mustApply(scene, name, object, { force: true }) : updated(scene, name, object);
  return scene;
}

const history = fc.array(step, { maxLength: 6 }).map(play);

function ownedBy(scene: Scene, name: string, operation: string): FieldSet {
  return (
    [...scene.managers.values()].find((one) => one.manager === name && one.operation === operation)?.fields ??
    {}
  );
}

test("what is new in one direction is gone in the other, also where lists have elements twice", () => {
  const twice = fc.tuple(sample, sample).map(([a, b]): Sample => {
    const ports = [...(a.ports ?? []), ...(b.ports ?? [])];
    const finalizers = [...(a.finalizers ?? []), ...(b.finalizers ?? [])];
    return { ...a, ports, finalizers };
  });
  const some = fc.oneof(sample, twice);
  fc.assert(
    fc.property(some, some, (a, b) => {
      const [there, back] = [compare(SAMPLE, a, b), compare(SAMPLE, b, a)];
      assert.ok(sameSet(there.added, back.removed));
      assert.ok(sameSet(there.modified, back.modified));
      const whole = compare(SAMPLE, {}, b);
      assert.ok(sameSet(whole.added, compare(SAMPLE, b, {}).removed));
    }),
  );
});

test("applying twice is applying once", () => {
  fc.assert(
    fc.property(history, sample, (scene, config) => {
      const once = mustApply(scene, "me", config, { force: true });
      const twice = mustApply(once, "me", config);
      assert.ok(jsonEqual(once.live, twice.live));
      assert.deepEqual([...twice.managers], [...once.managers]);
    }),
  );
});

test("who forces owns exactly what was applied, and it has the values applied", () => {
  fc.assert(
    fc.property(history, sample, (scene, config) => {
      const after = mustApply(scene, "me", config, { force: true });
      assert.ok(sameSet(ownedBy(after, "me", "Apply"), fieldSetOf(SAMPLE, config)));
      const { added, modified } = compare(SAMPLE, after.live, merge(SAMPLE, after.live, config));
      assert.ok(isEmptySet(added) && isEmptySet(modified));
    }),
  );
});

test("an apply that is refused would have changed what others own, and names all of it", () => {
  fc.assert(
    fc.property(history, sample, (scene, config) => {
      const forced = mustApply(scene, "me", config, { force: true });
      const { added, modified } = compare(SAMPLE, scene.live, forced.live);
      const changed = union(added, modified);
      const contested = [...scene.managers.values()]
        .filter((one) => one.manager !== "me" || one.operation !== "Apply")
        .some(({ fields }) => !isEmptySet(intersection(fields, changed)));
      assert.equal(Array.isArray(applied(scene, "me", config)), contested);
    }),
  );
});

test("appliers of different fields never conflict, and leave each other alone", () => {
  const parts: readonly (readonly (keyof Sample)[])[] = [
    ["name", "labels", "finalizers"],
    ["selector", "args", "ports"],
  ];
  const pick = (object: Sample, names: readonly (keyof Sample)[]): Sample =>
    Object.fromEntries(Object.entries(object).filter(([name]) => (names as string[]).includes(name)));
  fc.assert(
    fc.property(sample, sample, sample, (x, y, z) => {
      const mine = mustApply(EMPTY, "a", pick(x, parts[0]!));
      const both = mustApply(mine, "b", pick(y, parts[1]!));
      assert.ok(sameSet(ownedBy(both, "a", "Apply"), ownedBy(mine, "a", "Apply")));
      const again = mustApply(both, "b", pick(z, parts[1]!));
      assert.ok(jsonEqual(pick(again.live as Sample, parts[0]!), pick(x, parts[0]!)));
    }),
  );
});

test("what its last applier leaves out is gone, and nothing else", () => {
  fc.assert(
    fc.property(sample, sample, (x, y) => {
      const first = mustApply(EMPTY, "a", x);
      const second = mustApply(first, "a", y);
      assert.ok(sameSet(fieldSetOf(SAMPLE, second.live), fieldSetOf(SAMPLE, y)), JSON.stringify(second.live));
      const none = mustApply(second, "a", {});
      assert.equal(none.managers.size, 0);
    }),
  );
});

test("after an update everybody owns only what is there, and nobody what the update changed but its author", () => {
  fc.assert(
    fc.property(history, sample, (scene, object) => {
      const after = updated(scene, "u", object);
      const { added, modified, removed } = compare(SAMPLE, scene.live, object);
      for (const { manager: name, operation, fields } of after.managers.values()) {
        assert.ok(isEmptySet(intersection(fields, removed)));
        if (name !== "u" || operation !== "Update")
          assert.ok(isEmptySet(intersection(fields, union(added, modified))));
      }
    }),
  );
});

test("a comparison says all that differs: what is not in it is equal", () => {
  fc.assert(
    fc.property(sample, sample, (x, y) => {
      const { added, modified, removed } = compare(SAMPLE, x, y);
      assert.equal(isEmptySet(union(added, union(modified, removed))), sameMeaning(x, y));
      const backwards = compare(SAMPLE, y, x);
      assert.ok(sameSet(added, backwards.removed));
      assert.ok(sameSet(removed, backwards.added));
      assert.ok(sameSet(modified, backwards.modified));
    }),
  );
});

test("removing what an object has leaves nothing; removing nothing leaves it", () => {
  fc.assert(
    fc.property(sample, (x) => {
      assert.equal(removeFields(SAMPLE, x, {}), x);
      const all = fieldSetOf(SAMPLE, x);
      const left = fieldSetOf(SAMPLE, removeFields(SAMPLE, x, all));
      assert.ok(isEmptySet(difference(intersection(left, all), {})));
    }),
  );
});

/** Equal but for the order of sets and list maps, of which nobody is the owner. */
function sameMeaning(x: Sample, y: Sample): boolean {
  const ordered = ({ finalizers, ports, ...rest }: Sample): object => ({
    ...rest,
    ...(finalizers !== undefined && { finalizers: [...finalizers].sort() }),
    ...(ports !== undefined && {
      ports: Object.fromEntries(ports.map((port) => [`${port.port}/${port.protocol ?? "TCP"}`, port])),
    }),
  });
  return jsonEqual(ordered(x), ordered(y));
}
