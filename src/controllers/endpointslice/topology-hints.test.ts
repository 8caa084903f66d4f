import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Endpoint } from "../../api/endpointslice/type.ts";
import type { Node } from "../../api/node/type.ts";
import { topologyHints } from "./topology-hints.ts";
import { sameShare, zoneShares } from "./zone-shares.ts";

/** "a" is a ready endpoint in zone a, "a!" an unready one, "-" a ready one in no zone, "a>b" one in a with a hint for b. */
function endpoints(text: string): Endpoint[] {
  return text
    .split(" ")
    .filter(Boolean)
    .map((word, i) => {
      const [zone = "", hint] = word.replace("!", "").split(">");
      return {
        addresses: [`10.0.0.${i + 1}`],
        conditions: { ready: !word.includes("!") },
        ...(zone !== "-" && { zone }),
        ...(hint !== undefined && { hints: { forZones: [{ name: hint }] } }),
      };
    });
}

function text(list: readonly Endpoint[]): string {
  return list
    .map(({ zone = "-", conditions, hints }) => {
      const hint = hints?.forZones?.map(({ name }) => `>${name}`).join("") ?? "";
      return `${zone}${conditions?.ready === true ? "" : "!"}${hint}`;
    })
    .join(" ");
}

type Row = [
  what: string,
  shares: Record<string, number> | undefined,
  written: string[],
  unchanged: string[],
  expected: string[],
  problem?: string,
];

const NO_NODES = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";

/** The first ones are those of upstream's TestAddHints, by their names. */
const ROWS: Row[] = [
  ["empty", undefined, [], [], [], NO_NODES],
  ["slice to create, no zone ratios", undefined, ["a"], [], ["a"], NO_NODES],
  [
    "slice to create with 2 endpoints, zone ratios require 3",
    { a: 0.3, b: 0.4, c: 0.3 },
    ["a b"],
    [],
    ["a b"],
    "Insufficient number of endpoints (2 endpoints, 3 zones)",
  ],
  [
    "slice to create with 2 endpoints, zone ratios only require 2",
    { a: 0.45, b: 0.55 },
    ["a b"],
    [],
    ["a>a b>b"],
  ],
  [
    "slice to create with 2 ready, 2 unready endpoints, zone ratios only require 2",
    { a: 0.45, b: 0.55 },
    ["a b b! b!"],
    [],
    ["a>a b>b b! b!"],
  ],
  [
    "slices to create and update within 3 zone threshold",
    { a: 0.35, b: 0.35, c: 0.3 },
    ["a b", "c c a", "a a", "b c a"],
    [],
    ["a>b b>b", "c>c c>c a>a", "a>a a>a", "b>b c>c a>a"],
  ],
  [
    "one zone cannot have what it must",
    { a: 0.1, b: 0.1, c: 0.8 },
    ["a b c"],
    [],
    ["a b c"],
    "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)",
  ],
  [
    "an endpoint in no zone",
    { a: 0.5, b: 0.5 },
    ["a b -"],
    ["a>a"],
    ["a b -", "a"],
    "One or more endpoints do not have a zone specified",
  ],
  ["an unready one in no zone is nobody's worry", { a: 0.5, b: 0.5 }, ["a b -!"], [], ["a>a b>b -!"]],
  ["all in one zone: half go to the other", { a: 0.5, b: 0.5 }, ["a a a a"], [], ["a>b a>b a>a a>a"]],
  [
    "an unchanged slice keeps hints that fit",
    { a: 0.5, b: 0.5 },
    ["a b"],
    ["b>a a>b"],
    ["a>a b>b", "b>a a>b"],
  ],
  ["one with an endpoint without a hint does not", { a: 0.5, b: 0.5 }, [], ["b>a a"], ["b>b a>a"]],
  ["nor one with a hint for a zone that is no more", { a: 0.5, b: 0.5 }, [], ["b>c a>a"], ["b>b a>a"]],
  ["nor one with too many for one zone", { a: 0.5, b: 0.5 }, [], ["a>a b>a"], ["a>a b>b"]],
  ["hints go when the nodes are not known", undefined, ["a>a"], ["b>b"], ["a", "b"], NO_NODES],
];

