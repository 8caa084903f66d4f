/** What becomes of established connections while the ruleset is flushed and nobody has repaired it yet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { TranslationAnchor } from "../src/dataplane/nftables/translation-anchor.ts";
import { type VirtualPort, virtualPortKey } from "../src/dataplane/table.ts";
import { needsNetns } from "./lab/netns.ts";
import { nft } from "./lab/nft.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";

const VIP = "10.96.0.1";

/** Waits until a first packet has been dropped. */
async function packetDropped(netns: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!/counter packets [1-9]\d* bytes \d+ drop/.test(nft(netns, "list ruleset"))) {
    assert.ok(performance.now() < deadline, nft(netns, "list ruleset"));
    await delay(10);
  }
}

for (const local of [true, false])
  test(
    `a connection to ${local ? "an endpoint here" : "an endpoint elsewhere, masqueraded"}: goes on while the ruleset is flushed, by the anchor`,
    { skip: needsNetns(), timeout: 30_000 },
    async () => {
      await using lab = await nftablesLab(1);
      const [backend] = lab.backends;
      const port: VirtualPort = {
        service: "default/s",
        portName: "",
        address: VIP,
        protocol: "TCP",
        port: 80,
        backends: [{ address: backend!.address4, port: 80, local }],
      };
      const table = { ports: new Map([[virtualPortKey(port), port]]), ranges: ["10.96.0.0/16"] };
      const { netns } = lab.node;
      const anchor = await TranslationAnchor.open(netns);
      anchor.set(table.ranges, []);
      {
        await using dataPlane = await createNftablesDataPlane({ netns });
        await dataPlane.sync(table);
      }
      const { connection } = await lab.client.open({ host: VIP, port: 80 });
      nft(netns, "flush ruleset");
      assert.throws(() => nft(netns, "list table inet fairlead"), /No such file or directory/);
      assert.equal(await lab.client.exchange({ connection, text: "while it is away" }), "while it is away");
      // What begins meanwhile is not remembered as it is: it waits, and is translated when it comes again.
      const begun = lab.client.open({ host: VIP, port: 80, timeout: 10_000 });
      await packetDropped(netns);
      {
        await using dataPlane = await createNftablesDataPlane({ netns });
        await dataPlane.sync(table);
      }
      assert.equal(await lab.client.exchange({ connection, text: "afterwards" }), "afterwards");
      assert.equal((await begun).from, "b1");
      anchor[Symbol.dispose]();
      assert.doesNotMatch(nft(netns, "list ruleset"), /anchor/, "gone with the process");
      assert.equal(await lab.client.exchange({ connection, text: "without it" }), "without it");
    },
  );
