/** A watch's events as bytes: lines of JSON, or framed protobuf. Made once for each form, and shared by all watches. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { InitialEvent } from "../registry/initial-events.ts";
import { storedJson } from "../registry/stored-object.ts";
import type { RegistryEvent } from "../registry.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import { objectMessage, watchEventFrame } from "./protobuf-forms.ts";
import { type Presentation, presentObject } from "./represent.ts";
import { tableOf } from "./table.ts";

/** By object: the pieces made of it, by type and form. */
const pieces = new WeakMap<KubeObject, Map<string, Buffer>>();

/** Bytes that most parts take; there is a little more in them than in the store. */
const PART = 80 * 1024;

/** By what many watches begin with: the bytes of all of it, by form. */
const parts = new WeakMap<readonly RegistryEvent<KubeObject>[], Map<string, Uint8Array>>();

/** One of the forms that an event can have. */
export class EventForm<T extends KubeObject> {
  readonly #kind: Kind<T>;
  readonly #how: Presentation;
  readonly #clock: () => number;
  readonly #columns: boolean;
  readonly #key: string;
  readonly #asStored: boolean;

  constructor(kind: Kind<T>, how: Presentation, clock: () => number, columns: boolean) {
    this.#kind = kind;
    this.#how = how;
    this.#clock = clock;
    this.#columns = columns;
    const { encoding, view, version, include } = how;
    this.#asStored = encoding === "json" && view === "object";
    // Only a Table shows what `include` says, and columns.
    this.#key =
      view === "table" ? `${view} ${version} ${include} ${columns}` : `${encoding} ${view} ${version}`;
  }

  /** Shared: never to be changed. */
  piece(event: RegistryEvent<T>): Buffer {
    const { type, object } = event;
    // Of these, parts are kept, for as long as watches begin with them. And a Table tells how old an object is: what
    // was made of it when it changed would be wrong later.
    if (event instanceof InitialEvent) return this.#make(type, object);
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

  /** The bytes of these initial events, shared: never to be changed. Undefined: not in this form, which tells ages. */
  part(events: readonly RegistryEvent<T>[]): Uint8Array | undefined {
    if (this.#how.view === "table") return undefined;
    let made = parts.get(events);
    if (made === undefined) parts.set(events, (made = new Map()));
    let part = made.get(this.#key);
    if (part === undefined) {
      const buffer = new PieceBuffer(PART);
      for (const event of events) this.write(buffer, event);
      part = buffer.take();
      made.set(this.#key, part);
    }
    return part;
  }

  /** Appends the event's piece. What a watch begins with is made from what is stored, without keeping it twice. */
  write(buffer: PieceBuffer, event: RegistryEvent<T>): void {
    const stored =
      this.#asStored && event instanceof InitialEvent ? storedJson(this.#kind, event.entry) : undefined;
    if (stored === undefined) {
      const piece = this.piece(event);
      return buffer.part(piece, 0, piece.length);
    }
    const { json, metadata } = stored;
    buffer.text(`{"type":"${event.type}","object":`);
    buffer.part(json, 0, metadata);
    buffer.text(`"resourceVersion":"${(event as InitialEvent<T>).entry.modRevision}",`);
    buffer.part(json, metadata, json.length);
    buffer.text("}\n");
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
