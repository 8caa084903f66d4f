import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clusterChoice, localChoice } from "./endpoint-choice.ts";
import type { NodeView } from "./node-view.ts";
import type { Candidate } from "./slice-endpoints.ts";
import type { Choice } from "./table.ts";

const state = fc.record({
  ready: fc.boolean(),
  lingering: fc.boolean(),
  local: fc.boolean(),
  forZones: fc.subarray(["a", "b"]),
  forNodes: fc.subarray(["n1", "n2"]),
});

/** Hints of one kind are mostly there for all or for none. */
const endpoints = fc
  .tuple(fc.array(state, { maxLength: 6 }), fc.boolean(), fc.boolean())
  .map(([states, noNodes, noZones]) =>
    states.map(({ local, forZones, forNodes, ...rest }, i): Candidate => ({
      backend: { address: `10.0.0.${i}`, port: 80, ...(local && { local }) },
      order: `${i}`,
      forZones: noZones ? [] : forZones,
      forNodes: noNodes ? [] : forNodes,
      ...rest,
    })),
  );

function text({ backends, whenEmpty = "refuse" }: Choice): string {
  return backends.length === 0 ? whenEmpty : backends.map(({ address }) => address).join(" ");
}

function addresses(candidates: readonly Candidate[]): string {
  return candidates.map(({ backend }) => backend.address).join(" ");
}

/** The rules as sentences: each, in turn, says who gets connections if its condition holds. */
function expectedCluster(all: readonly Candidate[], { name, zone }: NodeView): string {
  const ready = all.filter((one) => one.ready);
  const ofNode = ready.filter((one) => one.forNodes.includes(name));
  const ofZone = ready.filter((one) => zone !== undefined && one.forZones.includes(zone));
  if (ready.length === 0) return addresses(all.filter((one) => one.lingering)) || "refuse";
  if (ready.every((one) => one.forNodes.length > 0) && ofNode.length > 0) return addresses(ofNode);
  if (ready.every((one) => one.forZones.length > 0) && ofZone.length > 0) return addresses(ofZone);
  return addresses(ready);
}

function expectedLocal(all: readonly Candidate[]): string {
  const here = all.filter(({ backend }) => backend.local);
  return (
    addresses(here.filter((one) => one.ready)) ||
    addresses(here.filter((one) => one.lingering)) ||
    (all.some((one) => one.ready || one.lingering) ? "drop" : "refuse")
  );
}

test("whatever the endpoints, the choice is what the rules say in words", () => {
  const nodes: readonly NodeView[] = [{ name: "n1", zone: "a" }, { name: "n1" }, { name: "n3", zone: "b" }];
  fc.assert(
    fc.property(endpoints, fc.constantFrom(...nodes), (all, node) => {
      const options = { node, primaryOnly: false };
      assert.equal(text(clusterChoice(all, options)), expectedCluster(all, node));
      assert.equal(text(localChoice(all, options)), expectedLocal(all));
      // A primary is one of those, and there is none only if there are none.
      for (const choice of [clusterChoice, localChoice]) {
        const [every, primary] = [choice(all, options), choice(all, { ...options, primaryOnly: true })];
        assert.deepEqual(primary.backends, every.backends.slice(0, 1));
        assert.equal(primary.whenEmpty, every.whenEmpty);
      }
    }),
    { numRuns: 2000 },
  );
});

test("the primary is the one of most weight, then of the lowest address; its weight is not said", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(weights, (each) => {
      const all = each.map((weight, i): Candidate => ({
        backend: { address: `10.0.0.${i}`, port: 80, ...(weight !== 1 && { weight }) },
        order: `${i}`,
        ready: true,
        lingering: false,
        forZones: [],
        forNodes: [],
      }));
      const best = each.indexOf(Math.max(...each));
      assert.deepEqual(clusterChoice(all, { node: undefined, primaryOnly: true }), {
        backends: [{ address: `10.0.0.${best}`, port: 80 }],
      });
    }),
  );
});
