/** The nftables data plane with real sockets through a real kernel: client, node and backends in namespaces. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { cidr, ip } from "../src/base/ip.ts";
import type { NftablesDataPlaneControls } from "../src/dataplane/nftables/controls.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { needsNetns } from "./lab/netns.ts";
import type { LabHost, NftablesLab } from "./lab/nftables-lab.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";
import { nft, nftLines } from "./lab/nft.ts";

const RANGES = ["100.64.0.0/16", "fd64::/112"];
/** One virtual address of each family. */
const VIP = { 4: "100.64.0.10", 6: "fd64::10" } as const;
const UNALLOCATED = { 4: "100.64.9.9", 6: "fd64::99" } as const;
/** An answer that needs no time-out comes at once; a machine under load may still stall for a while. */
const AT_ONCE = 1000;

type Version = 4 | 6;

function virtualPort(
  version: Version,
  protocol: "TCP" | "UDP",
  backends: readonly LabHost[],
  address: string = VIP[version],
): VirtualPort {
  return {
    service: "default/web",
    portName: "",
    address,
    // The node's own, where it is not the cluster IP.
    type: address === VIP[version] ? "ClusterIP" : "ExternalIP",
    protocol,
    port: 8080,
    backends: backends.map((host) => ({
      address: version === 4 ? host.address4 : host.address6,
      port: 80,
      local: true,
    })),
  };
}

function tableOf(...ports: VirtualPort[]): ServiceTable {
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges: RANGES };
}

