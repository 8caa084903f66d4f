/** Writes a pod's status to the API: the newest one, one write at a time, until it is there. */
import { ApiError } from "../../api/api-error.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod, PodStatus } from "../../api/pod/type.ts";
import type { Log } from "../../base/log.ts";
import { backoffDelay, pause } from "../../base/backoff.ts";
import type { Client } from "../../client/client.ts";

export interface StatusWriter {
  /** The status has changed; written in the next turn of the event loop, together with other changes of this one. */
  changed(): void;
  /** Resolves when nothing is left to write, or the pod is gone, or the signal has aborted. */
  settled(): Promise<void>;
}

export interface StatusWriterParts {
  readonly client: Client;
  readonly log: Log;
  /** The pod as it is now. */
  readonly pod: () => Pod;
  readonly status: () => PodStatus;
  readonly signal: AbortSignal;
}

export function createStatusWriter(parts: StatusWriterParts): StatusWriter {
  const { client, log, pod, status, signal } = parts;
  let dirty = false;
  let gone = false;
  let writing: Promise<void> | undefined;
  let written = "";

  async function write(): Promise<void> {
    for (let failures = 0; dirty && !gone && !signal.aborted;) {
      dirty = false;
      const next = status();
      // Times of conditions depend on what was written before, so equal text means that nothing is new.
      const text = JSON.stringify(next);
      if (text === written) continue;
      try {
        await patchStatus(client, pod(), next);
        written = text;
        failures = 0;
      } catch (err) {
        if (err instanceof ApiError && (err.code === 404 || err.code === 409)) {
          // Gone, or another pod of the same name by now.
          gone = true;
          return;
        }
        log.warn({ err, pod: pod().metadata.name }, "writing a pod's status failed, trying again");
        dirty = true;
        await pause(backoffDelay(++failures), signal);
      }
    }
  }

  return {
    changed() {
      dirty = true;
      writing ??= nextTurn()
        .then(write)
        .finally(() => (writing = undefined));
    },
    async settled() {
      // What changed while a write was under way is written by the same loop, or by one that began since.
      await writing;
      if (writing !== undefined) await this.settled();
    },
  };
}

/** A merge patch, so that other writers' fields of status are left alone; the uid makes it fail for another pod. */
async function patchStatus(client: Client, pod: Pod, status: PodStatus): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const object = { namespace: namespace ?? "default", name: name ?? "" };
  await client.patch(podKind, object, "merge", { metadata: { uid }, status }, { subresource: "status" });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
