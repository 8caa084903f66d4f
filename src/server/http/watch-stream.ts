/**
 * A watch as a stream: lines of JSON, or framed protobuf. The piece of an event is made once for each form that it is
 * asked in, and shared by all watches; the events of one turn go out in one write, or in several turns if there are
 * very many of them.
 */
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { internalError } from "../../api/status-errors.ts";
import { TurnGate } from "../../base/turn-gate.ts";
import { Turns } from "../../base/turns.ts";
import type { RegistryEvent, RegistryWatch } from "../registry.ts";
import { objectMessage, statusMessage, watchEventFrame } from "./protobuf-forms.ts";
import { type Presentation, presentObject } from "./represent.ts";
import { tableOf } from "./table.ts";

/** By object: the pieces made of it, by type and form. */
const pieces = new WeakMap<KubeObject, Map<string, Buffer>>();

/**
 * Encrypting and sending costs 30 µs to 50 µs for each watch: a change told to a thousand in one turn of the event loop
 * would keep all other requests waiting.
 */
const fanOut = new TurnGate(200);

export interface WatchStreamOptions {
  readonly how: Presentation;
  /** Milliseconds since the epoch, for ages. */
  readonly clock: () => number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told of errors that are our fault. */
  readonly onError: (error: unknown) => void;
  /** Told how many events have been sent, and how many bytes they were. */
  readonly onSent?: (events: number, bytes: number) => void;
}

export async function* watchStream<T extends KubeObject>(
  kind: Kind<T>,
  watch: RegistryWatch<T>,
  { how, clock, signal, onError, onSent }: WatchStreamOptions,
): AsyncGenerator<Uint8Array | string> {
  const close = (): void => watch.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const plain = new EventForm(kind, how, clock, false);
  // The columns of a Table are sent with the first event only (handlers/watch.go).
  let form = how.view === "table" ? new EventForm(kind, how, clock, true) : plain;
  try {
    for await (const events of watch) {
      const room = fanOut.pass();
      if (room !== undefined) await room;
      const turns = new Turns();
      let made: Buffer[] = [];
      for (const [at, event] of events.entries()) {
        made.push(form.piece(event));
        form = plain;
        const last = at === events.length - 1;
        if (!last && !turns.over) continue;
        // Also after a wait: a client that has gone gets nothing made for it.
        if (signal.aborted) return;
        const sent = made.length === 1 ? made[0]! : Buffer.concat(made);
        const count = made.length;
        made = [];
        yield sent;
        onSent?.(count, sent.length);
        if (!last) await turns.next();
      }
    }
  } catch (error) {
    if (!(error instanceof ApiError)) onError(error);
    const { status } = error instanceof ApiError ? error : internalError("the watch failed");
    yield how.encoding === "protobuf"
      ? watchEventFrame("ERROR", statusMessage(status))
      : `${JSON.stringify({ type: "ERROR", object: status })}\n`;
  } finally {
    signal.removeEventListener("abort", close);
    watch.close();
  }
}

/** One of the forms that an event can have. */
class EventForm<T extends KubeObject> {
  readonly #kind: Kind<T>;
  readonly #how: Presentation;
  readonly #clock: () => number;
  readonly #columns: boolean;
  readonly #key: string;

  constructor(kind: Kind<T>, how: Presentation, clock: () => number, columns: boolean) {
    this.#kind = kind;
    this.#how = how;
    this.#clock = clock;
    this.#columns = columns;
    const { encoding, view, version, include } = how;
    // Only a Table shows what `include` says, and columns.
    this.#key =
      view === "table" ? `${view} ${version} ${include} ${columns}` : `${encoding} ${view} ${version}`;
  }

  piece({ type, object }: RegistryEvent<T>): Buffer {
    let made = pieces.get(object);
    if (made === undefined) pieces.set(object, (made = new Map()));
    const key = `${type} ${this.#key}`;
    let piece = made.get(key);
    if (piece === undefined) {
      piece = this.#make(type, object);
      made.set(key, piece);
    }
    return piece;
  }

  #make(type: string, object: T): Buffer {
    const how = { ...this.#how, now: this.#clock() };
    if (how.encoding === "protobuf") return watchEventFrame(type, objectMessage(this.#kind, object, how));
    return Buffer.from(`${JSON.stringify({ type, object: this.#shown(type, object, how) })}\n`);
  }

  #shown(type: string, object: T, how: Presentation): unknown {
    if (how.view !== "table") return presentObject(this.#kind, object, how);
    const { resourceVersion } = object.metadata;
    const items = type === "BOOKMARK" ? [] : [object];
    const table = tableOf(this.#kind, items, resourceVersion === undefined ? {} : { resourceVersion }, how);
    return this.#columns ? table : { ...table, columnDefinitions: null };
  }
}
