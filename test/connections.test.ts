/** Looks at the kernel's table of connections count what a client has really opened: both families, TCP and UDP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIp, ipFromBytes } from "../src/base/ip.ts";
import { createConnectionAccounting } from "../src/dataplane/connections/accounting.ts";
import { openConntrackTable } from "../src/dataplane/connections/conntrack-table.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { NODE_ADDRESS, type VirtualPort, virtualPortKey } from "../src/dataplane/table.ts";
import { socketOfKey } from "../src/net/conntrack/flow-reader.ts";
import { needsNetns } from "./lab/netns.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";

const RANGES = ["10.96.0.0/16", "fd00:96::/112"];

test(
  "a look counts connections of each family and protocol where they end",
  { skip: needsNetns() },
  async (t) => {
    const lab = await nftablesLab(2);
    t.after(() => lab[Symbol.asyncDispose]());
    const port = (service: string, address: string, more: Partial<VirtualPort> = {}): VirtualPort => ({
      service: `default/${service}`,
      portName: "",
      address,
      protocol: "TCP",
      port: 8080,
      backends: lab.backends.map(({ address4, address6 }) => ({
        address: address.includes(":") ? address6 : address4,
        port: 80,
      })),
      ...more,
    });
    const ports = [
      port("four", "10.96.0.1"),
      port("six", "fd00:96::1"),
      port("dns", "10.96.0.2", { protocol: "UDP" }),
      port("dns6", "fd00:96::2", { protocol: "UDP" }),
      port("node", NODE_ADDRESS[4], { port: 30_080, type: "NodePort" }),
      port("node", NODE_ADDRESS[6], { port: 30_080, type: "NodePort" }),
    ];
    await using dataPlane = await createNftablesDataPlane({ netns: lab.node.netns });
    await dataPlane.sync({ ports: new Map(ports.map((one) => [virtualPortKey(one), one])), ranges: RANGES });

    const answers = new Map<string, number>();
    const note = (service: string, { from }: { readonly from: string }): void => {
      assert.match(from, /^b[12]$/);
      answers.set(`${service} ${from}`, (answers.get(`${service} ${from}`) ?? 0) + 1);
    };
    for (let n = 0; n < 5; n++) {
      note("four", await lab.client.open({ host: "10.96.0.1", port: 8080 }));
      note("six", await lab.client.open({ host: "fd00:96::1", port: 8080 }));
      note("node", await lab.client.open({ host: lab.node.address4, port: 30_080 }));
      note("node", await lab.client.open({ host: lab.node.address6, port: 30_080 }));
      note("dns", await lab.client.datagram({ host: "10.96.0.2", port: 8080 }));
      note("dns6", await lab.client.datagram({ host: "fd00:96::2", port: 8080 }));
      // Past the Services: tracked, and nobody's.
      await lab.client.open({ host: lab.backends[0]!.address4, port: 80 });
      await lab.client.open({ host: lab.backends[0]!.address6, port: 80 });
    }

    using table = await openConntrackTable(lab.node.netns);
    const accounting = createConnectionAccounting();
    accounting.setPorts(ports);
    const { seen, counted } = await table.look(accounting);
    assert.deepEqual([seen, counted], [30, 30], "the kernel tells translated connections only");
    assert.ok(table.fill().entries >= 40);

    const counts = new Map<string, number>();
    for (const { service, endpoints } of accounting.ports())
      for (const [key, { active, opening }] of endpoints) {
        assert.equal(opening, 0);
        const address = formatIp(ipFromBytes(socketOfKey(key).address));
        const backend = lab.backends.findIndex(
          ({ address4, address6 }) => address === address4 || address === address6,
        );
        const name = `${service.replace("default/", "")} b${backend + 1}`;
        counts.set(name, (counts.get(name) ?? 0) + active);
      }
    assert.deepEqual(counts, answers);
  },
);
