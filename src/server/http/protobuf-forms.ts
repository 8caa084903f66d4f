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
  const raw = listItemMessage(kind, object, view);
  return view === "object"
    ? sealEnvelope({ apiVersion: apiVersionOf(kind), kind: kind.kind, raw })
    : sealEnvelope({ apiVersion: `meta.k8s.io/${version}`, kind: "PartialObjectMetadata", raw });
}

/** An object in a list: not sealed, for the list says of what kind it is. */
export function listItemMessage<T extends KubeObject>(
  kind: Kind<T>,
  object: T,
  view: Representation["view"],
): Uint8Array {
  if (view === "object") return encodeMessage(kind.schema, object as unknown as Json);
  const writer = new WireWriter();
  const begun = writer.begin(1);
  writeMessage(writer, objectMetaSchema, object.metadata as Json);
  writer.end(begun);
  return writer.finish();
}

/** A sealed list of items that are messages already. */
export function listMessage(
  type: { readonly kind: string; readonly apiVersion: string },
  metadata: ListMeta,
  items: readonly Uint8Array[],
): Uint8Array {
  const writer = new WireWriter();
  const begun = writer.begin(1);
  writeMessage(writer, listMetaSchema, metadata as Json);
  writer.end(begun);
  for (const item of items) writer.bytes(2, item);
  return sealEnvelope({ ...type, raw: writer.finish() });
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
