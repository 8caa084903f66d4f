/** The API server stopped, killed and started again under traffic: what is programmed stays, and what it says later is caught up with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { needsNetns } from "../lab/netns.ts";
import { ChaosLab, duration } from "./chaos-lab.ts";
import { Churn } from "./churn.ts";
import { figures } from "./figures.ts";
import { VIP_DGRAM, VIP_HTTP, VIP_STREAM } from "./ports.ts";
import { ProgrammedEndpoints } from "./programmed.ts";

const TARGETS = [VIP_HTTP, VIP_STREAM, VIP_DGRAM];
/** From the server's coming back to its changes' being programmed. Clients wait longer and longer between attempts. */
const CAUGHT_UP_WITHIN = 15_000;
/** Of each absence. */
const AWAY = (duration(6) * 1000) / 3;

test(
  "the API server stopped, killed, and away while the agent restarts: no request fails, and afterwards all is caught up with",
  { skip: needsNetns() },
  async (t) => {
    await using lab = await ChaosLab.open({ dataPlane: "nftables" });
    using programmed = await ProgrammedEndpoints.open(lab.netns);
    const beforeEnd = (address: string): Promise<void> => programmed.untilGone(address, 60_000);
    const churn = await Churn.prepare(lab, { rate: 50, grace: 1000, beforeEnd });
    let agent = await lab.startAgent();
    await programmed.until(TARGETS, churn.ready, 1000);
    const [requests, streams] = [lab.requests(), lab.streams()];
    await streams.call("openStreams", { ...VIP_STREAM, count: 200, interval: 500 });
    await streams.call("openFlows", { ...VIP_DGRAM, count: 50, interval: 200 });
    await requests.call("start", { ...VIP_HTTP, newConnections: 200, keptAlive: 200, connections: 50 });

    const absences: Record<string, () => Promise<void>> = {
      async "SIGSTOP, SIGCONT"() {
        lab.api.signal("SIGSTOP");
        await delay(AWAY);
        lab.api.signal("SIGCONT");
      },
      async "SIGKILL and start"() {
        await lab.api.end("SIGKILL");
        await delay(AWAY);
        await lab.api.start();
      },
      async "SIGKILL of both, the agent started first"() {
        await Promise.all([lab.api.end("SIGKILL"), agent.end("SIGKILL")]);
        const ready = lab.startAgent();
        await delay(AWAY);
        await lab.api.start();
        agent = await ready;
      },
    };
    const caughtUp: Record<string, number> = {};
    for (const [what, leave] of Object.entries(absences)) {
      churn.start();
      await delay(1000);
      // What was acknowledged last may not be programmed yet: then it is to be afterwards.
      await churn.pause();
      await leave();
      churn.start();
      await delay(200);
      await churn.pause();
      caughtUp[what] = await programmed.until(TARGETS, churn.ready, CAUGHT_UP_WITHIN);
    }
    const changes = await churn.stop();
    const report = await requests.call("stop");
    const { streams: bytes, flows } = await streams.call("finish");
    t.diagnostic(figures({ caughtUp, ...changes, requests: report, bytes, flows }));

    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.deepEqual(bytes.errors, {});
    assert.equal(bytes.received, bytes.sent);
    assert.deepEqual(flows.errors, {});
    assert.ok(changes.changes > 0);
  },
);
