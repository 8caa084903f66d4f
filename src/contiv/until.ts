/** Waits for what becomes of an object, woken by its watch. */
import { ApiError } from "../api/api-error.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Client, ObjectName } from "../client/client.ts";
import { find } from "./sides.ts";

export interface Waited<T> {
  /** As it was last seen; undefined if it is gone. */
  readonly object: T | undefined;
  /** Whether it came to what was waited for before the time was over. */
  readonly came: boolean;
}

/**
 * Until `holds` for the object with this uid, or for undefined when that is gone; for `milliseconds` at most. A watch that
 * ends is begun again from what there is then.
 */
export async function until<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  { uid, ...name }: ObjectName & { readonly uid: string | undefined },
  milliseconds: number,
  holds: (object: T | undefined) => boolean,
): Promise<Waited<T>> {
  // What is aborted at the end of a wait is its watch too.
  using over = timer(milliseconds);
  const same = (object: T | undefined): T | undefined => (object?.metadata.uid === uid ? object : undefined);
  let object = same(await find(client, kind, name));
  while (!holds(object)) {
    if (over.signal.aborted || object === undefined) return { object, came: false };
    const events = client.watch(kind, {
      ...name,
      fieldSelector: `metadata.name=${name.name}`,
      resourceVersion: object.metadata.resourceVersion ?? "0",
      signal: over.signal,
    });
    try {
      for await (const { type, object: seen } of events) {
        if (type === "BOOKMARK" || seen.metadata.name !== name.name) continue;
        object = type === "DELETED" ? undefined : same(seen);
        if (holds(object) || object === undefined) return { object, came: holds(object) };
      }
    } catch (error) {
      // The history from there on is forgotten: what there is now says as much.
      if (!(error instanceof ApiError && error.code === 410)) throw error;
    }
    if (!over.signal.aborted) object = same(await find(client, kind, name));
  }
  return { object, came: true };
}

function timer(milliseconds: number): Disposable & { readonly signal: AbortSignal } {
  const ended = new AbortController();
  const clock = setTimeout(() => ended.abort(), milliseconds);
  return {
    signal: ended.signal,
    [Symbol.dispose]() {
      clearTimeout(clock);
      ended.abort();
    },
  };
}
