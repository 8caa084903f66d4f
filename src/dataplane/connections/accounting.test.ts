import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip, ipBytes } from "../../base/ip.ts";
import { socketKey } from "../../net/conntrack/flow-reader.ts";
import type { VirtualPort } from "../table.ts";
import { type ConnectionAccounting, type Flow, createConnectionAccounting } from "./accounting.ts";

const web: VirtualPort = {
  service: "shop/web",
  portName: "http",
  address: "10.96.0.10",
  protocol: "TCP",
  port: 80,
  backends: [],
};
const node: VirtualPort = { ...web, type: "NodePort", address: "0.0.0.0", port: 30_080 };
const dns: VirtualPort = { ...web, service: "kube-system/dns", portName: "dns", protocol: "UDP", port: 53 };

/** "10.96.0.10:80 -> 10.1.1.2:8080". */
function flow(id: number, path: string, more: Partial<Flow> = {}): Flow {
  const [, to, toPort, end, endPort] = /^(.+):(\d+) -> (.+):(\d+)$/.exec(path)!;
  const protocol = more.protocol ?? "TCP";
  const address = ip(to!);
  return {
    id,
    family: address.family,
    protocol,
    phase: "active",
    destination: socketKey(ipBytes(address), protocol, Number(toPort)),
    destinationPort: Number(toPort),
    endpoint: socketKey(ipBytes(ip(end!)), protocol, Number(endPort)),
    hasCounters: false,
    packets: 0,
    bytes: 0,
    ...more,
  };
}

function look(accounting: ConnectionAccounting, flows: readonly Flow[]): string {
  accounting.begin();
  for (const one of flows) accounting.add(one);
  const { seen, counted } = accounting.end();
  const lines = Array.from(accounting.ports(), ({ service, total, endpoints }) => {
    const { active, opening, opened, closed } = total;
    return `${service} ${active}+${opening} +${opened} -${closed} at ${endpoints.size}`;
  });
  return `${counted} of ${seen}; ${lines.join("; ")}`;
}

const A = "10.96.0.10:80 -> 10.1.1.1:8080";
const B = "10.96.0.10:80 -> 10.1.1.2:8080";

test("connections are counted by Service port and endpoint, from one look to the next", () => {
  const accounting = createConnectionAccounting();
  accounting.setPorts([web, node, dns]);
  const rows: [readonly Flow[], string][] = [
    // What is there already is not new.
    [[flow(1, A), flow(2, B)], "2 of 2; shop/web 2+0 +0 -0 at 2; kube-system/dns 0+0 +0 -0 at 0"],
    [
      [flow(1, A), flow(2, B), flow(3, B, { phase: "opening" })],
      "3 of 3; shop/web 2+1 +1 -0 at 2; kube-system/dns 0+0 +0 -0 at 0",
    ],
    // One ends, is seen as ended twice, and counts once; one vanishes without a trace.
    [
      [flow(1, A, { phase: "ended" }), flow(3, B)],
      "2 of 2; shop/web 1+0 +1 -2 at 2; kube-system/dns 0+0 +0 -0 at 0",
    ],
    [
      [flow(1, A, { phase: "ended" }), flow(3, B)],
      "2 of 2; shop/web 1+0 +1 -2 at 2; kube-system/dns 0+0 +0 -0 at 0",
    ],
    // One that came and went between two looks.
    [
      [flow(4, A, { phase: "ended" }), flow(3, B)],
      "2 of 2; shop/web 1+0 +2 -3 at 2; kube-system/dns 0+0 +0 -0 at 0",
    ],
    // A node port is the same Service port, on whatever address; another port of the same address is none.
    [
      [flow(5, "192.0.2.7:30080 -> 10.1.1.1:8080"), flow(6, "10.96.0.10:81 -> 10.1.1.1:8080")],
      "1 of 2; shop/web 1+0 +3 -4 at 1; kube-system/dns 0+0 +0 -0 at 0",
    ],
    [
      [flow(7, "10.96.0.10:53 -> 10.1.1.9:53", { protocol: "UDP" }), flow(8, "10.96.0.10:53 -> 10.1.1.9:53")],
      "1 of 2; shop/web 0+0 +3 -5 at 0; kube-system/dns 1+0 +1 -0 at 1",
    ],
  ];
  for (const [flows, expected] of rows) assert.equal(look(accounting, flows), expected);
});

test("a connection that a dump tells twice counts once; one whose number is used again counts twice", () => {
  const accounting = createConnectionAccounting();
  accounting.setPorts([web]);
  look(accounting, []);
  assert.equal(look(accounting, [flow(1, A), flow(1, A)]), "1 of 2; shop/web 1+0 +1 -0 at 1");
  assert.equal(look(accounting, [flow(1, B)]), "1 of 1; shop/web 1+0 +2 -1 at 1");
  look(accounting, [flow(1, B, { phase: "ended" })]);
  assert.equal(look(accounting, [flow(1, B)]), "1 of 1; shop/web 1+0 +3 -2 at 1");
});

test("bytes are what was carried since the first look", () => {
  const accounting = createConnectionAccounting();
  accounting.setPorts([web]);
  const counted = (id: number, packets: number, bytes: number): Flow =>
    flow(id, A, { hasCounters: true, packets, bytes });
  look(accounting, [counted(1, 10, 1000)]);
  look(accounting, [counted(1, 12, 1500), counted(2, 3, 300)]);
  const [port] = accounting.ports();
  assert.deepEqual([port!.total.packets, port!.total.bytes], [5, 800]);
  accounting.begin();
  assert.equal(accounting.end().hasCounters, undefined);
});

test("a Service that is gone is forgotten, and one that comes begins at nought", () => {
  const accounting = createConnectionAccounting();
  accounting.setPorts([web, dns]);
  look(accounting, [flow(1, A)]);
  accounting.setPorts([dns]);
  assert.equal(look(accounting, [flow(1, A)]), "0 of 1; kube-system/dns 0+0 +0 -0 at 0");
  accounting.setPorts([dns, web]);
  assert.equal(look(accounting, []), "0 of 0; kube-system/dns 0+0 +0 -0 at 0; shop/web 0+0 +0 -0 at 0");
});

test("what is open is what was there at first, plus what was opened, less what was closed", () => {
  const phase = fc.constantFrom("active" as const, "opening" as const, "ended" as const);
  const looks = fc.array(fc.uniqueArray(fc.tuple(fc.nat(12), phase), { selector: ([id]) => id }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(looks, (tables) => {
      const accounting = createConnectionAccounting();
      accounting.setPorts([web]);
      let first: number | undefined;
      for (const table of tables) {
        // One number always ends at the same endpoint.
        look(
          accounting,
          table.map(([id, phase]) => flow(id, id % 2 === 0 ? A : B, { phase })),
        );
        const [port] = accounting.ports();
        const { total, endpoints } = port!;
        const open = total.active + total.opening;
        first ??= open;
        assert.equal(open, first + total.opened - total.closed);
        const sum = [...endpoints.values()].reduce((all, { active, opening }) => all + active + opening, 0);
        assert.equal(sum, open);
      }
    }),
  );
});
