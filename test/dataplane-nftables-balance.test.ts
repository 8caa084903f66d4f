/** How endpoints are picked, with real connections through a real kernel: balances, weights, session affinity; and SCTP. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ip } from "../src/base/ip.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import type { NftablesDataPlaneControls } from "../src/dataplane/nftables/controls.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { NODE_ADDRESS, virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { RawSocket } from "../src/sys/raw-socket.ts";
import { needsNetns } from "./lab/netns.ts";
import type { LabHost, NftablesLab } from "./lab/nftables-lab.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";
import { nft } from "./lab/nft.ts";
import { sctpInit } from "./lab/sctp.ts";

type Version = 4 | 6;

const RANGES = ["100.64.0.0/16", "fd64::/112"];
const VIP = { 4: "100.64.0.10", 6: "fd64::10" } as const;
const CLIENTS = 40;
/** Addresses that the client has beside its own. */
const clientAddress = (version: Version, n: number): string =>
  version === 4 ? `192.0.2.${100 + n}` : `2001:db8:1::${(0x100 + n).toString(16)}`;

describe("balances and affinity", { skip: needsNetns() }, () => {
  let lab: NftablesLab;
  let dataPlane: NftablesDataPlaneControls;

  before(async () => {
    lab = await nftablesLab(3);
    using inside = await RouteSocket.open({ netns: lab.client.netns });
    for (const version of [4, 6] as const)
      for (let n = 0; n < CLIENTS; n++)
        inside.addAddress("eth0", ip(clientAddress(version, n)), version === 4 ? 24 : 64);
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
    // Addresses of IPv6 are tentative for a while.
    await delay(1500);
  });
  after(async () => {
    await dataPlane[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  function web(version: Version, hosts: readonly LabHost[], rest: Partial<VirtualPort> = {}): VirtualPort {
    return {
      service: "default/web",
      portName: "",
      address: VIP[version],
      protocol: "TCP",
      port: 8080,
      backends: hosts.map((host) => ({
        address: version === 4 ? host.address4 : host.address6,
        port: 80,
        local: true,
      })),
      ...rest,
    };
  }
  const weighted = (port: VirtualPort, ...weights: number[]): VirtualPort => ({
    ...port,
    backends: port.backends.map((backend, index) => ({ ...backend, weight: weights[index]! })),
  });
  const tableOf = (...ports: VirtualPort[]): ServiceTable => ({
    ports: new Map(ports.map((port) => [virtualPortKey(port), port])),
    ranges: RANGES,
  });
  const many = (version: Version, count: number) =>
    lab.client.connectMany({ host: VIP[version], port: 8080, count });
  /** Which endpoint each of the client's addresses gets. */
  const each = async (version: Version, host: string = VIP[version], port = 8080): Promise<string[]> => {
    const answers = Array.from({ length: CLIENTS }, (_, n) =>
      lab.client.connect({ host, port, localAddress: clientAddress(version, n) }),
    );
    return (await Promise.all(answers)).map(({ from }) => from);
  };
  const moved = (a: readonly string[], b: readonly string[]): number =>
    a.filter((name, index) => name !== b[index]).length;

  for (const version of [4, 6] as const)
    describe(`IPv${version}`, () => {
      test("round robin gives each endpoint exactly its turns, also by weight and after a change", async () => {
        const port = web(version, lab.backends, { balance: "round-robin" });
        await dataPlane.sync(tableOf(port));
        assert.deepEqual(await many(version, 300), { b1: 100, b2: 100, b3: 100 });
        await dataPlane.apply({ set: [weighted(port, 10, 20, 30)], remove: [] });
        assert.deepEqual(await many(version, 300), { b1: 50, b2: 100, b3: 150 });
        await dataPlane.apply({
          set: [web(version, lab.backends.slice(1), { balance: "round-robin" })],
          remove: [],
        });
        assert.deepEqual(await many(version, 100), { b2: 50, b3: 50 });
        await dataPlane.apply({ set: [], remove: [virtualPortKey(port)] });
        assert.doesNotMatch(nft(lab.node.netns, "list table inet fairlead"), /in-turn/);
      });

      test("weights are shares of the connections", async () => {
        await dataPlane.sync(tableOf(weighted(web(version, lab.backends), 100, 300, 600)));
        const count = 2000;
        const counts = await many(version, count);
        for (const [name, share] of Object.entries({ b1: 0.1, b2: 0.3, b3: 0.6 })) {
          const sigma = Math.sqrt(count * share * (1 - share));
          assert.ok(Math.abs(counts[name]! - count * share) < 6 * sigma, `${name} got ${counts[name]}`);
        }
      });

      test("by source, a client stays, and few others move when an endpoint goes", async () => {
        const port = web(version, lab.backends, { balance: "source" });
        await dataPlane.sync(tableOf(port));
        const first = await each(version);
        assert.deepEqual(new Set(first), new Set(["b1", "b2", "b3"]));
        assert.deepEqual(await each(version), first);
        await dataPlane.apply({ set: [{ ...port, backends: port.backends.slice(1) }], remove: [] });
        const second = await each(version);
        assert.ok(!second.includes("b1"));
        const others = first.map((name, index) => (name === "b1" ? second[index]! : name));
        assert.ok(moved(others, second) <= 4, `${moved(others, second)} of ${CLIENTS} moved without need`);
        await dataPlane.apply({ set: [port], remove: [] });
        assert.deepEqual(await each(version), first);
      });

      test("by source and port, the connections of one client are spread", async () => {
        await dataPlane.sync(tableOf(web(version, lab.backends, { balance: "source-port" })));
        const counts = await many(version, 600);
        for (const name of ["b1", "b2", "b3"]) assert.ok(counts[name]! > 100, JSON.stringify(counts));
      });

      test("session affinity: a client keeps its endpoint over changes and restarts, as long as that is one", async () => {
        const port = web(version, lab.backends, { affinity: 10_800 });
        await dataPlane.sync(tableOf(port));
        const first = await each(version);
        assert.deepEqual(new Set(first), new Set(["b1", "b2", "b3"]));
        assert.deepEqual(await each(version), first);

        // b1's slot is taken by b3, whose clients stay with it all the same.
        const rest = { ...port, backends: port.backends.slice(1) };
        await dataPlane.apply({ set: [rest], remove: [] });
        const second = await each(version);
        assert.ok(!second.includes("b1"));
        assert.equal(moved(first, second), first.filter((name) => name === "b1").length);
        assert.deepEqual(
          await each(version),
          second,
          "those that had to move are remembered where they are now",
        );

        await dataPlane.apply({ set: [port], remove: [] });
        assert.deepEqual(await each(version), second);
        await dataPlane[Symbol.asyncDispose]();
        dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
        assert.equal((await dataPlane.sync(tableOf(port))).written, 0);
        assert.deepEqual(await each(version), second);
        // A foreign change is repaired around what packets wrote.
        nft(lab.node.netns, "flush chain inet fairlead services");
        await dataPlane.sync(tableOf(port));
        assert.deepEqual(await each(version), second);
      });

      test("session affinity of a node port, for clients outside among their own endpoints", async () => {
        const to = version === 4 ? lab.node.address4 : lab.node.address6;
        const [all, outside] = [web(version, lab.backends), web(version, lab.backends.slice(0, 2))];
        const port = {
          ...all,
          address: NODE_ADDRESS[version],
          port: 30_080,
          affinity: 60,
          external: outside,
        };
        await dataPlane.sync(tableOf(port));
        const first = await each(version, to, 30_080);
        assert.deepEqual(new Set(first), new Set(["b1", "b2"]));
        assert.deepEqual(await each(version, to, 30_080), first);
        await dataPlane.apply({
          set: [{ ...port, external: web(version, lab.backends.slice(1)) }],
          remove: [],
        });
        const second = await each(version, to, 30_080);
        assert.ok(!second.includes("b1"), "b1 is an endpoint, but not for clients outside");
        assert.deepEqual(
          second.filter((_, index) => first[index] === "b2"),
          first.filter((name) => name === "b2"),
        );
      });

      test("session affinity ends its time-out after the client's last connection", async () => {
        await dataPlane.sync(tableOf(web(version, lab.backends, { affinity: 1 })));
        const first = await each(version);
        for (let round = 0; round < 4; round++) {
          await delay(400);
          assert.deepEqual(await each(version), first);
        }
        await delay(1200);
        assert.notDeepEqual(await each(version), first);
      });
    });

  test("session affinity for UDP, from any port of the client", async () => {
    await dataPlane.sync(tableOf(web(4, lab.backends, { protocol: "UDP", affinity: 60 })));
    const datagram = () => lab.client.datagram({ host: VIP[4], port: 8080 });
    const { from } = await datagram();
    assert.match(from, /^b/);
    for (let n = 0; n < 12; n++) assert.equal((await datagram()).from, from);
  });

  test("when no more clients can be remembered, connections are made all the same", async () => {
    const table = tableOf(web(4, lab.backends, { affinity: 60 }));
    await dataPlane.cleanup();
    await dataPlane.sync(table);
    // While somebody listens, the kernel writes a message for each element.
    await dataPlane[Symbol.asyncDispose]();
    using kernel = await NetlinkPort.open(lab.node.netns);
    const definition = kernel.sets(1, "fairlead").find(({ name }) => name === "affinity4")!;
    const elements = Array.from({ length: definition.size! }, (_, n) => {
      const key = new Uint8Array(definition.keyLength);
      key.set([240, n >>> 16, n >>> 8, n]);
      return { key, data: new Uint8Array(4), timeout: 60_000 };
    });
    kernel.commit([{ op: "add elements", set: definition, elements }]);
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
    assert.equal((await dataPlane.sync(table)).written, 0);
    assert.deepEqual(new Set(await each(4)), new Set(["b1", "b2", "b3"]));
    const fill = dataPlane.readMapFill().find(({ name }) => name === "affinity4");
    assert.deepEqual(fill, { name: "affinity4", elements: definition.size, limit: definition.size });
    await dataPlane.cleanup();
  });

  test("SCTP is translated to an endpoint, and refused by ICMP without one", async () => {
    const port = web(4, lab.backends.slice(0, 1), { protocol: "SCTP" });
    const backend = lab.backends[0]!;
    using heard = new RawSocket(4, 132, backend.netns);
    using errors = new RawSocket(4, 1, lab.client.netns);
    using mouth = new RawSocket(4, undefined, lab.client.netns);
    const send = (sourcePort: number): number =>
      mouth.send(
        sctpInit({ source: lab.client.address4, destination: VIP[4], sourcePort, destinationPort: 8080 }),
        ip(VIP[4]),
      );
    const next = async (socket: RawSocket): Promise<Uint8Array> => {
      const started = performance.now();
      for (;;) {
        const raw = socket.receive();
        if (raw !== undefined) return raw.bytes;
        assert.ok(performance.now() - started < 1000, "nothing came");
        await delay(2);
      }
    };
    await dataPlane.sync(tableOf(port));
    send(5001);
    const init = await next(heard);
    assert.deepEqual(
      [...init.subarray(12, 20)],
      [...lab.client.address4.split("."), ...backend.address4.split(".")].map(Number),
    );
    assert.deepEqual([...init.subarray(20, 24)], [5001 >> 8, 5001 & 255, 0, 80]);
    await dataPlane.apply({ set: [{ ...port, backends: [] }], remove: [] });
    send(5002);
    const refusal = await next(errors);
    assert.deepEqual([...refusal.subarray(20, 22)], [3, 3], "port unreachable");
  });
});
