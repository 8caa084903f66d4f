/** What a container has asked to be done after its start and before its stop (v1 Lifecycle). */
import type { Container } from "../../api/pod/type.ts";
import { pause } from "../../base/backoff.ts";
import { type ProbeTarget, probeOnce } from "./probe.ts";

type LifecycleHandler = NonNullable<NonNullable<Container["lifecycle"]>["preStop"]>;

/** Resolves when it is done; rejects if it fails, when `signal` aborts, or when the container has `ended` before. */
export async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  signal: AbortSignal,
  ended: Promise<unknown>,
): Promise<void> {
  const over = new AbortController();
  void ended.then(() => over.abort(new Error("the container has ended")));
  const until = AbortSignal.any([signal, over.signal]);
  if (hook.sleep === undefined) return probeOnce(hook, target, until);
  await pause(hook.sleep.seconds * 1000, until);
  until.throwIfAborted();
}
