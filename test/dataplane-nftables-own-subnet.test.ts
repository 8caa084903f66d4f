/**
 * Virtual addresses in the subnet of a bridge that clients and backends are on themselves: for these they are neighbours,
 * and the host answers for them. A node with two bridges, as Docker makes them, in a namespace.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { cidr, formatIp, ip } from "../src/base/ip.ts";
import type { NftablesDataPlaneControls } from "../src/dataplane/nftables/controls.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { ROUTE_PROTOCOL } from "../src/dataplane/nftables/route.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { readSysctl } from "../src/sys/sysctl.ts";
import { needsNetns } from "./lab/netns.ts";
import type { LabHost, NftablesLab } from "./lab/nftables-lab.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";

/** On the bridge br-vip, with its gateway at .1: the client, and one of the backends. */
const VIP = { 4: "100.1.1.3", 6: "fd64:1::3" } as const;
const CLIENT = { 4: "100.1.1.130", 6: "fd64:1::130" } as const;
const NEIGHBOUR = { 4: "100.1.1.131", 6: "fd64:1::131" } as const;
const GATEWAY = { 4: "100.1.1.1", 6: "fd64:1::1" } as const;
const BRIDGE = { name: "br-vip", subnets: ["100.1.1.0/24", "fd64:1::/64"] };
const AT_ONCE = 500;
/** linux/if_addr.h. */
const IFA_F_TENTATIVE = 0x40;

type Version = 4 | 6;

