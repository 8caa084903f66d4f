import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ApiError } from "../api-error.ts";
import { podSchema } from "../pod/schema.ts";
import { serviceSchema } from "../service/schema.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";
import { POD, RECORDED } from "./kubectl-recorded.ts";

type Json = Record<string, unknown>;

test("strategic merge patches do to a pod what kubectl makes of them", () => {
  for (const { patch, error, ...expected } of RECORDED) {
    const label = JSON.stringify(patch);
    if (error !== undefined) {
      assert.throws(
        () => applyStrategicMerge(podSchema, POD, patch),
        (thrown: unknown) =>
          thrown instanceof ApiError && thrown.code === 400 && thrown.message.trim() === error,
        label,
      );
      continue;
    }
    const result = applyStrategicMerge(podSchema, POD, patch);
    for (const [part, fields] of Object.entries(expected as Record<string, Json>))
      for (const [name, value] of Object.entries(fields))
        assert.deepEqual((result[part] as Json)[name] ?? null, cleaned(value), `${label}: ${part}.${name}`);
  }
});

/** In elements that are new, upstream leaves nulls and $retainKeys for the decoder to stumble over; we take them out. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => part !== null && key !== "$retainKeys")
      .map(([key, part]) => [key, cleaned(part)]),
  );
}

test("a service's ports are merged by port alone", () => {
  const service = {
    metadata: { name: "dns" },
    spec: {
      ports: [
        { name: "udp", port: 53, protocol: "UDP" },
        { name: "tcp", port: 53, protocol: "TCP" },
        { name: "metrics", port: 9153 },
      ],
    },
  };
  const rows: [unknown, unknown][] = [
    // The first of two ports with the number is the one that is changed.
    [
      [{ port: 53, targetPort: 5353 }],
      [
        { name: "udp", port: 53, protocol: "UDP", targetPort: 5353 },
        { name: "tcp", port: 53, protocol: "TCP" },
        { name: "metrics", port: 9153 },
      ],
    ],
    [
      [{ port: 9153, $patch: "delete" }],
      [
        { name: "udp", port: 53, protocol: "UDP" },
        { name: "tcp", port: 53, protocol: "TCP" },
      ],
    ],
    [
      [{ port: 80, name: "http" }],
      [
        { port: 80, name: "http" },
        { name: "udp", port: 53, protocol: "UDP" },
        { name: "tcp", port: 53, protocol: "TCP" },
        { name: "metrics", port: 9153 },
      ],
    ],
  ];
  for (const [ports, expected] of rows) {
    const result = applyStrategicMerge(serviceSchema, service, { spec: { ports } });
    assert.deepEqual((result["spec"] as Json)["ports"], expected);
  }
});

test("any JSON as a patch is applied or refused, and changes neither argument", () => {
  const target = structuredClone(POD);
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 3 }), (whole, spec) => {
      for (const patch of [
        whole,
        { spec },
        { spec: { containers: spec } },
        { metadata: { finalizers: spec } },
      ]) {
        const before = JSON.stringify(patch);
        try {
          applyStrategicMerge(podSchema, target, patch);
        } catch (error) {
          assert.ok(error instanceof ApiError, String(error));
        }
        assert.equal(JSON.stringify(patch), before);
      }
      assert.deepEqual(target, POD);
    }),
    { numRuns: 300 },
  );
});

test("a patch of nothing changes nothing, and a patch applied twice is the same as once", () => {
  assert.deepEqual(applyStrategicMerge(podSchema, POD, {}), POD);
  for (const { patch, error } of RECORDED) {
    if (error !== undefined) continue;
    const once = applyStrategicMerge(podSchema, POD, patch);
    const twice = applyStrategicMerge(podSchema, once, patch);
    assert.deepEqual(sorted(twice), sorted(once), JSON.stringify(patch));
  }
});

/** New elements move to the front the first time only: order aside. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, sorted(part)]));
}
