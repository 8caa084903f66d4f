/** Balance least-clients, with real connections through a real kernel: who gets which endpoint, and keeps it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { cidr, ip } from "../src/base/ip.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import type { NftablesDataPlaneControls } from "../src/dataplane/nftables/controls.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { OURS } from "../src/dataplane/nftables/sets.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { NODE_ADDRESS, virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { Scope } from "../src/net/rtnetlink/route.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { needsNetns } from "./lab/netns.ts";
import type { LabHost, NftablesLab } from "./lab/nftables-lab.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";
import { nft } from "./lab/nft.ts";
import { seededRandom } from "./lab/packet-cases.ts";

const RANGES = ["100.64.0.0/16", "fd64::/112"];
const VIP = { 4: "100.64.0.10", 6: "fd64::10" } as const;
/** Every address of these is the client's. */
const CLIENTS = { 4: "198.18.0.0/15", 6: "2001:db8:18::/64" } as const;
type Version = 4 | 6;
const clientAddress = (version: Version, n: number): string =>
  version === 4 ? `198.18.${n >> 8}.${n & 255}` : `2001:db8:18::${(n + 1).toString(16)}`;

describe("least clients", { skip: needsNetns() }, () => {
  let lab: NftablesLab;
  let dataPlane: NftablesDataPlaneControls;
  let kernel: NetlinkPort;
  let resources: AsyncDisposableStack;

  before(async () => {
    await using stack = new AsyncDisposableStack();
    lab = stack.use(await nftablesLab(4));
    using inside = await RouteSocket.open({ netns: lab.client.netns });
    // Linux lets nobody bind an IPv6 address that is only routed to it, otherwise.
    callInNetns(lab.client.netns, () => writeFileSync("/proc/sys/net/ipv6/ip_nonlocal_bind", "1"));
    using node = await RouteSocket.open({ netns: lab.node.netns });
    for (const version of [4, 6] as const) {
      const gateway = ip(version === 4 ? lab.client.address4 : lab.client.address6);
      inside.addRoute({
        destination: cidr(CLIENTS[version]),
        type: "local",
        link: inside.linkIndex("lo"),
        scope: Scope.host,
      });
      node.addRoute({ destination: cidr(CLIENTS[version]), gateway, link: node.linkIndex("client") });
    }
    kernel = stack.use(await NetlinkPort.open(lab.node.netns));
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
    // Addresses of IPv6 are tentative for a while.
    await delay(1500);
    resources = stack.move();
  });
  after(async () => {
    await dataPlane[Symbol.asyncDispose]();
    await resources.disposeAsync();
  });
  beforeEach(() => dataPlane.cleanup());

  function port(version: Version, hosts: readonly LabHost[], rest: Partial<VirtualPort> = {}): VirtualPort {
    return {
      service: "default/web",
      portName: "",
      address: VIP[version],
      protocol: "TCP",
      port: 8080,
      balance: "least-clients",
      backends: hosts.map((host) => ({
        address: version === 4 ? host.address4 : host.address6,
        port: 80,
        local: true,
      })),
      ...rest,
    };
  }
  const tableOf = (...ports: VirtualPort[]): ServiceTable => ({
    ports: new Map(ports.map((one) => [virtualPortKey(one), one])),
    ranges: RANGES,
  });
  const connect = async (n: number, version: Version = 4, to = 8080): Promise<string> =>
    (await lab.client.connect({ host: VIP[version], port: to, localAddress: clientAddress(version, n) }))
      .from;
  const inOrder = async (clients: readonly number[], version: Version = 4): Promise<string[]> => {
    const got: string[] = [];
    for (const n of clients) got.push(await connect(n, version));
    return got;
  };
  const countsOf = (names: Iterable<string>): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  };
  /** What is arranged for the next clients is rewritten some milliseconds after the last one came. */
  const settle = () => delay(30);

  for (const version of [4, 6] as const)
    test(`IPv${version}: 8 clients over 4 endpoints; one leaves, and returns; who stays keeps its own`, async () => {
      const all = port(version, lab.backends);
      await dataPlane.sync(tableOf(all));
      const first = await inOrder([7, 3, 0, 5, 1, 2, 6, 4], version);
      assert.deepEqual(countsOf(first), { b1: 2, b2: 2, b3: 2, b4: 2 });
      const order = [7, 3, 0, 5, 1, 2, 6, 4];
      const has = new Map(order.map((n, at) => [n, first[at]!]));
      const stays = order.find((n) => has.get(n) !== "b2")!;
      const kept = await lab.client.open({
        host: VIP[version],
        port: 8080,
        localAddress: clientAddress(version, stays),
      });
      assert.equal(kept.from, has.get(stays));

      // b2 leaves: its two clients go to two others, the rest stay.
      const rest = lab.backends.filter((_, at) => at !== 1);
      await dataPlane.apply({ set: [port(version, rest)], remove: [] });
      for (const n of order) {
        const now = await connect(n, version);
        if (has.get(n) !== "b2") assert.equal(now, has.get(n), `client ${n}`);
        has.set(n, now);
      }
      assert.deepEqual(
        Object.values(countsOf(has.values())).sort((a, b) => a - b),
        [2, 3, 3],
      );

      // It returns with none: the next two are its, then whoever has fewest gets the next.
      await dataPlane.apply({ set: [all], remove: [] });
      assert.deepEqual(await inOrder([10, 11], version), ["b2", "b2"]);
      const third = await connect(12, version);
      assert.ok(countsOf(has.values())[third] === 2 || third === "b2", third);
      for (const n of order) assert.equal(await connect(n, version), has.get(n), `client ${n}`);
      assert.equal(await lab.client.exchange({ connection: kept.connection, text: "still" }), "still");
    });

  test("a client has one endpoint on all ports of a Service, TCP and UDP, and counts once", async () => {
    const udp = port(4, lab.backends, { protocol: "UDP", port: 643, portName: "u" });
    await dataPlane.sync(tableOf(port(4, lab.backends), udp));
    const datagram = async (n: number): Promise<string> =>
      (await lab.client.datagram({ host: VIP[4], port: 643, localAddress: clientAddress(4, n) })).from;
    const got: string[] = [];
    for (let n = 0; n < 8; n++) {
      const from = n % 2 === 0 ? await connect(n) : await datagram(n);
      assert.equal(n % 2 === 0 ? await datagram(n) : await connect(n), from, `client ${n}`);
      got.push(from);
    }
    assert.deepEqual(countsOf(got), { b1: 2, b2: 2, b3: 2, b4: 2 });
    assert.equal(kernel.elements({ ...OURS, name: "clients4" }).length, 8);
    // UDP flows to the one that leaves move with their client.
    const lost = got.indexOf("b3");
    const rest = lab.backends.filter((_, at) => at !== 2);
    await dataPlane.apply({
      set: [port(4, rest), { ...udp, backends: port(4, rest).backends }],
      remove: [],
    });
    const next = await datagram(lost);
    assert.notEqual(next, "b3");
    assert.equal(await connect(lost), next);
  });

  test("weights: fewest clients for their weight", async () => {
    const equal = port(4, lab.backends.slice(0, 3));
    const backends = equal.backends.map((backend, at) => ({ ...backend, weight: [1, 2, 3][at]! }));
    await dataPlane.sync(tableOf({ ...equal, backends }));
    assert.deepEqual(countsOf(await inOrder(Array.from({ length: 12 }, (_, n) => n))), {
      b1: 2,
      b2: 4,
      b3: 6,
    });
  });

  test("a restarted agent counts who is there; meanwhile clients keep their endpoints and new ones get one", async () => {
    const table = tableOf(port(4, lab.backends));
    await dataPlane.sync(table);
    const first = await inOrder([0, 1, 2, 3, 4]);
    await dataPlane[Symbol.asyncDispose]();
    assert.deepEqual(await inOrder([0, 1, 2, 3, 4]), first);
    const meanwhile = await inOrder([5, 6]);
    assert.deepEqual(countsOf([...first, ...meanwhile]), { b1: 2, b2: 2, b3: 2, b4: 1 });
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
    assert.equal((await dataPlane.sync(table)).written, 0);
    assert.deepEqual(await inOrder([0, 1, 2, 3, 4]), first);
    assert.equal(await connect(7), "b4");
    assert.deepEqual(countsOf(await inOrder([8, 9, 10, 11])), { b1: 1, b2: 1, b3: 1, b4: 1 });
    assert.doesNotThrow(() => nft(lab.node.netns, "list table inet fairlead"));
  });

  test("a client that is gone counts no more: its container ended, or its time is over", async () => {
    await dataPlane.sync(tableOf(port(4, lab.backends, { affinity: 2 })));
    assert.deepEqual(countsOf(await inOrder([0, 1, 2, 3])), { b1: 1, b2: 1, b3: 1, b4: 1 });
    const second = await connect(1);
    dataPlane.forgetClients([clientAddress(4, 1)]);
    await settle();
    assert.equal(await connect(20), second, "the place of the one that is gone");
    // Two of them stay, the others' time is over.
    const [stay0, stay2] = [await connect(0), await connect(2)];
    const started = performance.now();
    while (kernel.elements({ ...OURS, name: "clients4" }).length > 2) {
      await delay(200);
      assert.deepEqual([await connect(0), await connect(2)], [stay0, stay2]);
      assert.ok(performance.now() - started < 10_000, "clients are never forgotten");
    }
    // Found out within a second or two.
    await delay(2200);
    const next = await inOrder([30, 31]);
    assert.equal(new Set([stay0, stay2, ...next]).size, 4);
  });

  test("a Service that goes takes its clients with it, also those that an earlier agent has seen", async () => {
    const other = port(4, lab.backends, { service: "default/other", port: 8081 });
    const web = port(4, lab.backends);
    const remembered = (): number => kernel.elements({ ...OURS, name: "clients4" }).length;
    await dataPlane.sync(tableOf(web, other));
    await inOrder([0, 1, 2, 3]);
    await connect(0, 4, 8081);
    assert.equal(remembered(), 5);
    await dataPlane.apply({ set: [], remove: [virtualPortKey(web)] });
    assert.equal(remembered(), 1);
    await dataPlane[Symbol.asyncDispose]();
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
    await dataPlane.sync(tableOf({ ...other, balance: "random" }));
    await dataPlane.countClients();
    assert.equal(remembered(), 0);
  });

  test("node ports and clients outside among their own endpoints", async () => {
    const to = { ...port(4, lab.backends), address: NODE_ADDRESS[4], port: 30_080 };
    const inside = port(4, lab.backends);
    await dataPlane.sync(tableOf(inside, { ...to, external: port(4, lab.backends.slice(0, 2)) }));
    const got: string[] = [];
    for (let n = 0; n < 6; n++)
      got.push(
        (
          await lab.client.connect({
            host: lab.node.address4,
            port: 30_080,
            localAddress: clientAddress(4, n),
          })
        ).from,
      );
    assert.deepEqual(countsOf(got), { b1: 3, b2: 3 });
    assert.deepEqual(countsOf(await inOrder([0, 1, 2, 3])), { b1: 1, b2: 1, b3: 1, b4: 1 });
  });

  test("1,000 clients at once, while an endpoint leaves and returns: at most one more than another", async () => {
    const all = port(4, lab.backends);
    await dataPlane.sync(tableOf(all));
    const wave = async (from: number, count: number): Promise<string[]> => {
      const got: string[] = [];
      let next = from;
      const one = async (): Promise<void> => {
        while (next < from + count) got.push(await connect(next++));
      };
      await Promise.all(Array.from({ length: 32 }, one));
      return got;
    };
    const spread = (): number[] => {
      const names = new Map<string, number>();
      for (const { data } of kernel.elements({ ...OURS, name: "clients4" })) {
        const name = Buffer.from(data!).toString("hex");
        names.set(name, (names.get(name) ?? 0) + 1);
      }
      return [...names.values()].sort((a, b) => a - b);
    };
    assert.deepEqual(countsOf(await wave(0, 1000)), { b1: 250, b2: 250, b3: 250, b4: 250 });
    await dataPlane.apply({ set: [port(4, lab.backends.slice(1))], remove: [] });
    await wave(0, 1000);
    assert.deepEqual(spread(), [333, 333, 334]);
    await dataPlane.apply({ set: [all], remove: [] });
    const returned = await wave(1000, 500);
    const after = spread();
    assert.equal(after.length, 4);
    assert.ok(after[3]! - after[0]! <= 1, `${after.join(" ")}, ${JSON.stringify(countsOf(returned))}`);
  });

  /** Clients in each endpoint, most first: as counted, and in the kernel's map. */
  const most = (counts: readonly number[]): string => [...counts].sort((a, b) => b - a).join(" ");
  const counted = (): number[] => dataPlane.readClients().map(({ clients }) => clients);
  const inMap = (): number[] => {
    const names = kernel
      .elements({ ...OURS, name: "clients4" })
      .map(({ data }) => Buffer.from(data!).toString("hex"));
    return [...Object.values(countsOf(names)), 0, 0, 0, 0].slice(0, 4);
  };

  for (const [affinity, what] of [
    [600, "come, go and change endpoints"],
    [1, "are forgotten all the time"],
  ] as const)
    test(`counts stay what the kernel's map says, of thousands of clients that ${what}`, async () => {
      const web = (hosts: readonly LabHost[]): VirtualPort => port(4, hosts, { affinity });
      await dataPlane.sync(tableOf(web(lab.backends)));
      const random = seededRandom(7);
      const someone = (): number => Math.floor(random() * 2000);
      const started = performance.now();
      let connections = 0;
      // A machine that does much else is given the time that it takes.
      const isOver = (): boolean => {
        const took = performance.now() - started;
        return (took > 3000 && connections > 1000) || took > 60_000;
      };
      const come = async (): Promise<void> => {
        for (; !isOver(); connections++) await connect(someone());
      };
      const change = async (): Promise<void> => {
        while (!isOver()) {
          await delay(50);
          await dataPlane.apply({ set: [web(lab.backends.filter(() => random() < 0.8))], remove: [] });
          dataPlane.forgetClients(Array.from({ length: 20 }, () => clientAddress(4, someone())));
        }
      };
      await Promise.all([...Array.from({ length: 24 }, come), change()]);
      await dataPlane.apply({ set: [web(lab.backends)], remove: [] });
      assert.ok(connections > 1000, `${connections} connections`);
      if (affinity > 10) {
        assert.ok(counted().some((clients) => clients > 100));
        assert.equal(most(counted()), most(inMap()), `${connections} connections`);
        return;
      }
      // Who is gone is noticed within two seconds.
      const deadline = performance.now() + 3500;
      while ([...counted(), ...inMap()].some((clients) => clients > 0)) {
        assert.ok(performance.now() < deadline, `${counted().join()} counted, ${inMap().join()} in the map`);
        await delay(50);
      }
    });
});