for (const [what, shares, written, unchanged, expected, problem] of ROWS)
  test(`topology hints: ${what}`, () => {
    const found = topologyHints(
      written.map(endpoints),
      unchanged.map(endpoints),
      shares && new Map(Object.entries(shares)),
    );
    assert.deepEqual([...found.written, ...found.unchanged].map(text), expected);
    assert.equal(found.problem, problem);
  });

const aSlice = fc
  .array(fc.constantFrom("a", "a", "b", "c", "a!", "b>a", "c>c", "a>b"), { maxLength: 12 })
  .map((words) => words.join(" "));

test("either every ready endpoint has one hint or none has, and where nothing happens hints settle", () => {
  const total = fc.tuple(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
  );
  fc.assert(
    fc.property(
      total,
      fc.array(aSlice, { maxLength: 3 }),
      fc.array(aSlice, { maxLength: 3 }),
      (cpu, written, unchanged) => {
        const sum = cpu[0] + cpu[1] + cpu[2];
        const shares = new Map(["a", "b", "c"].map((zone, i) => [zone, cpu[i]! / sum]));
        const found = topologyHints(written.map(endpoints), unchanged.map(endpoints), shares);
        const all = [...found.written, ...found.unchanged];
        const ready = all.flat().filter(({ conditions }) => conditions?.ready === true);
        if (found.problem !== undefined) {
          assert.ok(all.flat().every(({ hints }) => hints === undefined));
          return;
        }
        assert.ok(ready.every(({ hints }) => hints?.forZones?.length === 1));
        // What was given to suit one slice may not fit the next time, which upstream has too; but then it does.
        const second = topologyHints([], all, shares).unchanged;
        assert.deepEqual(topologyHints([], second, shares).unchanged.map(text), second.map(text));
      },
    ),
    { numRuns: 500 },
  );
});

function node(
  zone: string | undefined,
  cpu: string | undefined,
  more: { ready?: boolean; label?: string } = {},
): Node {
  const { ready = true, label } = more;
  return {
    metadata: {
      name: "n",
      labels: {
        ...(zone !== undefined && { "topology.kubernetes.io/zone": zone }),
        ...(label !== undefined && { [label]: "" }),
      },
    },
    status: {
      ...(cpu !== undefined && { allocatable: { cpu } }),
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

test("zones have the part of the CPU that their ready nodes have", () => {
  const table: [what: string, nodes: Node[], expected: Record<string, number> | undefined][] = [
    ["none", [], undefined],
    ["one zone", [node("a", "4"), node("a", "2")], undefined],
    ["two", [node("b", "1500m"), node("a", "500m"), node("b", "2")], { a: 0.125, b: 0.875 }],
    ["one not ready", [node("a", "1"), node("b", "1"), node("b", "8", { ready: false })], { a: 0.5, b: 0.5 }],
    [
      "a control plane's",
      [
        node("a", "1"),
        node("b", "3"),
        node(undefined, "8", { label: "node-role.kubernetes.io/control-plane" }),
      ],
      { a: 0.25, b: 0.75 },
    ],
    ["one without a zone", [node("a", "1"), node("b", "1"), node(undefined, "1")], undefined],
    ["one without CPU", [node("a", "1"), node("b", "1"), node("b", undefined)], undefined],
  ];
  for (const [what, nodes, expected] of table) {
    const shares = zoneShares(nodes);
    assert.deepEqual(shares && Object.fromEntries(shares), expected, what);
  }
});

test("which changes of a node can change the shares", () => {
  const before = node("a", "1000m");
  assert.ok(sameShare(before, node("a", "1")));
  for (const after of [
    node("b", "1"),
    node("a", "2"),
    node("a", "1", { ready: false }),
    node(undefined, "1"),
  ])
    assert.ok(!sameShare(before, after));
  assert.ok(sameShare(node("a", "1", { ready: false }), node("b", "2", { ready: false })));
});
