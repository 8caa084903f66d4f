/**
 * The same churn on the proxy, which runs without any right over the kernel, while one process after another takes its
 * listening sockets over: no connection is refused or reset, and what is open goes on in the process that has it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { needsNetns } from "../lab/netns.ts";
import { ChaosLab, duration } from "./chaos-lab.ts";
import { ADDRESSES, Churn } from "./churn.ts";
import { figures } from "./figures.ts";
import { VIP_DGRAM, VIP_HTTP, VIP_STREAM } from "./ports.ts";
import { sharedClock } from "./remote.ts";

const RESTART_EVERY = 2000;
const seconds = duration(10);

test(
  "userspace: 100 endpoint changes a second, the agent replaced every 2 s: none is refused or reset, no byte is lost",
  { skip: needsNetns() },
  async (t) => {
    await using lab = await ChaosLab.open({ dataPlane: "userspace" });
    // Kubernetes' terminationGracePeriodSeconds, since nobody can be asked what a proxy knows.
    const churn = await Churn.prepare(lab, { rate: 100, grace: 5000 });
    const agents = [await lab.startAgent()];
    const [requests, streams] = [lab.requests(), lab.streams()];
    await streams.call("openStreams", { ...VIP_STREAM, count: 200, interval: 500 });
    await streams.call("openFlows", { ...VIP_DGRAM, count: 50, interval: 200 });
    await requests.call("start", { ...VIP_HTTP, newConnections: 250, keptAlive: 250, connections: 50 });

    const until = sharedClock() + seconds * 1000;
    churn.start();
    while (sharedClock() < until || agents.length < 3) {
      const next = delay(RESTART_EVERY);
      agents.push(await lab.startAgent());
      await next;
    }
    const changes = await churn.stop();
    const report = await requests.call("stop");
    const { streams: bytes, flows } = await streams.call("finish");
    t.diagnostic(figures({ agents: agents.length, ...changes, requests: report, bytes, flows }));

    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.deepEqual(bytes.errors, {});
    assert.equal(bytes.received, bytes.sent);
    assert.deepEqual(flows.errors, {});
    assert.ok(
      report.backends > Math.min(changes.podsEnded, ADDRESSES) / 2,
      `only ${report.backends} pods were asked`,
    );
  },
);
