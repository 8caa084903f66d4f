/** Probes one container again and again while it runs, as v1 Probe's fields say. */
import type { Probe } from "../../api/pod/type.ts";
import { pause } from "../../base/backoff.ts";

/** What the probes have found. */
export interface ProbeVerdicts {
  readonly started: boolean;
  readonly ready: boolean;
}

export interface ProberOptions {
  readonly startup: Probe | undefined;
  readonly readiness: Probe | undefined;
  readonly liveness: Probe | undefined;
  /** Asks once; rejects if the answer is no. The signal aborts at the probe's time-out. */
  readonly ask: (probe: Probe, signal: AbortSignal) => Promise<void>;
  readonly onVerdict: (verdicts: ProbeVerdicts) => void;
  /** A startup or liveness probe has failed for good: the container has to be ended. */
  readonly onFatal: (message: string) => void;
  /** Ends the probing. */
  readonly signal: AbortSignal;
}

/** Runs all probes of one run of a container; resolves when the signal aborts or there is nothing to ask. */
export async function runProbes(options: ProberOptions): Promise<void> {
  const { startup, readiness, liveness, onVerdict, onFatal, signal } = options;
  if (startup !== undefined) {
    onVerdict({ started: false, ready: false });
    const started = await new Promise<boolean>((resolve) => {
      const done = new AbortController();
      const over = AbortSignal.any([signal, done.signal]);
      const onChange = (succeeds: boolean, message: string): void => {
        if (!succeeds) onFatal(`startup probe failed: ${message}`);
        resolve(succeeds);
        done.abort();
      };
      void repeat({ ...startup, successThreshold: 1 }, false, options, onChange, over).then(() =>
        resolve(false),
      );
    });
    if (!started || signal.aborted) return;
  }
  onVerdict({ started: true, ready: readiness === undefined });
  await Promise.all([
    readiness && repeat(readiness, false, options, (ready) => onVerdict({ started: true, ready }), signal),
    liveness &&
      repeat(
        liveness,
        true,
        options,
        (alive, message) => {
          if (!alive) onFatal(`liveness probe failed: ${message}`);
        },
        signal,
      ),
  ]);
}

/** In milliseconds: until the first success, a new container is asked this often, and then as `periodSeconds` says. */
const EAGER = { initial: 20, factor: 2 };

/**
 * Asks with the probe's pauses and calls `onChange` when as many answers in a row as its threshold asks for differ
 * from the verdict so far, `verdict` at first.
 *
 * Until the first success it asks sooner than after a period, with growing pauses, so that a container that is ready
 * after 50 ms need not wait for a second; these early failures do not count towards failureThreshold.
 */
async function repeat(
  probe: Probe,
  verdict: boolean,
  { ask }: Pick<ProberOptions, "ask">,
  onChange: (succeeds: boolean, message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const period = (probe.periodSeconds ?? 10) * 1000;
  const thresholds = { true: probe.successThreshold ?? 1, false: probe.failureThreshold ?? 3 };
  let known: boolean | undefined = verdict ? true : undefined;
  let row = { succeeds: false, length: 0 };
  let eager = EAGER.initial;
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
  while (!signal.aborted) {
    const message = await askOnce(probe, ask, signal);
    if (signal.aborted) return;
    const succeeds = message === undefined;
    const isEarly = known === undefined && !succeeds && eager < period;
    if (!isEarly) {
      row = { succeeds, length: row.succeeds === succeeds ? row.length + 1 : 1 };
      if (known !== succeeds && row.length >= thresholds[`${succeeds}`]) {
        known = succeeds;
        onChange(succeeds, message ?? "");
      }
    }
    await pause(isEarly ? eager : period, signal);
    eager *= EAGER.factor;
  }
}

/** Why the probe failed; undefined if it succeeded. */
async function askOnce(
  probe: Probe,
  ask: ProberOptions["ask"],
  signal: AbortSignal,
): Promise<string | undefined> {
  const seconds = probe.timeoutSeconds ?? 1;
  const timeout = AbortSignal.timeout(seconds * 1000);
  try {
    await ask(probe, AbortSignal.any([signal, timeout]));
    return undefined;
  } catch (error) {
    if (timeout.aborted) return `no answer within ${seconds} s`;
    return error instanceof Error ? error.message : String(error);
  }
}