describe("virtual addresses in the subnet of a bridge", { skip: needsNetns() }, () => {
  let lab: NftablesLab;
  let plane: NftablesDataPlaneControls;
  let routes: RouteSocket;

  before(async () => {
    lab = await nftablesLab(2);
    const { node, client, backends } = lab;
    routes = await RouteSocket.open({ netns: node.netns });
    callInNetns(node.netns, () => {
      for (const setting of ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"])
        if (existsSync(`/proc/sys/net/bridge/${setting}`))
          writeFileSync(`/proc/sys/net/bridge/${setting}`, "0");
    });
    routes.createLink({ kind: "bridge", name: BRIDGE.name, up: true });
    routes.addAddress(BRIDGE.name, ip(GATEWAY[4]), 24);
    routes.addAddress(BRIDGE.name, ip(GATEWAY[6]), 64);
    const members = [
      ["client", client, CLIENT],
      ["b2", backends[1]!, NEIGHBOUR],
    ] as const;
    for (const [port, host, addresses] of members) {
      for (const { address, prefixLength, scope } of routes
        .addresses()
        .filter(({ link }) => link === routes.linkIndex(port)))
        if (scope === 0) routes.deleteAddress(port, address, prefixLength);
      routes.setLink(port, { master: routes.linkIndex(BRIDGE.name) });
      using inside = await RouteSocket.open({ netns: host.netns });
      for (const { address, prefixLength, scope, link } of inside.addresses())
        if (scope === 0 && link === inside.linkIndex("eth0"))
          inside.deleteAddress("eth0", address, prefixLength);
      inside.addAddress("eth0", ip(addresses[4]), 24);
      inside.addAddress("eth0", ip(addresses[6]), 64);
      for (const [range, gateway] of [
        ["0.0.0.0/0", GATEWAY[4]],
        ["::/0", GATEWAY[6]],
      ] as const)
        inside.replaceRoute({ destination: cidr(range), gateway: ip(gateway) });
    }
    await untilTested();
    plane = await createNftablesDataPlane({ netns: node.netns });
    await plane.setMasqueradeBridges([[BRIDGE.name, BRIDGE.name]]);
    await plane.sync(tableOf());
    await plane.setLocalBridges([BRIDGE]);
  });
  after(async () => {
    await plane?.[Symbol.asyncDispose]();
    routes?.[Symbol.dispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  /** Neighbours are asked for from link-local addresses, which are tested for duplicates for a second first. */
  async function untilTested(): Promise<void> {
    const deadline = performance.now() + 5000;
    while (routes.addresses(6).some(({ flags }) => (flags & IFA_F_TENTATIVE) !== 0)) {
      assert.ok(performance.now() < deadline, "addresses stay tentative");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  function tableOf(...ports: VirtualPort[]): ServiceTable {
    return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges: ["10.96.0.0/16"] };
  }
  function port(version: Version, protocol: "TCP" | "UDP", ...backends: string[]): VirtualPort {
    return {
      service: "default/web",
      portName: "",
      type: "ClusterIP",
      address: VIP[version],
      protocol,
      port: 8080,
      backends: backends.map((address) => ({ address, port: 80, local: true })),
    };
  }
  /** Whether the client gets a link-layer address for `address`, asked anew. */
  async function isAnswered(version: Version, address: string): Promise<boolean> {
    using inside = await RouteSocket.open({ netns: lab.client.netns });
    execFileSync("ip", ["-n", lab.client.netns, "neigh", "flush", "dev", "eth0"]);
    await lab.client.connect({ host: address, port: 9, timeout: 700 });
    const text = formatIp(ip(address));
    return inside.neighbours(version).some((one) => formatIp(one.address) === text && one.mac !== undefined);
  }
  const proxies = (): string[] =>
    ([4, 6] as const).flatMap((version) =>
      routes.proxies(version).map(({ address, protocol }) => `${formatIp(address)} ${protocol}`),
    );
  const ownRoutes = (): string[] =>
    routes
      .routes({ family: 4, protocol: ROUTE_PROTOCOL })
      .map(
        ({ destination, source }) =>
          `${formatIp(destination.base)} ${source === undefined ? "" : formatIp(source)}`,
      );

  for (const version of [4, 6] as const) {
    const elsewhere = (): string => (version === 4 ? lab.backends[0]!.address4 : lab.backends[0]!.address6);
    const attempt = (from: LabHost, protocol: "TCP" | "UDP", number = 8080) => {
      const to = { host: VIP[version], port: number };
      return protocol === "TCP" ? from.connect(to) : from.datagram(to);
    };

    for (const protocol of ["TCP", "UDP"] as const)
      test(`IPv${version} ${protocol}: reached at once from the bridge, from another network, from the host and from a backend`, async () => {
        const web = port(version, protocol, elsewhere());
        await plane.apply({ set: [web], remove: [] });
        execFileSync("ip", ["-n", lab.client.netns, "neigh", "flush", "dev", "eth0"]);
        const rows = [
          ["a neighbour", lab.client, CLIENT[version]],
          ["another network, its backend itself", lab.backends[0]!, undefined],
          ["the host", lab.node, GATEWAY[version]],
        ] as const;
        for (const [who, from, seen] of rows) {
          const answer = await attempt(from, protocol);
          assert.equal(answer.from, "b1", who);
          assert.ok(answer.milliseconds < AT_ONCE, `${who}: ${answer.milliseconds} ms`);
          if (seen !== undefined) assert.equal(answer.seen, seen, who);
        }
        // A backend that is the client's neighbour: without br_netfilter answers would bypass the host.
        await plane.apply({
          set: [{ ...web, backends: [{ address: NEIGHBOUR[version], port: 80, local: true }] }],
          remove: [],
        });
        for (const from of [lab.client, lab.backends[1]!, lab.backends[0]!, lab.node])
          assert.equal((await attempt(from, protocol)).from, "b2");
        await plane.apply({ set: [], remove: [virtualPortKey(web)] });
      });

    test(`IPv${version}: what is not served there is refused at once, and afterwards nobody answers for the address`, async () => {
      const empty = port(version, "TCP");
      await plane.apply({ set: [empty], remove: [] });
      for (const from of [lab.client, lab.backends[0]!, lab.backends[1]!, lab.node])
        for (const number of [8080, 22]) {
          const { from: answer, milliseconds } = await attempt(from, "TCP", number);
          assert.equal(answer, "ECONNREFUSED");
          assert.ok(milliseconds < AT_ONCE, `${milliseconds} ms`);
        }
      assert.equal(await isAnswered(version, VIP[version]), true);
      await plane.apply({ set: [], remove: [virtualPortKey(empty)] });
      assert.equal(await isAnswered(version, VIP[version]), false);
      assert.deepEqual([proxies(), ownRoutes().length], [[], 1], "but for the range's route");
    });
  }

  test("it follows bridges and addresses, and is adopted by the next process", async () => {
    const [web, external, own] = [
      port(4, "TCP"),
      { ...port(4, "UDP"), type: "ExternalIP", address: "100.1.1.2", port: 53 },
      { ...port(4, "TCP"), type: "ExternalIP", address: GATEWAY[4], port: 53 },
    ] as const;
    await plane.apply({ set: [web, external, own], remove: [] });
    assert.deepEqual(proxies().sort(), ["100.1.1.2 170", "100.1.1.3 170"], "not for the host's own address");
    assert.deepEqual(ownRoutes().sort(), ["10.96.0.0 ", "100.1.1.2 100.1.1.1", "100.1.1.3 100.1.1.1"]);
    assert.equal(readSysctl("net/ipv4/neigh/br-vip/proxy_delay", lab.node.netns), "0");

    await plane.setLocalBridges([]);
    assert.deepEqual([proxies(), ownRoutes()], [[], ["10.96.0.0 "]]);
    assert.notEqual(readSysctl("net/ipv4/neigh/br-vip/proxy_delay", lab.node.netns), "0");
    await plane.setLocalBridges([BRIDGE]);
    assert.equal(proxies().length, 2);

    // The kernel forgets both with the interface's being up.
    routes.setLink(BRIDGE.name, { up: false });
    assert.deepEqual(proxies(), []);
    routes.setLink(BRIDGE.name, { up: true });
    const deadline = performance.now() + 2000;
    while (proxies().length < 2 || ownRoutes().length < 3) {
      assert.ok(performance.now() < deadline, `${proxies().join()}; ${ownRoutes().join()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }

    const table = tableOf(web, external, own);
    await using next = await createNftablesDataPlane({
      netns: lab.node.netns,
      masqueradeBridges: [[BRIDGE.name, BRIDGE.name]],
    });
    assert.equal((await next.sync(table)).written, 0, "before it knows the bridges");
    assert.equal(proxies().length, 2);
    await next.setLocalBridges([BRIDGE]);
    assert.equal((await next.sync(table)).written, 0, "nothing has changed");
    await next.apply({ set: [], remove: [virtualPortKey(external), virtualPortKey(web)] });
    assert.deepEqual([proxies(), ownRoutes()], [[], ["10.96.0.0 "]]);
    await next.apply({ set: [web], remove: [] });
    await next.cleanup();
    assert.deepEqual([proxies(), ownRoutes()], [[], []]);
  });

  test("the ways of many addresses are made in turns, and what changes meanwhile counts", async () => {
    const addresses = Array.from({ length: 200 }, (_, n) => `100.1.1.${n + 20}`);
    const many = addresses.map((address) => ({ ...port(4, "TCP"), address }));
    await plane.setLocalBridges([]);
    await plane.sync(tableOf(...many));
    assert.deepEqual(
      [proxies(), ownRoutes().length],
      [[], 1],
      "the bridge leads there, for all that is known",
    );
    const remove = many.slice(0, 100).map(virtualPortKey);
    const late = { ...port(4, "TCP"), address: "100.1.1.250" };
    await Promise.all([
      plane.setLocalBridges([BRIDGE]),
      plane.apply({ set: [late], remove }),
      plane.setLocalBridges([]),
      plane.setLocalBridges([BRIDGE]),
    ]);
    const left = [...addresses.slice(100), late.address];
    assert.deepEqual(proxies().sort(), left.map((address) => `${address} 170`).sort());
    const routed = left.map((address) => `${address} ${GATEWAY[4]}`);
    assert.deepEqual(ownRoutes().sort(), ["10.96.0.0 ", ...routed].sort());
    await plane.sync(tableOf());
    assert.deepEqual([proxies(), ownRoutes()], [[], ["10.96.0.0 "]]);
  });

  for (const version of [4, 6] as const)
    test(`IPv${version}: an address that a neighbour had a moment ago is reached at once, and the other way round`, async () => {
      const address = version === 4 ? "100.1.1.50" : "fd64:1::50";
      const prefix = version === 4 ? 24 : 64;
      const elsewhere = version === 4 ? lab.backends[0]!.address4 : lab.backends[0]!.address6;
      const web = { ...port(version, "TCP", elsewhere), address, port: 80 };
      // An interface that was down has lost its addresses of IPv6.
      routes.addAddress(BRIDGE.name, ip(GATEWAY[version]), prefix);
      await untilTested();
      using neighbour = await RouteSocket.open({ netns: lab.backends[1]!.netns });
      for (let round = 0; round < 2; round++) {
        neighbour.addAddress("eth0", ip(address), prefix);
        assert.equal((await lab.client.connect({ host: address, port: 80 })).from, "b2");
        neighbour.deleteAddress("eth0", ip(address), prefix);
        // A container takes its interface along.
        routes.setLink("b2", { up: false });
        await plane.apply({ set: [web], remove: [] });
        const answer = await lab.client.connect({ host: address, port: 80 });
        assert.equal(answer.from, "b1");
        assert.ok(answer.milliseconds < AT_ONCE, `${answer.milliseconds} ms`);
        routes.setLink("b2", { up: true });
        await plane.apply({ set: [], remove: [virtualPortKey(web)] });
      }
    });
});
