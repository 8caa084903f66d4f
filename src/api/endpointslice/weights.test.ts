import assert from "node:assert/strict";
import { test } from "node:test";
import { podWeight, sliceWeights, WEIGHT_ANNOTATION, WEIGHTS_ANNOTATION, weightsText } from "./weights.ts";

test("a Pod says its weight in a whole number", () => {
  assert.deepEqual(podWeight({ metadata: {} }), { weight: 1 });
  for (const [text, weight] of [
    ["0", 0],
    ["1", 1],
    ["7", 7],
    ["1000", 1000],
  ] as const)
    assert.deepEqual(podWeight({ metadata: { annotations: { [WEIGHT_ANNOTATION]: text } } }), { weight });
});

test("a Pod's weight that is none counts as 1, and is said", () => {
  for (const text of ["", "-1", "1.5", "1001", "99999", "many", " 3", "0x10"])
    assert.deepEqual(podWeight({ metadata: { annotations: { [WEIGHT_ANNOTATION]: text } } }), {
      weight: 1,
      problem: `annotation fairlead.dev/weight: "${text}" is not a whole number from 0 to 1000; the weight is 1`,
    });
});

function read(text: string): { weights: Record<string, number>; problems: readonly string[] } {
  const { weights, problems } = sliceWeights({ metadata: { annotations: { [WEIGHTS_ANNOTATION]: text } } });
  return { weights: Object.fromEntries(weights), problems };
}

test("a slice says the weights of its addresses, which are made canonical", () => {
  assert.deepEqual(read('{"10.0.0.1":5,"010.0.0.2":0,"FD00:0::1":1000}'), {
    weights: { "10.0.0.1": 5, "10.0.0.2": 0, "fd00::1": 1000 },
    problems: [],
  });
  assert.equal(sliceWeights({ metadata: {} }).weights.size, 0);
});

test("what is wrong in a slice's weights is said, one sentence for each, and the rest holds", () => {
  assert.deepEqual(
    read('{"10.0.0.1":5,"10.0.0.2":-1,"10.0.0.3":"5","web":3,"10.0.0.4":1001,"10.0.0.5":1.5}'),
    {
      weights: { "10.0.0.1": 5 },
      problems: [
        "annotation fairlead.dev/weights: of 10.0.0.2, -1 is not a whole number from 0 to 1000; the weight is 1",
        'annotation fairlead.dev/weights: of 10.0.0.3, "5" is not a whole number from 0 to 1000; the weight is 1',
        'annotation fairlead.dev/weights: "web" is not an IP address; it is ignored',
        "annotation fairlead.dev/weights: of 10.0.0.4, 1001 is not a whole number from 0 to 1000; the weight is 1",
        "annotation fairlead.dev/weights: of 10.0.0.5, 1.5 is not a whole number from 0 to 1000; the weight is 1",
      ],
    },
  );
  for (const text of ["", "5", "null", "[1]", '"10.0.0.1"', '{"10.0.0.1":'])
    assert.match(
      read(text).problems.join("\n"),
      /^annotation fairlead\.dev\/weights: ".*" is not a JSON object from addresses to weights, .*; all weights are 1( \(.*\))?$/,
    );
  assert.ok(read(`[${"1,".repeat(5000)}1]`).problems[0]!.length < 400, "a long text is cut");
});

test("the annotation is written in order, without those of weight 1, and is read back as written", () => {
  assert.equal(weightsText([]), undefined);
  assert.equal(weightsText([["10.0.0.1", 1]]), undefined);
  const text = weightsText([
    ["10.0.0.9", 0],
    ["10.0.0.1", 1],
    ["10.0.0.10", 30],
  ]);
  assert.equal(text, '{"10.0.0.10":30,"10.0.0.9":0}');
  assert.deepEqual(read(text).weights, { "10.0.0.10": 30, "10.0.0.9": 0 });
});
