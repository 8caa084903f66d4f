import assert from "node:assert/strict";
import { test } from "node:test";
import { changed } from "../validation/complaints-table.ts";
import { endpointSliceKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web-x", namespace: "shop", generation: 3, labels: { a: "1" } },
  addressType: "IPv6",
  endpoints: [{ addresses: ["fd00::1"] }],
};
const topology = (name: string): object => ({
  endpoints: [{ addresses: ["fd00::2"], deprecatedTopology: { "kubernetes.io/hostname": name } }],
});

test("the topology of v1beta1 cannot be written, but its node name is not lost", () => {
  const made = changed(endpointSliceKind, GOOD, topology("n1"));
  endpointSliceKind.prepareForCreate(made);
  assert.deepEqual(made.endpoints[0], { addresses: ["fd00::2"], conditions: {} });

  const old = changed(endpointSliceKind, GOOD, topology("n1"));
  const untouched = changed(endpointSliceKind, GOOD, { ...topology("n1"), metadata: { labels: { a: "2" } } });
  endpointSliceKind.prepareForUpdate(untouched, old);
  assert.deepEqual(untouched.endpoints, old.endpoints);

  for (const [name, nodeName] of [
    ["n1", "n1"],
    ["n2", undefined],
  ] as const) {
    const update = changed(endpointSliceKind, GOOD, topology(name));
    update.endpoints[0]!.hostname = "changed";
    endpointSliceKind.prepareForUpdate(update, old);
    assert.equal(update.endpoints[0]!.deprecatedTopology, undefined);
    assert.equal(update.endpoints[0]!.nodeName, nodeName);
  }
});

test("a change of labels counts as a generation", () => {
  const old = changed(endpointSliceKind, GOOD, {});
  const same = changed(endpointSliceKind, GOOD, { metadata: { annotations: { b: "1" } } });
  endpointSliceKind.prepareForUpdate(same, old);
  assert.equal(same.metadata.generation, 3);
  const labelled = changed(endpointSliceKind, GOOD, { metadata: { labels: { a: "2" } } });
  endpointSliceKind.prepareForUpdate(labelled, old);
  assert.equal(labelled.metadata.generation, 4);
});

test("odd addresses and domain names earn warnings, unless a controller of ours writes them", () => {
  const warnings = (patch: object): string[] =>
    endpointSliceKind.warnings!(changed(endpointSliceKind, GOOD, patch));
  const odd = { endpoints: [{ addresses: ["fd00::1"] }, { addresses: ["FD00::2"] }] };
  assert.deepEqual(warnings({}), []);
  assert.deepEqual(warnings(odd), [
    'endpoints[1].addresses[0]: IPv6 address "FD00::2" should be in RFC 5952 canonical format ("fd00::2")',
  ]);
  const label = { "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" };
  assert.deepEqual(warnings({ ...odd, metadata: { labels: label } }), []);
  const names = { addressType: "FQDN", endpoints: [{ addresses: ["a.example.com"] }] };
  assert.deepEqual(warnings(names), ["spec.addressType: FQDN endpoints are deprecated"]);
  const slice = changed(endpointSliceKind, GOOD, names);
  assert.deepEqual(endpointSliceKind.warnings!(slice, slice), []);
});

test("weights that are none are warned of when they are written, unless a controller of ours writes them", () => {
  const weighing = (text: string, labels = {}) =>
    changed(endpointSliceKind, GOOD, { metadata: { labels, annotations: { "fairlead.dev/weights": text } } });
  const wrong = '{"10.0.0.1":-1}';
  const warning =
    "annotation fairlead.dev/weights: of 10.0.0.1, -1 is not a whole number from 0 to 1000; the weight is 1";
  assert.deepEqual(endpointSliceKind.warnings!(weighing('{"10.0.0.1":1}')), []);
  assert.deepEqual(endpointSliceKind.warnings!(weighing(wrong)), [warning]);
  assert.deepEqual(endpointSliceKind.warnings!(weighing(wrong), weighing("{}")), [warning]);
  assert.deepEqual(endpointSliceKind.warnings!(weighing(wrong), weighing(wrong)), []);
  const label = { "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io" };
  assert.deepEqual(endpointSliceKind.warnings!(weighing(wrong, label)), []);
});
