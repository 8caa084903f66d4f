/**
 * Lists as streams: made in short turns while the client takes them, the common form (JSON of whole objects) out of the
 * very bytes that the store holds. The entries are a snapshot, so it does not matter how long that takes.
 */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject, ListMeta } from "../../api/meta/type.ts";
import { Turns } from "../../base/turns.ts";
import type { Entry } from "../../store/store.ts";
import type { EntryList } from "../registry/list.ts";
import { decodeEntry, type StoredJson, storedJson } from "../registry/stored-object.ts";
import type { Response } from "./exchange.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import { MEDIA_TYPES } from "./negotiate.ts";
import { ListMessage } from "./protobuf-forms.ts";
import { listType, notAList, type Presentation, valueText } from "./represent.ts";
import type { ResourceCall } from "./resource-call.ts";
import { columnDefinitions, partialOf, tableRow } from "./table.ts";

/** An item by its entry, or an object that is in no store. */
type Item = { readonly entry: Entry } | { readonly object: KubeObject };

type Pieces = AsyncGenerator<Uint8Array | string>;

/** Throws ApiError 406 if the form of a single object was asked for. */
export function entriesResponse(call: ResourceCall, { entries, ...metadata }: EntryList): Response {
  return listResponse(call, metadata, entries.length, (i) => ({ entry: entries[i]! }));
}

/** What is no longer in the store: the objects of a deleted collection. */
export function objectsResponse(call: ResourceCall, objects: readonly KubeObject[]): Response {
  return listResponse(call, {}, objects.length, (i) => ({ object: objects[i]! }));
}

function listResponse(
  call: ResourceCall,
  metadata: ListMeta,
  count: number,
  item: (i: number) => Item,
): Response {
  const { how, kind } = call;
  if (how.view === "metadata") throw notAList(kind);
  const items = new Items(kind, how, count, item);
  return {
    status: 200,
    headers: { "content-type": MEDIA_TYPES[how.encoding], ...call.headers() },
    body: how.encoding === "protobuf" ? protobufList(items, metadata) : textList(items, metadata),
    compressible: true,
  };
}

class Items {
  readonly kind: Kind;
  readonly how: Presentation;
  readonly count: number;
  readonly #item: (i: number) => Item;

  constructor(kind: Kind, how: Presentation, count: number, item: (i: number) => Item) {
    this.kind = kind;
    this.how = how;
    this.count = count;
    this.#item = item;
  }

  object(i: number): KubeObject {
    const item = this.#item(i);
    return "object" in item ? item.object : decodeEntry(this.kind, item.entry);
  }

  value(i: number): unknown {
    const object = this.object(i);
    if (this.how.view === "object") return object;
    if (this.how.view === "table") return tableRow(this.kind, object, this.how);
    return partialOf(object, this.how.version);
  }

  /** The entry, if its stored bytes are the item's JSON but for the resourceVersion. */
  stored(i: number): (StoredJson & { readonly entry: Entry }) | undefined {
    if (this.how.view !== "object" || this.how.pretty || this.how.encoding !== "json") return undefined;
    const item = this.#item(i);
    if (!("entry" in item)) return undefined;
    const stored = storedJson(this.kind, item.entry);
    return stored === undefined ? undefined : { ...stored, entry: item.entry };
  }
}

async function* textList(items: Items, metadata: ListMeta): Pieces {
  const { kind, how } = items;
  const head = { ...listType(kind, how), metadata };
  const columns = how.view === "table" ? { columnDefinitions: columnDefinitions(kind) } : {};
  const field = how.view === "table" ? "rows" : "items";
  if (how.encoding === "yaml") yield* yamlItems(items, { ...head, ...columns }, field);
  else if (how.pretty) yield* prettyItems(items, { ...head, ...columns }, field);
  else yield* jsonItems(items, `${JSON.stringify({ ...head, ...columns }).slice(0, -1)},"${field}":[`);
}

async function* jsonItems(items: Items, head: string): Pieces {
  const turns = new Turns();
  const buffer = new PieceBuffer();
  buffer.text(head);
  for (let i = 0; i < items.count; i++) {
    if (i > 0) buffer.text(",");
    const stored = items.stored(i);
    if (stored === undefined) buffer.text(JSON.stringify(items.value(i)));
    else {
      const { json, metadata, entry } = stored;
      buffer.part(json, 0, metadata);
      buffer.text(`"resourceVersion":"${entry.modRevision}",`);
      buffer.part(json, metadata, json.length);
    }
    if (buffer.isFull) yield buffer.take();
    if (turns.over) await turns.next();
  }
  buffer.text("]}\n");
  yield buffer.take();
}

/** Indented by two, as if the whole list had been written at once. */
async function* prettyItems(items: Items, head: object, field: string): Pieces {
  const turns = new Turns();
  const buffer = new PieceBuffer();
  buffer.text(`${JSON.stringify(head, null, 2).slice(0, -2)},\n  "${field}": [`);
  for (let i = 0; i < items.count; i++) {
    const lines = JSON.stringify(items.value(i), null, 2).replaceAll("\n", "\n    ");
    buffer.text(`${i === 0 ? "" : ","}\n    ${lines}`);
    if (buffer.isFull) yield buffer.take();
    if (turns.over) await turns.next();
  }
  buffer.text(items.count === 0 ? "]\n}" : "\n  ]\n}");
  yield buffer.take();
}

async function* yamlItems(items: Items, head: Record<string, unknown>, field: string): Pieces {
  const turns = new Turns();
  const buffer = new PieceBuffer();
  const before = Object.entries(head).filter(([name]) => name < field);
  const after = Object.entries(head).filter(([name]) => name > field);
  buffer.text(valueText(Object.fromEntries(before), items.how));
  buffer.text(items.count === 0 ? `${field}: []\n` : `${field}:\n`);
  for (let i = 0; i < items.count; i++) {
    buffer.text(valueText([items.value(i)], items.how));
    if (buffer.isFull) yield buffer.take();
    if (turns.over) await turns.next();
  }
  if (after.length > 0) buffer.text(valueText(Object.fromEntries(after), items.how));
  yield buffer.take();
}

/** The length of the whole stands before it, so all is made before anything is sent. */
async function* protobufList(items: Items, metadata: ListMeta): Pieces {
  const { kind, how } = items;
  const turns = new Turns();
  const message = new ListMessage(listType(kind, how), metadata);
  for (let i = 0; i < items.count; i++) {
    message.add(kind, items.object(i), how.view);
    if (turns.over) await turns.next();
  }
  yield message.finish();
}
