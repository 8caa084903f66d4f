/**
 * A watch as a body: it writes what happens when it happens, the events of one turn in one write. While its reader does
 * not keep up, nothing is asked of the watch and nothing waits here but one write.
 */
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { internalError } from "../../api/status-errors.ts";
import { InitialEvent } from "../registry/initial-events.ts";
import type { RegistryEvent, RegistryWatch, WatchReader } from "../registry.ts";
import { EventForm } from "./event-form.ts";
import type { LiveBody, Outlet } from "./exchange.ts";
import { FanOut, type SmallWork } from "./fan-out.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import { statusMessage, watchEventFrame } from "./protobuf-forms.ts";
import type { Presentation } from "./represent.ts";

/**
 * Encrypting and sending costs 15 µs to 50 µs for each watch. Those that begin with very many objects take turns of
 * their own, so that others need not wait behind all of them to hear of a change.
 */
const changes = new FanOut();
const beginnings = new FanOut();

/** Bytes of the events in one write, about. */
const WRITE = 32 * 1024;

export interface WatchStreamOptions {
  readonly how: Presentation;
  /** Milliseconds since the epoch, for ages. */
  readonly clock: () => number;
  /** Ends the watch, with a last bookmark where they are allowed. */
  readonly signal: AbortSignal;
  /** Told of errors that are our fault. */
  readonly onError: (error: unknown) => void;
  /** Told how many events have been sent, and how many bytes they were. */
  readonly onSent?: (events: number, bytes: number) => void;
}

export function watchStream<T extends KubeObject>(
  kind: Kind<T>,
  watch: RegistryWatch<T>,
  options: WatchStreamOptions,
): LiveBody {
  return new WatchStream(kind, watch, options);
}

class WatchStream<T extends KubeObject> implements LiveBody, WatchReader<T>, SmallWork {
  readonly #watch: RegistryWatch<T>;
  readonly #options: WatchStreamOptions;
  readonly #later: EventForm<T>;
  readonly #over = Promise.withResolvers<void>();
  #form: EventForm<T>;
  #outlet: Outlet | undefined;
  /** What the watch has told and is not written yet, from this place on. */
  #events: readonly RegistryEvent<T>[] = [];
  #at = 0;
  /** The reader has not taken the last write yet. */
  #full = false;
  #closed = false;

  constructor(kind: Kind<T>, watch: RegistryWatch<T>, options: WatchStreamOptions) {
    this.#watch = watch;
    this.#options = options;
    const { how, clock, signal } = options;
    this.#later = new EventForm(kind, how, clock, false);
    // The columns of a Table are sent with the first event only (handlers/watch.go).
    this.#form = how.view === "table" ? new EventForm(kind, how, clock, true) : this.#later;
    signal.addEventListener("abort", this.#finish, { once: true });
    if (signal.aborted) this.#finish();
  }

  get over(): Promise<void> {
    return this.#over.promise;
  }

  start(outlet: Outlet): void {
    this.#outlet = outlet;
    if (this.#closed) outlet.end();
    else this.#watch.take(this);
  }

  resume(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#continue();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events = [];
    this.#options.signal.removeEventListener("abort", this.#finish);
    this.#watch.close();
    this.#over.resolve();
  }

  /** Called by the watch. */
  events(events: readonly RegistryEvent<T>[]): void {
    if (this.#closed) return;
    this.#events = events;
    this.#at = 0;
    (events[0] instanceof InitialEvent ? beginnings : changes).add(this);
  }

  /** Called by the watch. */
  ended(): void {
    if (this.#closed) return;
    this.close();
    this.#outlet?.end();
  }

  /** Called by the watch. */
  failed(error: unknown): void {
    if (this.#closed) return;
    this.close();
    if (!(error instanceof ApiError)) this.#options.onError(error);
    const { status } = error instanceof ApiError ? error : internalError("the watch failed");
    this.#outlet?.write(
      this.#options.how.encoding === "protobuf"
        ? watchEventFrame("ERROR", statusMessage(status))
        : Buffer.from(`${JSON.stringify({ type: "ERROR", object: status })}\n`),
    );
    this.#outlet?.end();
  }

  /** Writes some of the events: all, where they are few. */
  run(): void {
    if (this.#closed) return;
    const from = this.#at;
    let sent: Uint8Array;
    try {
      sent = this.#make();
    } catch (error) {
      return this.failed(error);
    }
    this.#full = !this.#outlet!.write(sent);
    this.#options.onSent?.(this.#at - from, sent.length);
    if (!this.#full) this.#continue();
  }

  #continue(): void {
    if (this.#closed) return;
    if (this.#at < this.#events.length) return beginnings.add(this);
    this.#events = [];
    this.#watch.take(this);
  }

  /** The next write. */
  #make(): Uint8Array {
    const events = this.#events;
    const form = this.#form;
    this.#form = this.#later;
    // One event is what there mostly is, and its bytes are shared with all other watches.
    if (events.length === 1) return form.piece(events[this.#at++]!);
    const whole = this.#at === 0 && events[0] instanceof InitialEvent ? form.part(events) : undefined;
    if (whole !== undefined) {
      this.#at = events.length;
      return whole;
    }
    const buffer = new PieceBuffer(WRITE);
    form.write(buffer, events[this.#at++]!);
    while (this.#at < events.length && !buffer.isFull) this.#later.write(buffer, events[this.#at++]!);
    return buffer.take();
  }

  readonly #finish = (): void => {
    this.#watch.finish();
  };
}
