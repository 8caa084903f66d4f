import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Backend, VirtualPort } from "../table.ts";
import { AffinityGroups } from "./affinity-groups.ts";
import { Chooser } from "./chooser.ts";

const backends = (...hosts: readonly number[]): Backend[] =>
  hosts.map((host) => ({ address: `10.0.0.${host}`, port: 80 }));

function virtual(rest: Partial<VirtualPort>): VirtualPort {
  return {
    service: "default/web",
    portName: "",
    address: "10.96.0.1",
    protocol: "TCP",
    port: 80,
    backends: [],
    balance: "round-robin",
    ...rest,
  };
}

/** Clients of 10.0.0.0/8 are inside, and time is told by hand. */
function lab(): {
  readonly chooser: (rest: Partial<VirtualPort>) => Chooser;
  pass: (seconds: number) => void;
} {
  let now = 0;
  const parts = { random: () => 0, now: () => now, isInside: (text: string) => text.startsWith("10.") };
  return {
    chooser: (rest) => new Chooser(virtual(rest), parts),
    pass: (seconds) => (now += seconds * 1000),
  };
}

/** What a client gets: the backend's last octet, "refuse" or "drop". */
function ask(chooser: Chooser, address: string): string {
  const client = { address, port: 1000 };
  const choice = chooser.choiceFor(client);
  if (choice === "drop") return "drop";
  return choice.pick(client)?.name.slice(7, -3) ?? choice.whenEmpty;
}

suite("who gets what", () => {
  const [inside, outside, outside6] = ["10.0.0.9", "192.0.2.9", "2001:db8::9"];
  const cases: readonly (readonly [what: string, Partial<VirtualPort>, client: string, gets: string])[] = [
    ["backends", { backends: backends(1) }, outside, "1"],
    ["none", {}, outside, "refuse"],
    ["none, because of a policy", { whenEmpty: "drop" }, outside, "drop"],
    [
      "others for those outside",
      { backends: backends(1), external: { backends: backends(2) } },
      outside,
      "2",
    ],
    ["others for those outside", { backends: backends(1), external: { backends: backends(2) } }, inside, "1"],
    [
      "none for those outside",
      { backends: backends(1), external: { backends: [], whenEmpty: "drop" } },
      outside,
      "drop",
    ],
    [
      "none for those outside",
      { backends: backends(1), external: { backends: [], whenEmpty: "drop" } },
      inside,
      "1",
    ],
    ["only for a range", { backends: backends(1), sourceRanges: ["192.0.2.0/24"] }, outside, "1"],
    ["only for a range", { backends: backends(1), sourceRanges: ["192.0.2.0/24"] }, inside, "drop"],
    ["only for a range", { backends: backends(1), sourceRanges: ["192.0.2.0/24"] }, outside6, "drop"],
    ["for no range at all", { backends: backends(1), sourceRanges: [] }, inside, "drop"],
  ];
  for (const [what, port, client, gets] of cases)
    test(`${what}: ${client} gets ${gets}`, () => assert.equal(ask(lab().chooser(port), client), gets));

  test("a port that refuses everybody needs nobody to listen; one that drops some does", () => {
    const { chooser } = lab();
    assert.equal(chooser({}).refusesAll, true);
    assert.equal(chooser({ whenEmpty: "drop" }).refusesAll, false);
    assert.equal(chooser({ external: { backends: backends(1) } }).refusesAll, false);
  });
});