describe("nftables data plane", { skip: needsNetns() }, () => {
  let lab: NftablesLab;
  let dataPlane: NftablesDataPlaneControls;

  before(async () => {
    lab = await nftablesLab(3);
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
  });
  after(async () => {
    await dataPlane[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  for (const version of [4, 6] as const) {
    const host = VIP[version];
    const own = (peer: LabHost): string => (version === 4 ? peer.address4 : peer.address6);

    describe(`IPv${version}`, () => {
      test("connections are spread evenly, and backends see the client's own address", async () => {
        await dataPlane.sync(tableOf(virtualPort(version, "TCP", lab.backends)));
        const count = 3000;
        const counts = await lab.client.connectMany({ host, port: 8080, count });
        assert.deepEqual(Object.keys(counts).sort(), ["b1", "b2", "b3"]);
        // Binomial: six standard deviations are missed once in 500 million runs.
        const sigma = Math.sqrt((count * 2) / 9);
        for (const [name, connections] of Object.entries(counts))
          assert.ok(Math.abs(connections - count / 3) < 6 * sigma, `${name} got ${connections} of ${count}`);
        const { seen } = await lab.client.connect({ host, port: 8080 });
        assert.equal(seen, own(lab.client));
      });

      test("the client's address is kept although somebody else masquerades what leaves the node", async () => {
        await dataPlane.sync(tableOf(virtualPort(version, "TCP", lab.backends)));
        nft(lab.node.netns, "add table inet others");
        nft(
          lab.node.netns,
          "add chain inet others post { type nat hook postrouting priority srcnat; policy accept; }",
        );
        nft(lab.node.netns, "add rule inet others post masquerade");
        const translated = await lab.client.connect({ host, port: 8080 });
        const direct = await lab.client.connect({ host: own(lab.backends[0]!), port: 80 });
        nft(lab.node.netns, "delete table inet others");
        assert.equal(translated.seen, own(lab.client));
        assert.notEqual(direct.seen, own(lab.client), "a connection that is not ours is masqueraded");
      });

      for (const protocol of ["TCP", "UDP"] as const) {
        const attempt = (from: LabHost, to: { host: string; port: number }) =>
          protocol === "TCP" ? from.connect(to) : from.datagram(to);

        test(`${protocol}: a port without endpoints, an unserved port and an unallocated address are refused at once`, async () => {
          await dataPlane.sync(tableOf(virtualPort(version, protocol, [])));
          for (const to of [
            { host, port: 8080 },
            { host, port: 9999 },
            { host: UNALLOCATED[version], port: 8080 },
          ]) {
            const answer = await attempt(lab.client, to);
            assert.equal(answer.from, "ECONNREFUSED", `${to.host} ${to.port}`);
            assert.ok(answer.milliseconds < AT_ONCE, `${answer.milliseconds} ms`);
          }
        });

        test(`${protocol}: a virtual address outside the ranges is refused only on its own port without endpoints`, async () => {
          const outside = own(lab.node);
          await dataPlane.sync(tableOf(virtualPort(version, protocol, [], outside)));
          const refused = await attempt(lab.client, { host: outside, port: 8080 });
          assert.equal(refused.from, "ECONNREFUSED");
          await lab.node.listen({ port: protocol === "TCP" ? 7000 + version : 7100 + version, name: "node" });
          const other = await attempt(lab.client, {
            host: outside,
            port: protocol === "TCP" ? 7000 + version : 7100 + version,
          });
          assert.equal(other.from, "node");
          await dataPlane.sync(tableOf(virtualPort(version, protocol, lab.backends.slice(0, 1), outside)));
          const served = await attempt(lab.client, { host: outside, port: 8080 });
          assert.deepEqual([served.from, served.seen], ["b1", own(lab.client)]);
        });

        test(`${protocol}: an endpoint may have the address and port of a service without endpoints`, async () => {
          const outside = own(lab.node);
          const port = protocol === "TCP" ? 7200 + version : 7300 + version;
          await lab.node.listen({ port, name: "node" });
          const closed = { ...virtualPort(version, protocol, [], outside), service: "default/closed", port };
          const web = { ...virtualPort(version, protocol, []), backends: [{ address: outside, port }] };
          await dataPlane.sync(tableOf(web, closed));
          // A UDP socket that is bound to no address answers each peer from the address that is nearest to it.
          const clients = protocol === "TCP" ? [lab.client, lab.backends[0]!, lab.node] : [lab.client];
          for (const from of clients) assert.equal((await attempt(from, { host, port: 8080 })).from, "node");
          assert.equal((await attempt(lab.client, { host: outside, port })).from, "ECONNREFUSED");
        });

        test(`${protocol}: a backend reaches its own virtual address`, async () => {
          await dataPlane.sync(tableOf(virtualPort(version, protocol, lab.backends.slice(0, 1))));
          const answer = await attempt(lab.backends[0]!, { host, port: 8080 });
          assert.equal(answer.from, "b1");
          assert.notEqual(answer.seen, own(lab.backends[0]!));
        });

        test(`${protocol}: the node itself reaches a virtual address that it has no route to`, async () => {
          await dataPlane.sync(tableOf(virtualPort(version, protocol, lab.backends.slice(0, 1))));
          assert.equal((await attempt(lab.node, { host, port: 8080 })).from, "b1");
          const { from, milliseconds } = await attempt(lab.node, { host, port: 9999 });
          // For UDP, the kernel reports a packet dropped in the output hook as EPERM, before the ICMP error arrives.
          assert.ok(from === "ECONNREFUSED" || (protocol === "UDP" && from === "EPERM"), from);
          assert.ok(milliseconds < AT_ONCE);
        });

        test(`${protocol}: a removed endpoint gets nothing new from the moment that apply resolves`, async () => {
          const port = virtualPort(version, protocol, lab.backends);
          await dataPlane.sync(tableOf(port));
          await dataPlane.apply({ set: [{ ...port, backends: port.backends.slice(1) }], remove: [] });
          for (let attempts = 0; attempts < 100; attempts++)
            assert.notEqual((await attempt(lab.client, { host, port: 8080 })).from, "b1");
          await dataPlane.apply({ set: [], remove: [virtualPortKey(port)] });
          assert.equal((await attempt(lab.client, { host, port: 8080 })).from, "ECONNREFUSED");
        });
      }

      test("an established TCP connection outlives the removal of its endpoint", async () => {
        const port = virtualPort(version, "TCP", lab.backends.slice(0, 1));
        await dataPlane.sync(tableOf(port));
        const { connection, from } = await lab.client.open({ host, port: 8080 });
        assert.equal(from, "b1");
        await dataPlane.apply({ set: [virtualPort(version, "TCP", lab.backends.slice(1))], remove: [] });
        assert.equal(await lab.client.exchange({ connection, text: "still there" }), "still there");
        await dataPlane.apply({ set: [], remove: [virtualPortKey(port)] });
        assert.equal(await lab.client.exchange({ connection, text: "and now" }), "and now");
      });

      test("a UDP flow from a fixed port moves at once when its endpoint is removed", async () => {
        const localPort = 40_000 + version;
        await dataPlane.sync(tableOf(virtualPort(version, "UDP", lab.backends.slice(0, 1))));
        assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "b1");
        const removed = performance.now();
        await dataPlane.apply({ set: [virtualPort(version, "UDP", lab.backends.slice(1, 2))], remove: [] });
        assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "b2");
        assert.ok(performance.now() - removed < AT_ONCE);
        await dataPlane.apply({ set: [virtualPort(version, "UDP", [])], remove: [] });
        assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "ECONNREFUSED");
        await dataPlane.apply({ set: [virtualPort(version, "UDP", lab.backends.slice(2))], remove: [] });
        assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "b3");
      });

      test("a UDP flow to a service that was removed while nobody was there is cut by the next start", async () => {
        const localPort = 42_000 + version;
        await dataPlane.cleanup();
        {
          await using before = await createNftablesDataPlane({ netns: lab.node.netns });
          await before.sync(tableOf(virtualPort(version, "UDP", lab.backends.slice(0, 1))));
          assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "b1");
        }
        await using restarted = await createNftablesDataPlane({ netns: lab.node.netns });
        await restarted.sync(tableOf());
        assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "ECONNREFUSED");
      });

      test("a UDP flow that went past us while nothing was programmed is taken over", async () => {
        const localPort = 41_000 + version;
        await dataPlane.cleanup();
        const lost = lab.client.datagram({ host, port: 8080, localPort });
        assert.notEqual((await lost).from, "b1");
        await dataPlane.sync(tableOf(virtualPort(version, "UDP", lab.backends.slice(0, 1))));
        assert.equal((await lab.client.datagram({ host, port: 8080, localPort })).from, "b1");
      });
    });
  }

  test("connections between interfaces that are told to be bridges are masqueraded from then on", async () => {
    await dataPlane.sync(tableOf(virtualPort(4, "TCP", lab.backends.slice(0, 1))));
    const seen = async (): Promise<string | undefined> =>
      (await lab.client.connect({ host: VIP[4], port: 8080 })).seen;
    assert.equal(await seen(), lab.client.address4);
    await dataPlane.setMasqueradeBridges([
      ["client", "b1"],
      ["br-none", "br-none"],
    ]);
    assert.notEqual(await seen(), lab.client.address4);
    const names = nft(lab.node.netns, "list set inet fairlead bridges");
    assert.match(names, /"client" \. "b1"/);
    assert.match(names, /"br-none" \. "br-none"/);
    await dataPlane.setMasqueradeBridges([["br-none", "br-none"]]);
    assert.equal(await seen(), lab.client.address4);
    await dataPlane.setMasqueradeBridges([]);
    assert.doesNotMatch(nft(lab.node.netns, "list set inet fairlead bridges"), /elements/);
  });

  test("a client on the endpoint's own bridge, without br_netfilter, is answered once the bridge is told", async () => {
    await using bridged = await nftablesLab(1);
    const { node, client, backends } = bridged;
    callInNetns(node.netns, () => {
      for (const setting of ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"])
        if (existsSync(`/proc/sys/net/bridge/${setting}`))
          writeFileSync(`/proc/sys/net/bridge/${setting}`, "0");
    });
    using routes = await RouteSocket.open({ netns: node.netns });
    routes.createLink({ kind: "bridge", name: "br0", up: true });
    routes.addAddress("br0", ip("198.51.100.1"), 24);
    for (const port of ["client", "b1"]) routes.setLink(port, { master: routes.linkIndex("br0") });
    for (const [host, address] of [
      [client, "198.51.100.2"],
      [backends[0]!, "198.51.100.3"],
    ] as const) {
      using inside = await RouteSocket.open({ netns: host.netns });
      inside.addAddress("eth0", ip(address), 24);
      inside.addRoute({ destination: cidr(RANGES[0]!), gateway: ip("198.51.100.1") });
    }
    await using plane = await createNftablesDataPlane({ netns: node.netns });
    const web = {
      ...virtualPort(4, "TCP", []),
      backends: [{ address: "198.51.100.3", port: 80, local: true }],
    };
    await plane.sync(tableOf(web));
    const attempt = () => client.connect({ host: VIP[4], port: 8080 });
    assert.equal((await attempt()).from, "timeout", "the answer bypasses the node");
    await plane.setMasqueradeBridges([["br0", "br0"]]);
    const { from, seen } = await attempt();
    assert.deepEqual([from, seen], ["b1", "198.51.100.1"]);
  });

  test("no connection fails while the set of endpoints changes all the time", async () => {
    const two = virtualPort(4, "TCP", lab.backends.slice(0, 2));
    const three = virtualPort(4, "TCP", lab.backends);
    await dataPlane.sync(tableOf(three));
    const client = { isDone: false };
    let changes = 0;
    const connecting = lab.client.connectMany({ host: VIP[4], port: 8080, count: 3000 }).finally(() => {
      client.isDone = true;
    });
    for (; !client.isDone; changes++) {
      await dataPlane.apply({ set: [changes % 2 === 0 ? two : three], remove: [] });
      await new Promise(setImmediate);
    }
    assert.deepEqual(Object.keys(await connecting).sort(), ["b1", "b2", "b3"]);
    assert.ok(changes > 100, `${changes} changes`);
  });

  test("cleanup leaves nothing behind", async () => {
    await dataPlane.sync(tableOf(virtualPort(4, "TCP", lab.backends)));
    await dataPlane.cleanup();
    assert.deepEqual(nftLines(lab.node.netns, "list ruleset"), []);
    await dataPlane.cleanup();
  });
});
