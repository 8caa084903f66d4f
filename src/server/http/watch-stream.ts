/**
 * A watch as lines of JSON. The line of an event is made once for each form it is asked in, and shared by all watches;
 * the events of one turn go out in one write.
 */
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { internalError } from "../../api/status-errors.ts";
import type { RegistryEvent, RegistryWatch } from "../registry.ts";
import { type Presentation, presentObject } from "./represent.ts";
import { tableOf } from "./table.ts";

/** By object: the lines made of it, by type and form. */
const lines = new WeakMap<KubeObject, Map<string, Buffer>>();

export interface WatchStreamOptions {
  readonly how: Presentation;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told of errors that are our fault. */
  readonly onError: (error: unknown) => void;
}

export async function* watchStream<T extends KubeObject>(
  kind: Kind<T>,
  watch: RegistryWatch<T>,
  { how, signal, onError }: WatchStreamOptions,
): AsyncGenerator<Uint8Array | string> {
  const close = (): void => watch.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const form = `${how.view}/${how.version}/${how.include}`;
  try {
    for await (const events of watch) {
      if (signal.aborted) return;
      const [only] = events;
      yield events.length === 1
        ? lineOf(kind, only!, form, how)
        : Buffer.concat(events.map((event) => lineOf(kind, event, form, how)));
    }
  } catch (error) {
    if (!(error instanceof ApiError)) onError(error);
    const { status } = error instanceof ApiError ? error : internalError("the watch failed");
    yield `${JSON.stringify({ type: "ERROR", object: status })}\n`;
  } finally {
    signal.removeEventListener("abort", close);
    watch.close();
  }
}

function lineOf<T extends KubeObject>(
  kind: Kind<T>,
  { type, object }: RegistryEvent<T>,
  form: string,
  how: Presentation,
): Buffer {
  let made = lines.get(object);
  if (made === undefined) lines.set(object, (made = new Map()));
  const key = `${type}/${form}`;
  let line = made.get(key);
  if (line === undefined) {
    const value =
      type === "BOOKMARK" && how.view === "table"
        ? tableOf(kind, [], { resourceVersion: object.metadata.resourceVersion! }, how)
        : presentObject(kind, object, how);
    line = Buffer.from(`${JSON.stringify({ type, object: value })}\n`);
    made.set(key, line);
  }
  return line;
}
