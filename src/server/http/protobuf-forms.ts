/**
 * Objects, lists, Status and watch events in Kubernetes' protobuf (apimachinery runtime/serializer/protobuf; meta/v1
 * generated.proto has the numbers).
 */
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { objectMetaSchema } from "../../api/meta/schema.ts";
import { listMetaSchema, statusSchema } from "../../api/meta/status-schema.ts";
import type { KubeObject, ListMeta } from "../../api/meta/type.ts";
import { encodeMessage, writeMessage } from "../../api/schema/protobuf/encode.ts";
import { sealEnvelope } from "../../api/schema/protobuf/envelope.ts";
import { WireWriter } from "../../api/schema/protobuf/wire.ts";
import type { Representation } from "./negotiate.ts";

type Json = Readonly<Record<string, unknown>>;

/** A sealed object, or its metadata. */
export function objectMessage<T extends KubeObject>(
  kind: Kind<T>,
  object: T,
  { view, version }: Representation,
): Uint8Array {
  const writer = new WireWriter();
  writeObject(writer, kind, object, view);
  const raw = writer.finish();
  return view === "object"
    ? sealEnvelope({ apiVersion: apiVersionOf(kind), kind: kind.kind, raw })
    : sealEnvelope({ apiVersion: `meta.k8s.io/${version}`, kind: "PartialObjectMetadata", raw });
}

function writeObject<T extends KubeObject>(
  writer: WireWriter,
  kind: Kind<T>,
  object: T,
  view: Representation["view"],
): void {
  if (view === "object") return writeMessage(writer, kind.schema, object as unknown as Json);
  const begun = writer.begin(1);
  writeMessage(writer, objectMetaSchema, object.metadata as Json);
  writer.end(begun);
}

/** A list that is written item by item. The items are not sealed: the list says of what kind they are. */
export class ListMessage {
  readonly #type: { readonly kind: string; readonly apiVersion: string };
  readonly #writer = new WireWriter();

  constructor(type: { readonly kind: string; readonly apiVersion: string }, metadata: ListMeta) {
    this.#type = type;
    const begun = this.#writer.begin(1);
    writeMessage(this.#writer, listMetaSchema, metadata as Json);
    this.#writer.end(begun);
  }

  add<T extends KubeObject>(kind: Kind<T>, object: T, view: Representation["view"]): void {
    const begun = this.#writer.begin(2);
    writeObject(this.#writer, kind, object, view);
    this.#writer.end(begun);
  }

  /** Sealed. */
  finish(): Uint8Array {
    return sealEnvelope({ ...this.#type, raw: this.#writer.finish() });
  }
}

/** A sealed Status. */
export function statusMessage(status: object): Uint8Array {
  return sealEnvelope({
    apiVersion: "v1",
    kind: "Status",
    raw: encodeMessage(statusSchema, status as Json),
  });
}

/**
 * A WatchEvent with its length before it (4 bytes, the highest first). The event is not sealed, the object in it is:
 * WatchEvent { type = 1, object = 2: RawExtension { raw = 1 } }.
 */
export function watchEventFrame(type: string, sealed: Uint8Array): Buffer {
  const writer = new WireWriter();
  writer.text(1, type);
  const begun = writer.begin(2);
  writer.bytes(1, sealed);
  writer.end(begun);
  const event = writer.finish();
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length);
  frame.set(event, 4);
  return frame;
}