suite("session affinity", () => {
  test("a client keeps its backend until it was away for longer than the time-out", () => {
    const { chooser, pass } = lab();
    const groups = new AffinityGroups();
    const port = chooser({ backends: backends(1, 2, 3), affinity: 10 });
    groups.set("a", port, undefined);
    groups.regroup();
    const seen = [ask(port, "192.0.2.1"), ask(port, "192.0.2.2"), ask(port, "192.0.2.1")];
    pass(9);
    seen.push(ask(port, "192.0.2.1"));
    pass(10);
    seen.push(ask(port, "192.0.2.1"), ask(port, "192.0.2.2"));
    pass(10.001);
    seen.push(ask(port, "192.0.2.1"));
    assert.deepEqual(seen, ["1", "2", "1", "1", "1", "3", "1"]);
  });

  test("a backend that is gone is not kept", () => {
    const { chooser } = lab();
    const groups = new AffinityGroups();
    const before = chooser({ backends: backends(1, 2), affinity: 10 });
    groups.set("a", before, undefined);
    groups.regroup();
    assert.equal(ask(before, "192.0.2.1"), "1");
    const after = chooser({ backends: backends(2, 3), affinity: 10 });
    groups.set("a", after, before);
    groups.regroup();
    assert.deepEqual(
      [ask(after, "192.0.2.1"), ask(after, "192.0.2.9"), ask(after, "192.0.2.1")],
      ["2", "3", "2"],
    );
  });

  test("is shared by the ports of one Service port that choose alike, and by no others", () => {
    const { chooser } = lab();
    const groups = new AffinityGroups();
    const affinity = 10;
    const [cluster, node] = [1, 2].map(() => chooser({ backends: backends(1, 2, 3), affinity }));
    const local = chooser({ backends: backends(2, 3), affinity });
    const other = chooser({ backends: backends(1, 2, 3), affinity, portName: "admin" });
    for (const [i, one] of [cluster!, node!, local, other].entries()) groups.set(`${i}`, one, undefined);
    groups.regroup();
    ask(node!, "192.0.2.7");
    assert.equal(ask(node!, "192.0.2.1"), "2");
    assert.deepEqual(
      [ask(cluster!, "192.0.2.1"), ask(local, "192.0.2.1"), ask(other, "192.0.2.7"), ask(other, "192.0.2.1")],
      ["2", "2", "1", "2"],
    );
    assert.equal(cluster!.all.affinity, node!.all.affinity);
    assert.notEqual(cluster!.all.affinity, local.all.affinity);
    assert.notEqual(cluster!.all.affinity, other.all.affinity);
  });

  test("a changed Service keeps its memory, and ports that part do not share it any more", () => {
    const { chooser } = lab();
    const groups = new AffinityGroups();
    const choosers = ["a", "b"].map(() => chooser({ backends: backends(1, 2), affinity: 10 }));
    for (const [i, one] of choosers.entries()) groups.set(`${i}`, one, undefined);
    groups.regroup();
    ask(choosers[0]!, "192.0.2.8");
    assert.equal(ask(choosers[0]!, "192.0.2.1"), "2");
    const wider = chooser({ backends: backends(1, 2, 3, 4), affinity: 10 });
    const narrow = chooser({ backends: backends(1), affinity: 10 });
    groups.set("0", wider, choosers[0]);
    groups.set("1", narrow, choosers[1]);
    groups.regroup();
    assert.deepEqual(
      [ask(wider, "192.0.2.1"), ask(narrow, "192.0.2.1"), ask(wider, "192.0.2.1")],
      ["2", "1", "2"],
    );
  });
});

suite("least clients", () => {
  const client = (n: number) => ({ address: `192.0.2.${n}`, port: 1000 });

  test("a new client gets the backend with the fewest, on all ports of the Service, and keeps it", () => {
    const { chooser, pass } = lab();
    const groups = new AffinityGroups();
    const least = { balance: "least-clients", affinity: 10 } as const;
    const other = (list: readonly Backend[]): Backend[] =>
      list.map((backend) => ({ ...backend, port: backend.port + 1 }));
    const web = chooser({ ...least, backends: backends(1, 2, 3) });
    const dns = chooser({ ...least, backends: other(backends(1, 2, 3)), portName: "dns", protocol: "UDP" });
    groups.set("web", web, undefined);
    groups.set("dns", dns, undefined);
    groups.regroup();
    const address = ({ all }: Chooser, n: number): string => all.pick(client(n))!.name.split(":")[0]!;
    const first = [1, 2, 3, 4].map((n) => address(n % 2 === 0 ? web : dns, n));
    assert.deepEqual(first, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"]);
    assert.deepEqual(
      [1, 2, 3, 4].map((n) => address(n % 2 === 0 ? dns : web, n)),
      first,
    );
    // The second one's client goes to one of those with fewest; when it is back, the next two are its.
    const without = chooser({ ...least, backends: backends(1, 3) });
    groups.set("web", without, web);
    groups.regroup();
    assert.equal(address(without, 2), "10.0.0.3");
    const again = chooser({ ...least, backends: backends(1, 2, 3) });
    groups.set("web", again, without);
    groups.regroup();
    assert.deepEqual(
      [5, 6, 7].map((n) => address(again, n)),
      ["10.0.0.2", "10.0.0.2", "10.0.0.1"],
    );
    // All are forgotten but one.
    pass(9);
    assert.equal(address(again, 7), "10.0.0.1");
    pass(2);
    assert.deepEqual(
      [8, 9, 10].map((n) => address(again, n)),
      ["10.0.0.2", "10.0.0.3", "10.0.0.1"],
    );
  });

  test("weights, and backends that do not answer", () => {
    const { chooser } = lab();
    const groups = new AffinityGroups();
    const weights = [1, 2, 3];
    const heavy = backends(1, 2, 3).map((backend, at) => ({ ...backend, weight: weights[at]! }));
    const one = chooser({ balance: "least-clients", backends: heavy });
    groups.set("one", one, undefined);
    groups.regroup();
    const counts = new Map<string, number>();
    for (let n = 0; n < 60; n++) {
      const { name } = one.all.pick(client(n))!;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts.values()].sort((a, b) => a - b),
      [10, 20, 30],
    );
    const tried = new Set(one.all.targets.slice(0, 2));
    assert.equal(one.all.pick(client(100), tried), one.all.targets[2]);
    assert.equal(one.all.pick(client(100)), one.all.targets[2]);
    assert.equal(one.all.pick(client(101), new Set(one.all.targets)), undefined);
  });
});
