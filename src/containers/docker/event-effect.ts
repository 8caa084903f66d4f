/**
 * What an event says about a container, told from the event alone: no question to the engine stands between a
 * container's death and the end of its traffic. Pure.
 */
import type { ContainerInspect, ContainerState, EngineEvent } from "./engine-types.ts";

export type EventEffect =
  /** Nothing that matters: attached, resized, a command was run in it. */
  | { readonly type: "none" }
  /** Something has changed: ask the engine. */
  | { readonly type: "ask" }
  /** It is this now; the engine is asked all the same, for what the event does not tell. */
  | { readonly type: "changed"; readonly container: ContainerInspect }
  /** It was sent a signal that ends it. */
  | { readonly type: "stopping" }
  /** It is no more. */
  | { readonly type: "gone" };

/** Linux's numbers of the signals that an image or `docker kill` may name; "RTMIN+n" is computed. */
const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  WINCH: 28,
  PWR: 30,
};
const SIGRTMIN = 34;

/** Sent to end a process, whatever its image calls its stop signal. */
const ENDING_SIGNALS: ReadonlySet<number> = new Set([
  SIGNALS["INT"]!,
  SIGNALS["QUIT"]!,
  SIGNALS["KILL"]!,
  SIGNALS["TERM"]!,
]);

/** "SIGTERM", "TERM", "15", 15 or "RTMIN+3" as a number; undefined if it is none. */
export function signalNumber(signal: string | number): number | undefined {
  const text = String(signal).toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(text)) return Number(text);
  const [, offset] = /^RTMIN(?:\+(\d+))?$/.exec(text) ?? [];
  return text.startsWith("RTMIN") ? SIGRTMIN + Number(offset ?? 0) : SIGNALS[text];
}

/** Whether a container that gets this signal is about to end: its stop signal, or one that means so. */
export function isEndingSignal(
  signal: string | number,
  stopSignal: string | number | null | undefined,
): boolean {
  const number = signalNumber(signal);
  return (
    number !== undefined && (ENDING_SIGNALS.has(number) || number === signalNumber(stopSignal || "TERM"))
  );
}

/** `container` is what was last known of it; undefined if nothing was. */
export function effectOf(event: EngineEvent, container: ContainerInspect | undefined): EventEffect {
  const { Action, Actor } = event;
  const attributes = Actor.Attributes ?? {};
  if (event.Type === "network") return networkEffect(Action, attributes["name"], container);
  // Health probes bring three of these each.
  if (Action.startsWith("exec_")) return { type: "none" };
  if (Action === "destroy" || Action === "remove") return { type: "gone" };
  if (container === undefined) return { type: "ask" };
  // What happened before this run of the container says nothing about it.
  if (event.timeNano / 1e6 < Date.parse(container.State.StartedAt)) return { type: "ask" };
  const state = (change: Partial<ContainerState>): EventEffect =>
    changed(container, { State: { ...container.State, ...change } });
  const [action, detail] = Action.split(": ");
  switch (action) {
    case "kill":
      return isEndingSignal(attributes["signal"] ?? "", container.Config.StopSignal)
        ? { type: "stopping" }
        : { type: "none" };
    // "died" is Podman's.
    case "die":
    case "died":
      return died(container, event);
    case "pause":
      return state({ Paused: true, Status: "paused" });
    case "unpause":
      return state({ Paused: false, Status: "running" });
    case "rename":
      return attributes["name"] === undefined
        ? { type: "ask" }
        : changed(container, { Name: attributes["name"] });
    case "health_status": {
      const status = detail ?? attributes["health_status"];
      return status === undefined
        ? { type: "ask" }
        : state({ Health: { ...container.State.Health, Status: status } });
    }
    case "create":
    case "start":
    case "restart":
    case "stop":
    case "update":
    case "oom":
      return { type: "ask" };
    default:
      return { type: "none" };
  }
}

/** It ended; whether the engine starts it again is for the engine to say. */
function died(container: ContainerInspect, event: EngineEvent): EventEffect {
  const code = Number(event.Actor.Attributes?.["exitCode"] ?? event.Actor.Attributes?.["containerExitCode"]);
  const policy = container.HostConfig.RestartPolicy?.Name;
  const restarts =
    policy === "always" || policy === "unless-stopped" || (policy === "on-failure" && code !== 0);
  return changed(container, {
    State: {
      ...container.State,
      Status: restarts ? "restarting" : "exited",
      Running: false,
      Paused: false,
      Restarting: restarts,
      ExitCode: Number.isNaN(code) ? container.State.ExitCode : code,
      FinishedAt: new Date(event.timeNano / 1e6).toISOString(),
    },
  });
}

function networkEffect(
  action: string,
  network: string | undefined,
  container: ContainerInspect | undefined,
): EventEffect {
  if (action === "connect") return { type: "ask" };
  if (action !== "disconnect") return { type: "none" };
  const networks = container?.NetworkSettings.Networks;
  if (container === undefined || network === undefined || networks?.[network] === undefined)
    return { type: "ask" };
  const { [network]: _, ...rest } = networks;
  return changed(container, { NetworkSettings: { Networks: rest } });
}

function changed(container: ContainerInspect, change: Partial<ContainerInspect>): EventEffect {
  return { type: "changed", container: { ...container, ...change } };
}
