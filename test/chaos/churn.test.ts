/**
 * Endpoints that come and go, a hundred changes a second, under requests through a virtual IP, by the whole real path: API
 * server, watch, `fairlead agent`, kernel. Nothing fails; also not while the agent is killed again and again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { needsNetns } from "../lab/netns.ts";
import { ChaosLab, duration } from "./chaos-lab.ts";
import { ADDRESSES, Churn } from "./churn.ts";
import { VIP_DGRAM, VIP_HTTP, VIP_STREAM } from "./ports.ts";
import { ProgrammedEndpoints } from "./programmed.ts";
import { figures } from "./figures.ts";
import { sharedClock } from "./remote.ts";

const REQUESTS = { ...VIP_HTTP, newConnections: 250, keptAlive: 250, connections: 50 };
const RATE = 100;
/** Below this there was no churn to speak of. A busy machine does not get all changes done; how many it did is told. */
const LEAST_RATE = 10;
const KILL_EVERY = 2000;
const seconds = duration(10);
const skip = needsNetns();

test("100 endpoint changes a second under 500 requests a second: none fails", { skip }, async (t) => {
  await using lab = await ChaosLab.open({ dataPlane: "nftables" });
  const churn = await Churn.prepare(lab, { rate: RATE, grace: 2000 });
  await lab.startAgent();
  using programmed = await ProgrammedEndpoints.open(lab.netns);
  await programmed.until([VIP_HTTP], churn.ready, 1000);
  const requests = lab.requests();

  await requests.call("start", REQUESTS);
  churn.start();
  await delay(seconds * 1000);
  const changes = await churn.stop();
  const report = await requests.call("stop");
  t.diagnostic(figures({ ...changes, requests: report }));

  assert.equal(report.failed, 0, JSON.stringify(report.failures, undefined, 1));
  assert.ok(changes.changes > seconds * LEAST_RATE, `only ${changes.changes} changes`);
  assert.ok(
    report.backends > Math.min(changes.podsEnded, ADDRESSES) / 2,
    `only ${report.backends} pods were asked`,
  );
  await programmed.until([VIP_HTTP, VIP_STREAM, VIP_DGRAM], churn.ready, 1000);
});

test(
  "the agent killed every 2 s meanwhile: nothing fails, 1,000 connections lose no byte, UDP flows move",
  { skip },
  async (t) => {
    await using lab = await ChaosLab.open({ dataPlane: "nftables" });
    using programmed = await ProgrammedEndpoints.open(lab.netns);
    // What an agent cannot take out while it is dead must be served meanwhile.
    const beforeEnd = (address: string): Promise<void> => programmed.untilGone(address, 60_000);
    const churn = await Churn.prepare(lab, { rate: RATE, grace: 2000, beforeEnd });
    let agent = await lab.startAgent();
    await programmed.until([VIP_HTTP, VIP_STREAM, VIP_DGRAM], churn.ready, 1000);
    const [requests, streams] = [lab.requests(), lab.streams()];
    await streams.call("openStreams", { ...VIP_STREAM, count: 1000, interval: 2000 });
    await streams.call("openFlows", { ...VIP_DGRAM, count: 200, interval: 400 });

    await requests.call("start", REQUESTS);
    const until = sharedClock() + seconds * 1000;
    const [absences, catchUps]: [number[], number[]] = [[], []];
    while (sharedClock() < until || absences.length < 2) {
      churn.start();
      const next = delay(KILL_EVERY);
      const killed = sharedClock();
      await agent.end("SIGKILL");
      agent = await lab.startAgent();
      absences.push(sharedClock() - killed);
      await churn.pause();
      catchUps.push(await programmed.until([VIP_HTTP, VIP_STREAM, VIP_DGRAM], churn.ready, 1000));
      churn.start();
      await next;
      await churn.pause();
    }
    const changes = await churn.stop();
    const report = await requests.call("stop");
    const { streams: bytes, flows } = await streams.call("finish");
    t.diagnostic(
      figures({ kills: absences.length, absences, catchUps, ...changes, requests: report, bytes, flows }),
    );

    assert.equal(report.failed, 0, JSON.stringify(report.failures, undefined, 1));
    assert.deepEqual(bytes.errors, {});
    assert.equal(bytes.connections, 1000);
    assert.equal(bytes.received, bytes.sent);
    assert.ok(bytes.sent > 1_000_000, `only ${bytes.sent} bytes`);
    assert.deepEqual(flows.errors, {});
    assert.ok(flows.moves > 0, "no flow had to move");
    assert.ok(changes.changes > seconds * LEAST_RATE, `only ${changes.changes} changes`);
  },
);
