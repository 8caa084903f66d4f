/**
 * Objects as the store holds them, JSON without resourceVersion, and as everybody else sees them. An object is parsed
 * once: the parsed form is kept for as long as the store keeps the bytes, and shared by all readers. The same goes for
 * what a kind that is a view (Kind.view) shows of it.
 */
import { shareFields } from "../../api/apply/managers.ts";
import { apiVersionOf, type Kind, type KindView } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { objectFromValue } from "../../api/schema/body.ts";
import type { DeleteEvent, Entry, PutEvent, Revision } from "../../store/store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is known of bytes in the store. */
interface Known {
  /** Without resourceVersion it was written by us and not read yet. Undefined: nobody has needed it. */
  object: KubeObject | undefined;
  /** Nothing has to be filled in: the bytes are what everybody sees, but for the resourceVersion. */
  complete: boolean;
  /** By which all that holds: a CustomResourceDefinition can get another one, with other defaults, while bytes stay. */
  readonly schema: Kind["schema"];
}

/** One for both: entries of weak maps are what costs most here, at each write and each collection of garbage. */
const known = new WeakMap<Uint8Array, Known>();

function knownOf({ schema }: Kind, bytes: Uint8Array): Known | undefined {
  const about = known.get(bytes);
  return about?.schema === schema ? about : undefined;
}

/** The last state of deleted objects, by the event or entry that ended them. */
const lastStates = new WeakMap<object, KubeObject>();
/** What a view shows, by the object that it shows. */
const shown = new WeakMap<Kind, WeakMap<KubeObject, KubeObject>>();

/** The bytes to store. Takes `object` over: it must not be changed any more. */
export function encodeObject<T extends KubeObject>(kind: Kind<T>, object: T): Uint8Array {
  const stored = kind.view === undefined ? object : storedForm(kind.view, object);
  delete stored.metadata.resourceVersion;
  const bytes = encoder.encode(JSON.stringify(stored));
  const { schema } = kind.view?.of ?? kind;
  known.set(bytes, { object: stored, complete: true, schema });
  return bytes;
}

/**
 * The JSON of an entry as it is in the store, if it is what the kind shows but for the missing resourceVersion: from it
 * the object can be sent without being parsed. Undefined: use {@link decodeEntry}.
 */
export function storedJson<T extends KubeObject>(kind: Kind<T>, { value }: Entry): StoredJson | undefined {
  if (kind.view !== undefined) return undefined;
  const head = headOf(kind);
  if (value.length < head.length || head.compare(value, 0, head.length) !== 0) return undefined;
  const about = knownOf(kind, value);
  if (about?.complete !== true) {
    // Written by another process, perhaps by another version of this program with other defaults.
    const text = decoder.decode(value);
    const object = JSON.parse(text) as T;
    kind.setDefaults(object);
    if (JSON.stringify(object) !== text) return undefined;
    if (about === undefined) known.set(value, { object: undefined, complete: true, schema: kind.schema });
    else about.complete = true;
  }
  return { json: value, metadata: head.length };
}

export interface StoredJson {
  readonly json: Uint8Array;
  /** Where the first field of the metadata begins. */
  readonly metadata: number;
}

const heads = new WeakMap<Kind, Buffer>();

/** How the JSON of an object in canonical form begins. */
function headOf(kind: Kind): Buffer {
  let head = heads.get(kind);
  if (head === undefined) {
    const type = JSON.stringify({ apiVersion: apiVersionOf(kind), kind: kind.kind });
    head = Buffer.from(`${type.slice(0, -1)},"metadata":{`);
    heads.set(kind, head);
  }
  return head;
}

function storedForm<T extends KubeObject>(view: KindView<T>, object: T): KubeObject {
  const stored = draftOf(view.of, view.toStored(object));
  view.of.setDefaults(stored);
  return stored;
}

/** The object of an entry, with its resourceVersion and defaults. Shared: never to be changed. */
export function decodeEntry<T extends KubeObject>(kind: Kind<T>, entry: Entry): T {
  if (kind.view !== undefined) return show(kind, kind.view, decodeEntry(kind.view.of, entry));
  const { value, modRevision } = entry;
  let object = knownOf(kind, value)?.object;
  if (object === undefined) {
    object = JSON.parse(decoder.decode(value)) as T;
    complete(kind, value, object);
  }
  object.metadata.resourceVersion ??= String(modRevision);
  return object as T;
}

/** Fills in what the bytes leave out, and keeps the object for other readers of them. */
function complete(kind: Kind, value: Uint8Array, object: KubeObject): void {
  kind.setDefaults(object);
  if (object.metadata.managedFields !== undefined) shareFields(object.metadata.managedFields);
  const about = knownOf(kind, value);
  if (about === undefined) known.set(value, { object, complete: false, schema: kind.schema });
  else about.object = object;
}

/** The object as a view shows it: the same one for every caller. Shared: never to be changed. */
function show<T extends KubeObject>(kind: Kind<T>, view: KindView<T>, stored: KubeObject): T {
  let ofKind = shown.get(kind);
  if (ofKind === undefined) shown.set(kind, (ofKind = new WeakMap()));
  let object = ofKind.get(stored) as T | undefined;
  if (object === undefined) {
    object = draftOf(kind, view.fromStored(stored));
    kind.setDefaults(object);
    ofKind.set(stored, object);
  }
  return object;
}

/** A new object with the same parts, but for the resourceVersion. */
export function atRevision<T extends KubeObject>(object: T, revision: Revision): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** What an object was when `event` ended it, with the version of its end. The same object for every caller. */
export function lastState<T extends KubeObject>(kind: Kind<T>, event: PutEvent | DeleteEvent): T {
  if (kind.view !== undefined) return show(kind, kind.view, lastState(kind.view.of, event));
  let object = lastStates.get(event) as T | undefined;
  if (object === undefined) {
    object = atRevision(decodeEntry(kind, event.previous!), event.revision);
    lastStates.set(event, object);
  }
  return object;
}

/** A copy that may be changed, in the canonical form of its kind. Throws ApiError 400 if it is no such object. */
export function draftOf<T extends KubeObject>(kind: Kind<T>, object: T): T {
  return objectFromValue(kind, object, { fieldValidation: "Ignore" });
}
