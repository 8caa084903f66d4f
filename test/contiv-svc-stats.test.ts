/** /svcstats' counts, with real connections through a real kernel: known bytes, two clients, two providers, ended and living. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { ip } from "../src/base/ip.ts";
import type { Tenants } from "../src/contiv/svc-stats-source.ts";
import { createSvcStats } from "../src/contiv/svc-stats.ts";
import { openConnectionSource } from "../src/dataplane/connections/connection-source.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { virtualPortKey } from "../src/dataplane/table.ts";
import { ConntrackFamily } from "../src/net/conntrack/model.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { needsNetns } from "./lab/netns.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";

const VIP = "100.64.0.10";
const OTHER_CLIENT = "192.0.2.77";

test(
  "packets and bytes of each client with each provider, ended connections too",
  { skip: needsNetns() },
  async () => {
    await using lab = await nftablesLab(2);
    const { netns } = lab.node;
    const setAccounting = (value: string): void =>
      callInNetns(netns, () => writeFileSync("/proc/sys/net/netfilter/nf_conntrack_acct", value));
    setAccounting("1");
    {
      using inside = await RouteSocket.open({ netns: lab.client.netns });
      inside.addAddress("eth0", ip(OTHER_CLIENT), 24);
    }
    const backends = lab.backends.map(({ address4 }) => ({ address: address4, port: 80, local: true }));
    const common = { portName: "", address: VIP, balance: "round-robin", backends } as const;
    const web: VirtualPort = { service: "default/web", protocol: "TCP", port: 8080, ...common };
    const udp: VirtualPort = { service: "default/web", protocol: "UDP", port: 643, ...common };
    const table: ServiceTable = {
      ports: new Map([web, udp].map((port) => [virtualPortKey(port), port])),
      ranges: ["100.64.0.0/16"],
    };
    await using dataPlane = await createNftablesDataPlane({ netns });
    await dataPlane.sync(table);
    using stats = createSvcStats({ table: () => table, open: (onEnd) => openConnectionSource(onEnd, netns) });
    const { signal } = new AbortController();
    const tenants: Tenants = { ofAddress: () => undefined, nameOf: (namespace) => namespace };
    const answer = await stats.read(tenants, signal);
    assert.deepEqual(answer.clients, {});
    const CountedSince = answer.since;
    const read = async () => (await stats.read(tenants, signal)).clients;

    // UDP, exactly: one datagram of 1 byte there, the name and the client's address back, each with 28 bytes of headers.
    const datagram = (localAddress: string) => lab.client.datagram({ host: VIP, port: 643, localAddress });
    const greeting = `b1 ${OTHER_CLIENT}\n`.length;
    const one = await datagram(OTHER_CLIENT);
    const two = await datagram(OTHER_CLIENT);
    assert.deepEqual(new Set([one.from, two.from]), new Set(["b1", "b2"]));
    const first = (await read())[OTHER_CLIENT]!;
    const flow = { PacketsIn: 1, BytesIn: 29, PacketsOut: 1, BytesOut: 28 + greeting };
    const both = { PacketsIn: 2, BytesIn: 58, PacketsOut: 2, BytesOut: 2 * (28 + greeting) };
    const port = {
      Protocol: "UDP",
      SvcPort: "643",
      ProvPort: "80",
      SvcStats: both,
      ProvStats: Object.fromEntries(
        backends.map(({ address }) => [
          address,
          { ProviderIP: address, ServiceIP: VIP, ServiceVrf: "default", ...flow },
        ]),
      ),
    };
    assert.deepEqual(first, {
      EndpointIP: OTHER_CLIENT,
      VrfName: "default",
      PortStats: both,
      SvcStats: { [VIP]: { ServiceIP: VIP, ServiceVRF: "default", ...port, Ports: { "643/UDP": port } } },
      CountedSince,
    });

    // TCP of the other client: kept open, then the payload alone is more than what is said.
    const { address4 } = lab.client;
    const kept = await lab.client.open({ host: VIP, port: 8080 });
    const before = (await read())[address4]!.PortStats;
    const text = "x".repeat(1000);
    await lab.client.exchange({ connection: kept.connection, text });
    const living = (await read())[address4]!.PortStats;
    const gained = living.BytesIn - before.BytesIn;
    const packets = living.PacketsIn - before.PacketsIn;
    // IPv4 20, TCP 20 and its timestamps 12.
    assert.equal(gained, 1000 + packets * 52);

    // All of it ends: nothing is lost, whoever asks, however often.
    using kernel = await NetlinkPort.open(netns);
    kernel.forget(kernel.connections(ConntrackFamily.ipv4, {}));
    for (let n = 0; n < 2; n++) {
      const after = await read();
      assert.deepEqual(after[OTHER_CLIENT], first);
      assert.ok(after[address4]!.PortStats.BytesIn >= living.BytesIn);
    }
    // And new connections add to it.
    await datagram(OTHER_CLIENT);
    assert.deepEqual((await read())[OTHER_CLIENT]!.PortStats, {
      PacketsIn: 3,
      BytesIn: 87,
      PacketsOut: 3,
      BytesOut: 3 * (28 + greeting),
    });

    setAccounting("0");
    await assert.rejects(stats.read(tenants, signal), /nf_conntrack_acct is 0/);
  },
);
