/** Node ports, traffic policies, source ranges and source addresses with real packets through a real kernel. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ip } from "../src/base/ip.ts";
import type { NftablesDataPlaneControls } from "../src/dataplane/nftables/controls.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { Backend, ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { NODE_ADDRESS, virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { readSysctl, writeSysctl } from "../src/sys/sysctl.ts";
import { RawSocket } from "../src/sys/raw-socket.ts";
import { encodePacket } from "../src/dataplane/fake/packet.ts";
import { needsNetns } from "./lab/netns.ts";
import type { LabHost, NftablesLab } from "./lab/nftables-lab.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";
import { nft } from "./lab/nft.ts";

type Version = 4 | 6;
type Protocol = "TCP" | "UDP";

const RANGES = ["100.64.0.0/16", "fd64::/112"];
const PODS = ["10.1.0.0/16", "2001:db8:2::/48"];
const VIP = { 4: "100.64.0.10", 6: "fd64::10" } as const;
/** An address of the node that no network has but its own. */
const ANOTHER = { 4: "203.0.113.77", 6: "2001:db8:77::1" } as const;
const NODE_PORT = 30_080;
const AT_ONCE = 1000;
const ROUTE_LOCALNET = "net/ipv4/conf/all/route_localnet";

describe("node ports, policies and sources", { skip: needsNetns() }, () => {
  let lab: NftablesLab;
  let dataPlane: NftablesDataPlaneControls;

  before(async () => {
    lab = await nftablesLab(2);
    using routes = await RouteSocket.open({ netns: lab.node.netns });
    for (const version of [4, 6] as const)
      routes.addAddress("lo", ip(ANOTHER[version]), version === 4 ? 32 : 128);
    dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
  });
  after(async () => {
    await dataPlane[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await dataPlane.sync(tableOf());
  });

  const own = (host: LabHost, version: Version): string => (version === 4 ? host.address4 : host.address6);
  const backend = (version: Version, host: LabHost, rest: Partial<Backend> = { local: true }): Backend => ({
    address: own(host, version),
    port: 80,
    ...rest,
  });

  function virtualPort(
    version: Version,
    protocol: Protocol,
    hosts: readonly LabHost[],
    rest: Partial<VirtualPort> = {},
  ): VirtualPort {
    const backends = hosts.map((host) => backend(version, host));
    return {
      service: "default/web",
      portName: "",
      address: VIP[version],
      protocol,
      port: 8080,
      backends,
      ...rest,
    };
  }
  const nodePort = (
    version: Version,
    protocol: Protocol,
    hosts: readonly LabHost[],
    rest: Partial<VirtualPort> = {},
  ): VirtualPort =>
    virtualPort(version, protocol, hosts, {
      type: "NodePort",
      address: NODE_ADDRESS[version],
      port: NODE_PORT,
      ...rest,
    });
  const tableOf = (...ports: VirtualPort[]): ServiceTable => ({
    ports: new Map(ports.map((port) => [virtualPortKey(port), port])),
    ranges: RANGES,
    podRanges: PODS,
  });
  const attempt = (protocol: Protocol, from: LabHost, to: { host: string; port: number; timeout?: number }) =>
    protocol === "TCP" ? from.connect(to) : from.datagram(to);
  /** What is dropped is not answered within this time; all else is within milliseconds. */
  const unanswered = async (protocol: Protocol, from: LabHost, to: { host: string; port: number }) =>
    assert.equal((await attempt(protocol, from, { ...to, timeout: 300 })).from, "timeout");

  for (const version of [4, 6] as const)
    for (const protocol of ["TCP", "UDP"] as const)
      describe(`IPv${version}, ${protocol}`, () => {
        const loopback = version === 4 ? ["127.0.0.1", "127.5.6.7"] : [];

        test("a node port is on every address of the node, for others, the node itself and the endpoint", async () => {
          await dataPlane.sync(tableOf(nodePort(version, protocol, lab.backends.slice(0, 1))));
          const addresses = [own(lab.node, version), ANOTHER[version]];
          for (const from of [lab.client, lab.node, ...lab.backends])
            for (const host of [...addresses, ...(from === lab.node ? loopback : [])]) {
              const answer = await attempt(protocol, from, { host, port: NODE_PORT });
              assert.equal(answer.from, "b1", `from ${from.netns} to ${host}`);
              if (from === lab.client) assert.equal(answer.seen, own(lab.client, version));
              if (from === lab.backends[0]) assert.notEqual(answer.seen, own(from, version));
            }
        });

        test("nothing else of the node's addresses is touched, and no virtual address has node ports", async () => {
          const port = 7400 + version + (protocol === "TCP" ? 0 : 50);
          await lab.node.listen({ port, name: "node" });
          await dataPlane.sync(
            tableOf(nodePort(version, protocol, lab.backends), virtualPort(version, protocol, lab.backends)),
          );
          const mine = await attempt(protocol, lab.client, { host: own(lab.node, version), port });
          assert.equal(mine.from, "node");
          const virtual = await attempt(protocol, lab.client, { host: VIP[version], port: NODE_PORT });
          assert.equal(virtual.from, "ECONNREFUSED");
          const elsewhere = { host: own(lab.backends[0]!, version), port: NODE_PORT };
          assert.equal((await attempt(protocol, lab.client, elsewhere)).from, "ECONNREFUSED");
        });

        test("a virtual address that is the node's own keeps its ports from the node port of the same number", async () => {
          const external = virtualPort(version, protocol, [], {
            address: ANOTHER[version],
            port: NODE_PORT,
            type: "ExternalIP",
          });
          await dataPlane.sync(tableOf(nodePort(version, protocol, lab.backends), external));
          const to = { host: ANOTHER[version], port: NODE_PORT };
          assert.equal((await attempt(protocol, lab.client, to)).from, "ECONNREFUSED");
          const node = { host: own(lab.node, version), port: NODE_PORT };
          assert.match((await attempt(protocol, lab.client, node)).from, /^b/);
        });

        test("a node port without endpoints is refused at once, or dropped where the policy says so", async () => {
          await dataPlane.sync(tableOf(nodePort(version, protocol, [])));
          for (const host of [own(lab.node, version), ANOTHER[version]]) {
            const { from, milliseconds } = await attempt(protocol, lab.client, { host, port: NODE_PORT });
            assert.equal(from, "ECONNREFUSED");
            assert.ok(milliseconds < AT_ONCE, `${milliseconds} ms`);
          }
          const before = dataPlane.readCounters();
          assert.ok(before.refused >= 2, `${before.refused}`);
          await dataPlane.apply({
            set: [nodePort(version, protocol, [], { whenEmpty: "drop" })],
            remove: [],
          });
          const to = { host: own(lab.node, version), port: NODE_PORT };
          await unanswered(protocol, lab.client, to);
          assert.ok(dataPlane.readCounters().discarded > before.discarded);
          assert.equal(dataPlane.readCounters().refused, before.refused);
        });

        test("policy Local: clients outside get the endpoints here, or no answer; pods and the node get all", async () => {
          const [here, there] = lab.backends as [LabHost, LabHost];
          for (const make of [nodePort, virtualPort] as const) {
            const all = { backends: [backend(version, there, {})] };
            const port = make(version, protocol, [], {
              ...all,
              external: { backends: [backend(version, here)] },
            });
            await dataPlane.sync(tableOf(port));
            const to = {
              host: make === nodePort ? own(lab.node, version) : VIP[version],
              port: port.port,
            };
            const outside = await attempt(protocol, lab.client, to);
            assert.deepEqual([outside.from, outside.seen], ["b1", own(lab.client, version)]);
            for (const from of [lab.node, here, there]) {
              const inside = await attempt(protocol, from, to);
              assert.equal(inside.from, "b2");
              if (from === here) assert.notEqual(inside.seen, own(here, version));
            }
            const none = { ...port, external: { backends: [], whenEmpty: "drop" as const } };
            await dataPlane.apply({ set: [none], remove: [] });
            await unanswered(protocol, lab.client, to);
            assert.equal((await attempt(protocol, lab.node, to)).from, "b2");
            await dataPlane.apply({ set: [{ ...port, external: { backends: [] } }], remove: [] });
            assert.equal((await attempt(protocol, lab.client, to)).from, "ECONNREFUSED");
            assert.equal((await attempt(protocol, here, to)).from, "b2");
          }
        });

        test("only the sources in the ranges may connect; others get no answer", async () => {
          const mine = version === 4 ? "192.0.2.0/24" : "2001:db8:1::/64";
          const pods = version === 4 ? "10.1.0.0/16" : "2001:db8:2::/48";
          const inPods = version === 4 ? "10.1.1.0/24" : "2001:db8:2:1::/64";
          for (const make of [nodePort, virtualPort] as const) {
            const port = make(version, protocol, lab.backends.slice(0, 1), { sourceRanges: [mine] });
            const to = { host: make === nodePort ? own(lab.node, version) : VIP[version], port: port.port };
            await dataPlane.sync(tableOf(port));
            assert.equal((await attempt(protocol, lab.client, to)).from, "b1");
            const before = dataPlane.readCounters().notAllowed;
            await unanswered(protocol, lab.backends[1]!, to);
            assert.ok(dataPlane.readCounters().notAllowed > before);
            // The larger range takes the place of the one inside it.
            for (const sourceRanges of [[mine, inPods, pods], [pods], [inPods, inPods, pods]]) {
              await dataPlane.apply({ set: [{ ...port, sourceRanges }], remove: [] });
              assert.equal((await attempt(protocol, lab.backends[1]!, to)).from, "b1");
            }
            await unanswered(protocol, lab.client, to);
            const all = make(version, protocol, lab.backends.slice(0, 1));
            await dataPlane.apply({ set: [all], remove: [] });
            assert.equal((await attempt(protocol, lab.client, to)).from, "b1");
          }
        });

        test("a pod's address is kept on the way to another node by any address outside the service ranges, but not by a node port", async () => {
          const [here, there] = lab.backends as [LabHost, LabHost];
          const served = { backends: [backend(version, there, {})] };
          const ports = [
            virtualPort(version, protocol, [], { ...served, address: ANOTHER[version], type: "ExternalIP" }),
            nodePort(version, protocol, [], served),
          ] as const;
          await dataPlane.sync({ ...tableOf(...ports), routedRanges: PODS });
          const seen = async (host: string, port: number) =>
            (await attempt(protocol, here, { host, port })).seen;
          assert.equal(await seen(ANOTHER[version], ports[0].port), own(here, version));
          assert.notEqual(await seen(own(lab.node, version), NODE_PORT), own(here, version));
          // The same address of the node's, by the node port.
          assert.notEqual(await seen(ANOTHER[version], NODE_PORT), own(here, version));
        });

        test("the client's address is kept on the way to an endpoint here, and from routed sources", async () => {
          const port = (rest: Partial<Backend>) =>
            virtualPort(version, protocol, [], { backends: [backend(version, lab.backends[0]!, rest)] });
          const to = { host: VIP[version], port: 8080 };
          const client = own(lab.client, version);
          const seen = async (from: LabHost) => (await attempt(protocol, from, to)).seen;
          await dataPlane.sync(tableOf(port({ local: true })));
          assert.equal(await seen(lab.client), client);
          await dataPlane.apply({ set: [port({})], remove: [] });
          assert.equal(await seen(lab.client), version === 4 ? "10.1.1.1" : "2001:db8:2:1::1");
          await dataPlane.sync({ ...tableOf(port({})), routedRanges: PODS });
          assert.notEqual(await seen(lab.client), client);
          assert.equal(await seen(lab.backends[1]!), own(lab.backends[1]!, version));
          assert.notEqual(await seen(lab.backends[0]!), own(lab.backends[0]!, version), "itself");
        });
      });

  for (const version of [4, 6] as const) {
    test(`IPv${version}: a UDP flow to a node port moves when its endpoint is removed, and when there was none yet`, async () => {
      const [b1, b2] = lab.backends as [LabHost, LabHost];
      const to = { host: own(lab.node, version), port: NODE_PORT, localPort: 43_000 + version };
      await dataPlane.sync(tableOf(nodePort(version, "UDP", [b1])));
      assert.equal((await lab.client.datagram(to)).from, "b1");
      await dataPlane.apply({ set: [nodePort(version, "UDP", [b2])], remove: [] });
      assert.equal((await lab.client.datagram(to)).from, "b2");
      await dataPlane.apply({ set: [], remove: [virtualPortKey(nodePort(version, "UDP", []))] });
      assert.equal((await lab.client.datagram(to)).from, "ECONNREFUSED", "by the node, as any unused port");
      await lab.node.listen({ port: NODE_PORT + version, name: "node" });
      const served = { ...to, port: NODE_PORT + version };
      const replied = await lab.client.datagram(served);
      assert.equal(replied.from, "node");
      await dataPlane.apply({ set: [nodePort(version, "UDP", [b1], { port: served.port })], remove: [] });
      assert.equal((await lab.client.datagram(served)).from, "b1");
    });

    test(`IPv${version}: a UDP flow from outside moves when its endpoint is no more for outside`, async () => {
      const [b1, b2] = lab.backends as [LabHost, LabHost];
      const to = { host: own(lab.node, version), port: NODE_PORT, localPort: 43_100 + version };
      const port = nodePort(version, "UDP", [b1, b2], { external: { backends: [backend(version, b1)] } });
      await dataPlane.sync(tableOf(port));
      assert.equal((await lab.client.datagram(to)).from, "b1");
      const changed = { ...port, external: { backends: [backend(version, b2)] } };
      await dataPlane.apply({ set: [changed], remove: [] });
      assert.equal((await lab.client.datagram(to)).from, "b2");
    });
  }

  test("loopback addresses are routed only while there are node ports, again when somebody stops that, and off by the next process", async () => {
    const { netns } = lab.node;
    assert.equal(readSysctl(ROUTE_LOCALNET, netns), "0");
    const port = nodePort(4, "TCP", lab.backends);
    await dataPlane.apply({ set: [port], remove: [] });
    assert.equal(readSysctl(ROUTE_LOCALNET, netns), "1");
    await dataPlane.apply({ set: [], remove: [virtualPortKey(port)] });
    assert.equal(readSysctl(ROUTE_LOCALNET, netns), "0");
    assert.doesNotMatch(nft(netns, "list set inet fairlead guarded4"), /elements/);
    await dataPlane.apply({ set: [port], remove: [] });
    writeSysctl(ROUTE_LOCALNET, 0, netns);
    const started = performance.now();
    while (readSysctl(ROUTE_LOCALNET, netns) === "0") {
      assert.ok(performance.now() - started < 2000, "not turned on again within 2 s");
      await delay(20);
    }
    await dataPlane[Symbol.asyncDispose]();
    dataPlane = await createNftablesDataPlane({ netns });
    assert.equal((await dataPlane.sync(tableOf(port))).written, 0);
    await dataPlane.sync(tableOf());
    assert.equal(readSysctl(ROUTE_LOCALNET, netns), "0");
    await dataPlane.sync(tableOf(port));
    await dataPlane.cleanup();
    assert.equal(readSysctl(ROUTE_LOCALNET, netns), "0");
  });

  test("a setting that somebody else turned on is left on", async () => {
    const { netns } = lab.node;
    writeSysctl(ROUTE_LOCALNET, 1, netns);
    await dataPlane.sync(tableOf(nodePort(4, "TCP", lab.backends)));
    await dataPlane.sync(tableOf());
    assert.equal(readSysctl(ROUTE_LOCALNET, netns), "1");
    writeSysctl(ROUTE_LOCALNET, 0, netns);
  });

  test("nobody else reaches what listens on 127.0.0.1, although the kernel routes there (CVE-2020-8558)", async () => {
    const { netns } = lab.node;
    await dataPlane.sync(tableOf(nodePort(4, "TCP", lab.backends)));
    const port = 7499;
    using ear = new RawSocket(4, 17, netns);
    const send = () => {
      using mouth = new RawSocket(4, undefined, lab.client.netns);
      const packet = { source: lab.client.address4, destination: "127.0.0.1", protocol: "UDP" as const };
      mouth.send(encodePacket({ ...packet, sourcePort: 1234, destinationPort: port }), ip(lab.node.address4));
    };
    const heard = (): boolean => {
      for (let raw = ear.receive(); raw !== undefined; raw = ear.receive())
        if (Buffer.from(raw.bytes).readUInt16BE(22) === port) return true;
      return false;
    };
    send();
    await delay(100);
    assert.equal(heard(), false);
    nft(netns, "flush set inet fairlead guarded4");
    send();
    const started = performance.now();
    while (!heard()) {
      assert.ok(performance.now() - started < 90, "without the guard it would be heard");
      await delay(1);
    }
  });
});
