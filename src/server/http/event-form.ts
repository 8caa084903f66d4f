/** A watch's events as bytes: lines of JSON, or framed protobuf. Made once for each form, and shared by all watches. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { InitialEvent } from "../registry/initial-events.ts";
import { storedJson } from "../registry/stored-object.ts";
import type { RegistryEvent } from "../registry.ts";
import type { PieceBuffer } from "./piece-buffer.ts";
import { objectMessage, watchEventFrame } from "./protobuf-forms.ts";
import { type Presentation, presentObject } from "./represent.ts";
import { tableOf } from "./table.ts";

/** By object: the pieces made of it, by type and form. */
const pieces = new WeakMap<KubeObject, Map<string, Buffer>>();

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
    // A Table tells how old an object is: what was made of it when it changed would be wrong later.
    if (event instanceof InitialEvent && this.#how.view === "table") return this.#make(type, object);
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
