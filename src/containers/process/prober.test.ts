import assert from "node:assert/strict";
import { test } from "node:test";
import type { Probe } from "../../api/pod/type.ts";
import { type ProbeVerdicts, runProbes } from "./prober.ts";

/** Runs probes that are answered from `answers` in turn ("y", "n", or "-" for no answer), until these are used up. */
async function probe(
  probes: { startup?: Probe; readiness?: Probe; liveness?: Probe },
  answers: Readonly<Record<string, string>>,
): Promise<{ verdicts: ProbeVerdicts[]; fatal: string[] }> {
  const over = new AbortController();
  const left: Record<string, string[]> = Object.fromEntries(
    Object.entries(answers).map(([kind, text]) => [kind, Array.from(text)]),
  );
  const verdicts: ProbeVerdicts[] = [];
  const fatal: string[] = [];
  await runProbes({
    startup: probes.startup,
    readiness: probes.readiness,
    liveness: probes.liveness,
    ask: async (asked, signal) => {
      const kind = Object.entries(probes).find(([, one]) => one.exec === asked.exec)![0];
      const answer = left[kind]!.shift();
      if (Object.values(left).every((one) => one.length === 0)) setImmediate(() => over.abort());
      if (answer === "-")
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error())));
      if (answer !== "y") throw new Error("no");
    },
    onVerdict: (verdict) => verdicts.push(verdict),
    onFatal: (message) => fatal.push(message),
    signal: over.signal,
  });
  return { verdicts, fatal };
}

/** Periods in seconds may be fractions here: the code only multiplies. */
const fast = (more: Partial<Probe> = {}): Probe => ({
  exec: {},
  periodSeconds: 0.005,
  timeoutSeconds: 0.02,
  ...more,
});
const ready = ({ verdicts }: { verdicts: ProbeVerdicts[] }): string =>
  verdicts.map(({ ready }) => (ready ? "y" : "n")).join("");

test("without probes a container is started and ready, and nothing is asked", async () => {
  assert.deepEqual(await probe({}, {}), { verdicts: [{ started: true, ready: true }], fatal: [] });
});

test("readiness changes after as many answers in a row as the thresholds say", async () => {
  const table: [Partial<Probe>, string, string][] = [
    [{}, "y", "ny"],
    [{ failureThreshold: 2 }, "ynynn", "nyn"],
    [{ successThreshold: 2, failureThreshold: 1 }, "ynyy", "nny"],
    [{ failureThreshold: 1 }, "yny", "nyny"],
    [{ failureThreshold: 1 }, "y-y", "nyny"],
  ];
  for (const [more, answers, expected] of table)
    assert.equal(ready(await probe({ readiness: fast(more) }, { readiness: answers })), expected, answers);
});

test("until the first success a container is asked more often than its period says", async () => {
  const started = performance.now();
  assert.equal(ready(await probe({ readiness: fast({ periodSeconds: 60 }) }, { readiness: "nny" })), "ny");
  assert.ok(performance.now() - started < 5000);
});

test("a liveness probe that fails often enough ends the container", async () => {
  const { fatal } = await probe({ liveness: fast({ failureThreshold: 2 }) }, { liveness: "ynyn" });
  assert.deepEqual(fatal, []);
  const failing = await probe({ liveness: fast({ failureThreshold: 2 }) }, { liveness: "ynn" });
  assert.deepEqual(failing.fatal, ["liveness probe failed: no"]);
  const silent = await probe({ liveness: fast({ failureThreshold: 1 }) }, { liveness: "-y" });
  assert.deepEqual(silent.fatal, ["liveness probe failed: no answer within 0.02 s"]);
});

test("the other probes wait for the startup probe, and its failure ends the container", async () => {
  const probes = { startup: fast({ failureThreshold: 3 }), readiness: fast({ exec: { command: [] } }) };
  const { verdicts } = await probe(probes, { startup: "nny", readiness: "y" });
  assert.deepEqual(verdicts, [
    { started: false, ready: false },
    { started: true, ready: false },
    { started: true, ready: true },
  ]);
  const { fatal } = await probe({ startup: fast({ failureThreshold: 2 }) }, { startup: "nnnn" });
  assert.deepEqual(fatal, ["startup probe failed: no"]);
});
