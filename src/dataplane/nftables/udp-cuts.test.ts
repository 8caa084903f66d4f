import assert from "node:assert/strict";
import { test } from "node:test";
import type { VirtualPort } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { commitPlan, planDelta } from "./plan.ts";
import { nothingProgrammed } from "./programmed.ts";
import { portsToCut, UdpCuts } from "./udp-cuts.ts";
import { removedPort } from "./udp-flows.ts";

function port(change: Partial<VirtualPort>): VirtualPort {
  return {
    service: "default/dns",
    portName: "",
    address: "10.96.0.10",
    protocol: "UDP",
    port: 53,
    backends: [],
    ...change,
  };
}

const [a, b] = [
  { address: "10.1.0.1", port: 53 },
  { address: "10.1.0.2", port: 53 },
];

test("flows are looked for where a port is new or somebody's endpoint is gone, not where there is one more", () => {
  const key = virtualPortKey(port({}));
  const table: [string, Partial<VirtualPort> | undefined, Partial<VirtualPort> | undefined, boolean][] = [
    ["new", undefined, { backends: [a] }, true],
    ["one more", { backends: [a] }, { backends: [a, b] }, false],
    ["one less", { backends: [a, b] }, { backends: [b] }, true],
    ["another", { backends: [a] }, { backends: [b] }, true],
    ["none left", { backends: [a] }, {}, true],
    ["the first", {}, { backends: [a] }, false],
    ["removed", { backends: [a] }, undefined, true],
    [
      "fewer for those outside",
      { backends: [a, b] },
      { backends: [a, b], external: { backends: [a] } },
      true,
    ],
    [
      "more for those outside",
      { backends: [a, b], external: { backends: [a] } },
      { backends: [a, b] },
      false,
    ],
    ["another way to choose", { backends: [a] }, { backends: [a], affinity: 10 }, false],
    ["TCP", { backends: [a], protocol: "TCP" }, { backends: [b], protocol: "TCP" }, false],
  ];
  for (const [what, before, after, expected] of table) {
    const programmed = nothingProgrammed([]);
    if (before !== undefined)
      commitPlan(programmed, planDelta(programmed, { set: [port(before)], remove: [] }));
    const plan = planDelta(programmed, {
      set: after === undefined ? [] : [port(after)],
      remove: after === undefined ? [key] : [],
    });
    assert.equal(portsToCut(programmed, plan).size, expected ? 1 : 0, what);
  }
});

test("where flows may be stale is known of a port that was there, and adds up until they are cut", () => {
  const key = virtualPortKey(port({}));
  const programmed = nothingProgrammed([]);
  const cut: (readonly string[] | undefined)[] = [];
  using cuts = new UdpCuts(60_000, (ports) => {
    const { lost } = ports.get(key)!;
    cut.push(lost === undefined ? undefined : Array.from(lost, (slot) => slot.slice(0, 4)).sort());
  });
  const change = (...backends: VirtualPort["backends"]): void => {
    const plan = planDelta(programmed, { set: [port({ backends })], remove: [] });
    const ports = portsToCut(programmed, plan);
    commitPlan(programmed, plan);
    cuts.add(ports);
  };
  const [atA, atB] = ["\n\x01\0\x01", "\n\x01\0\x02"];
  // There may have been flows to the address before it was a Service's.
  change(a, b);
  change(b);
  change(a);
  cuts.flush();
  change(a, b);
  change();
  change(b);
  cuts.flush();
  assert.deepEqual(cut, [undefined, [atA, atB], [atA, atB]]);
  const removal = planDelta(programmed, { set: [], remove: [key] });
  cuts.add(portsToCut(programmed, removal));
  commitPlan(programmed, removal);
  change(b);
  cuts.flush();
  assert.deepEqual(cut.slice(3), [undefined], "removed and there again: anything may have come between");
});

test("of many changes in a row the first is cut at once, the others together; none is forgotten at the end", ({
  mock,
}) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const removed = removedPort(4, Buffer.from([10, 96, 0, 10, 17, 0, 0, 0, 0, 53, 0, 0]));
  const cut: string[] = [];
  const cuts = new UdpCuts(60_000, (ports) => cut.push([...ports.keys()].join()));
  cuts.add(new Map());
  assert.deepEqual(cut, []);
  cuts.add(new Map([["a", removed]]));
  assert.deepEqual(cut, ["a"]);
  for (const key of ["b", "c", "b"]) cuts.add(new Map([[key, removed]]));
  assert.deepEqual(cut, ["a"]);
  mock.timers.tick(60_000);
  assert.deepEqual(cut, ["a", "b,c"]);
  cuts.add(new Map([["d", removed]]));
  cuts[Symbol.dispose]();
  mock.timers.tick(60_000);
  assert.deepEqual(cut, ["a", "b,c", "d"]);
});
