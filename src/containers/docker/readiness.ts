/** Whether a container may get connections, and if not, why: in words that say what to do. Pure. */
import type { ContainerInspect } from "./engine-types.ts";
import { containerName } from "./pod-name.ts";

export interface Readiness {
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  readonly ready: boolean;
  /** Of the condition Ready; undefined when ready. */
  readonly reason?: string;
  readonly message?: string;
}

/** Linux signals by number, for the exit code 128 + n of a killed process; the ones that people see. */
const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  6: "SIGABRT",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

/**
 * Ready: running, not paused, not waiting for its restart, without a health check or healthy, and with an address.
 * `noAddress` is why it has none.
 */
export function readinessOf(container: ContainerInspect, noAddress: string | undefined): Readiness {
  const { State: state } = container;
  const name = containerName(container);
  if (state.Restarting)
    return notReady(
      "Running",
      "Restarting",
      `it ended with ${exitText(state.ExitCode)} and the engine starts it again`,
    );
  if (!state.Running) return endedOrNotStarted(container, name);
  if (state.Paused)
    return notReady("Running", "Paused", `the container is paused: docker unpause ${name} resumes it`);
  if (noAddress !== undefined) return notReady("Running", "NoAddress", noAddress);
  const health = state.Health?.Status ?? "";
  if (health === "starting")
    return notReady("Running", "HealthCheckStarting", "its health check has not passed yet");
  if (health === "unhealthy") {
    const streak = state.Health?.FailingStreak ?? 0;
    const times = streak > 0 ? ` ${streak} times in a row` : "";
    return notReady(
      "Running",
      "HealthCheckFailing",
      `its health check failed${times}: docker inspect -f '{{json .State.Health}}' ${name} shows the output`,
    );
  }
  return { phase: "Running", ready: true };
}

function endedOrNotStarted({ State: state }: ContainerInspect, name: string): Readiness {
  if (state.Status === "created" || state.Status === "initialized" || state.Status === "configured")
    return notReady("Pending", "NotStarted", startProblem(state.Error, name));
  const phase = state.ExitCode === 0 && state.Status !== "dead" ? "Succeeded" : "Failed";
  const oom = state.OOMKilled === true ? ": it used more memory than it may" : "";
  return notReady(phase, "Exited", `the container ended with ${exitText(state.ExitCode)}${oom}`);
}

function startProblem(error: string | undefined, name: string): string {
  return error ? `it could not be started: ${error}` : `it was never started: docker start ${name} starts it`;
}

function notReady(phase: Readiness["phase"], reason: string, message: string): Readiness {
  return { phase, ready: false, reason, message };
}

/** "exit code 137 (SIGKILL)". */
function exitText(code: number): string {
  const signal = code > 128 ? SIGNAL_NAMES[code - 128] : undefined;
  return `exit code ${code}${signal === undefined ? "" : ` (${signal})`}`;
}
