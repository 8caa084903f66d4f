/**
 * The envelope of Kubernetes' protobuf media type: four bytes of magic, then runtime.Unknown with the kind and the raw
 * message (apimachinery pkg/runtime/serializer/protobuf).
 */
import { WireError, WireReader, WireWriter } from "./wire.ts";

export const PROTOBUF_MEDIA_TYPE = "application/vnd.kubernetes.protobuf";

/** "k8s" and a zero byte. */
const MAGIC = new Uint8Array([0x6b, 0x38, 0x73, 0x00]);

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** Throws WireError. */
export function openEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length < MAGIC.length || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new WireError(
      "provided data does not appear to be a protobuf message, expected prefix 6b 38 73 00",
    );
  const reader = new WireReader(bytes.subarray(MAGIC.length));
  let apiVersion = "";
  let kind = "";
  let raw: Uint8Array = new Uint8Array();
  while (reader.next()) {
    if (reader.number === 1) {
      const type = new WireReader(reader.bytes());
      while (type.next()) {
        if (type.number === 1) apiVersion = type.text();
        else if (type.number === 2) kind = type.text();
        else type.skip();
      }
    } else if (reader.number === 2) raw = reader.bytes();
    else reader.skip();
  }
  return { apiVersion, kind, raw };
}

export function sealEnvelope({ apiVersion, kind, raw }: Envelope): Uint8Array {
  const type = new WireWriter();
  type.text(1, apiVersion);
  type.text(2, kind);
  const unknown = new WireWriter();
  unknown.bytes(1, type.finish());
  unknown.bytes(2, raw);
  unknown.text(3, "");
  unknown.text(4, "");
  const message = unknown.finish();
  const sealed = new Uint8Array(MAGIC.length + message.length);
  sealed.set(MAGIC);
  sealed.set(message, MAGIC.length);
  return sealed;
}
