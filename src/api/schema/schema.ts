/**
 * The schema of a kind: one record a field, from which everything general is derived: the protobuf codec, the check of
 * JSON bodies, strategic merge patches, OpenAPI, `kubectl explain`.
 *
 * The values of the protobuf numbers, patch keys and list types are Kubernetes' (generated.proto and the struct tags of
 * k8s.io/api). schema.ts has the types; fields.ts builds them, checked against the hand-written TypeScript types.
 */

/**
 * A value without parts. `json` is any JSON object (FieldsV1, RawExtension); on the wire a message with the raw text in
 * field 1. `any` is any JSON value at all, and occurs only where nothing is sent as protobuf.
 */
export type ScalarType =
  | "string"
  | "boolean"
  | "int32"
  | "int64"
  | "double"
  | "bytes"
  | "time"
  | "microTime"
  | "quantity"
  | "intOrString"
  | "json"
  | "any";

export interface ScalarSchema {
  readonly type: ScalarType;
  /** The values there are, where the set is closed. */
  readonly enum?: readonly string[];
}

export interface ListSchema {
  readonly type: "list";
  readonly items: ScalarSchema | ObjectSchema<unknown>;
}

/** Text to a value: labels, resource quantities; lists of strings are messages with the items in field 1 on the wire. */
export interface MapSchema {
  readonly type: "map";
  readonly values: ScalarSchema | ObjectSchema<unknown> | ListSchema;
}

export type ValueSchema = ScalarSchema | ListSchema | MapSchema | ObjectSchema<unknown>;

/** How server-side apply merges a list (x-kubernetes-list-type), and by which keys. */
export interface ListMerge {
  readonly type: "atomic" | "set" | "map";
  readonly keys?: readonly string[];
}

/** How a strategic merge patch merges a list or an object (x-kubernetes-patch-strategy, -merge-key). */
export interface PatchMerge {
  readonly strategy: "merge" | "replace" | "retainKeys" | "merge,retainKeys";
  readonly key?: string;
}

export interface FieldSchema {
  /** The field number in the protobuf message. */
  readonly number: number;
  /** The number of the message that holds this field on the wire, where Go embeds a struct that JSON flattens. */
  readonly within?: number;
  readonly value: ValueSchema;
  readonly description: string;
  /** Written even when empty; `required` in OpenAPI if not `optional`. */
  readonly required: boolean;
  /**
   * Where OpenAPI says otherwise than `required`. True: written even when empty, and yet a client may leave it out (a Go
   * field marked +optional without omitempty). False: a client must send it, though it is not written when it is empty
   * (marked +required with omitempty).
   */
  readonly optional?: boolean;
  /** A Go pointer: an explicit 0, "" or false is something else than nothing, and is kept. */
  readonly pointer: boolean;
  readonly list?: ListMerge;
  /** The object or map is replaced as a whole by server-side apply (x-kubernetes-map-type: atomic). */
  readonly atomic?: boolean;
  readonly patch?: PatchMerge;
  readonly default?: string | number | boolean;
}

/**
 * An object with named fields. The type parameter is the TypeScript type it describes; nothing of it is there at run time.
 */
export interface ObjectSchema<out T> {
  readonly type: "object";
  /** OpenAPI's name, "io.k8s.api.core.v1.ServicePort"; the last two parts are the Go type's. */
  readonly name: string;
  readonly description: string;
  readonly fields: ReadonlyMap<string, FieldSchema>;
  /** The fields by their wire number, for decoding. */
  readonly wire: WireFields;
  readonly atomic: boolean;
  /** There may be other fields, with any JSON (x-kubernetes-preserve-unknown-fields). @default false */
  readonly open?: boolean;
  /** Of a kind that a CustomResourceDefinition describes: how its JSON is read and published. */
  readonly custom?: CustomSchema;
  readonly "~type"?: T;
}

/** JSON that is kept as it is sent, where its types are for validation to judge and not for the reader. */
export interface CustomSchema {
  /**
   * A copy without what the schema does not know, except for metadata, which the caller reads. The paths of what was
   * left out ("spec.foo") are added to `unknown`.
   */
  prune(value: Readonly<Record<string, unknown>>, unknown: string[]): Record<string, unknown>;
  /** The schema of all but apiVersion, kind and metadata, as OpenAPI v3 has it. */
  readonly openApi: Readonly<Record<string, unknown>>;
}

/** What a wire number means: a field, or a message whose fields belong to the same JSON object. */
export type WireFields = ReadonlyMap<
  number,
  { readonly name: string; readonly field: FieldSchema } | { readonly within: WireFields }
>;

/** A schema as Go names its type in messages: "v1.ServicePort". */
export function goTypeName(schema: ObjectSchema<unknown>): string {
  return schema.name.split(".").slice(-2).join(".");
}
