/** A UDP flow from a fixed source port moves on when its endpoint is removed, though its old endpoint would still answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSliceKind } from "../../src/api/endpointslice/kind.ts";
import { NFNLGRP_NFTABLES } from "../../src/net/nftables/constants.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/sys/netlink-socket.ts";
import { needsNetns } from "../lab/netns.ts";
import { ChaosLab } from "./chaos-lab.ts";
import { sliceOf } from "./churn.ts";
import { figures, percentile } from "./figures.ts";
import { NODE_PORT, type Target, VIP_DGRAM } from "./ports.ts";
import { sharedClock } from "./remote.ts";

const REMOVALS = 50;
/** The promise, in milliseconds. */
const MOVES_WITHIN = 100;
/** Between datagrams of the flow, in milliseconds: as close as the moment of the move is known. */
const INTERVAL = 2;
const PODS = ["10.1.1.1", "10.1.1.2", "10.1.1.3"] as const;

const TARGETS: readonly (readonly [string, Target])[] = [
  ["the virtual IP", VIP_DGRAM],
  ["a node port", { host: "192.0.2.1", port: NODE_PORT }],
];

test(
  `a UDP flow moves within ${MOVES_WITHIN} ms of its endpoint's removal from the API`,
  { skip: needsNetns() },
  async (t) => {
    await using lab = await ChaosLab.open({ dataPlane: "nftables" });
    await lab.pods.call("open", { addresses: PODS });
    const write = async (addresses: readonly string[]): Promise<void> => {
      const endpoints = new Map(addresses.map((address) => [address, true]));
      await lab.client.update(endpointSliceKind, sliceOf({ name: "web-1", endpoints }));
    };
    const all = new Map(PODS.map((address) => [address, true]));
    await lab.client.create(endpointSliceKind, sliceOf({ name: "web-1", endpoints: all }));
    await lab.startAgent();
    // Told when somebody, that is the agent, has committed to the kernel.
    using commits = await NetlinkSocket.open(NETLINK_NETFILTER, {
      netns: lab.netns,
      groups: [NFNLGRP_NFTABLES],
    });
    let committed: PromiseWithResolvers<number> | undefined;
    commits.subscribe(() => committed?.resolve(sharedClock()));
    const commit = async (addresses: readonly string[]): Promise<{ began: number; at: number }> => {
      committed = Promise.withResolvers<number>();
      const began = sharedClock();
      const [at] = await Promise.all([committed.promise, write(addresses)]);
      return { began, at };
    };

    const flow = lab.flow();
    for (const [what, target] of TARGETS) {
      await flow.call("open", { ...target, interval: INTERVAL });
      const [sinceWrite, sinceCommit]: [number[], number[]] = [[], []];
      let { backend } = await flow.call("answeredByOtherThan", {});
      for (let i = 0; i < REMOVALS; i++) {
        const moved = flow.call("answeredByOtherThan", { from: backend });
        const { began, at } = await commit(PODS.filter((address) => address !== backend));
        const next = await moved;
        assert.notEqual(next.backend, backend);
        sinceWrite.push(next.at - began);
        sinceCommit.push(next.at - at);
        // Others' coming and going does not move it.
        await commit(PODS);
        ({ backend } = next);
      }
      t.diagnostic(`${what}: ${figures({ sinceWrite, sinceCommit })}`);
      assert.ok(percentile(sinceWrite, 0.5) < MOVES_WITHIN, `${what}: ${figures({ sinceWrite })}`);
      assert.ok(percentile(sinceCommit, 0.9) < MOVES_WITHIN, `${what}: ${figures({ sinceCommit })}`);
    }
    assert.deepEqual(await flow.call("errors"), []);
  },
);
