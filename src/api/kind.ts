/**
 * What a kind is: data on one general mechanism. The server, the client and kubectl's view of an object are all
 * driven by this record; no kind has a handler of its own.
 */
import type { KubeObject } from "./meta/type.ts";
import type { ObjectSchema } from "./schema/schema.ts";
import type { FieldError } from "./field-error.ts";

/** A column of `kubectl get` (meta.k8s.io/v1 Table). */
export interface Column<T extends KubeObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown; above 0 only with `-o wide`. */
  readonly priority: number;
  /** The cell. `now` in milliseconds since the epoch is for ages. */
  cell(object: T, now: number): string | number | boolean | null;
}

/** What validation may know beyond the object: the ranges of this installation. */
export interface ValidationContext {
  /** The primary IP family first; two entries on a dual-stack installation. */
  readonly ipFamilies: readonly ("IPv4" | "IPv6")[];
  /**
   * Endpoints may have loopback addresses, which Kubernetes forbids: everything is on this one machine, and the
   * virtual addresses are loopback addresses too.
   */
  readonly loopbackEndpoints?: boolean;
}

/** Reads one field of an object. Declared as a method so that Kind<Service> is a Kind<KubeObject>. */
export type FieldReader<T extends KubeObject> = { read(object: T): string }["read"];

/** A name of a kind that a client can use without the whole record. */
export interface KindName {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The resource in URLs: "services". */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** The verbs of the API, as discovery and RBAC name them. */
export type Verb = "create" | "delete" | "deletecollection" | "get" | "list" | "patch" | "update" | "watch";

/** How an object is scaled: what /scale (autoscaling/v1 Scale) shows of it and changes in it. */
export interface ScaleSubresource<T extends KubeObject> {
  read(object: T): { readonly replicas: number; readonly ready: number; readonly selector: string };
  /** Mutates. */
  write(object: T, replicas: number): void;
}

/** A part of an object with bodies of a kind of its own: serviceaccounts/token, pods/binding. */
export interface Subresource {
  readonly name: string;
  /** The kind of what is sent and answered. */
  readonly kind: Kind;
  readonly verbs: readonly Verb[];
}

/** A kind whose objects are stored as objects of another kind: events.k8s.io Event and core Event. */
export interface KindView<T extends KubeObject> {
  readonly of: Kind;
  /** Neither mutates nor keeps its argument's containers for changing. */
  fromStored(stored: KubeObject): T;
  toStored(object: T): KubeObject;
}

/**
 * The functions are methods (bivariant), so that a Kind<Service> goes where a Kind is asked for; they are called with
 * objects of their own kind only and use no `this`.
 */
export interface Kind<T extends KubeObject = KubeObject> extends KindName {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly schema: ObjectSchema<T>;
  readonly columns: readonly Column<T>[];
  /**
   * Subresources beside the main one. `status`: /status is served, and the main resource ignores status changes.
   * What the server does for `others` is in its rules for the kind.
   */
  readonly subresources: {
    readonly status?: boolean;
    readonly scale?: ScaleSubresource<T>;
    readonly others?: readonly Subresource[];
  };
  /** @default every verb */
  readonly verbs?: readonly Verb[];
  /**
   * Where other APIs show the same objects with other names for their top fields: this kind's name by theirs, by their
   * apiVersion. Owners of fields are told apart by it (managedFields).
   */
  readonly fieldNames?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Where objects of this kind are those of another one, in another form. */
  readonly view?: KindView<T>;
  /**
   * Whether objects of the kind can be sent as protobuf. Custom resources cannot.
   * @default true
   */
  readonly protobuf?: boolean;
  /** Whether a CustomResourceDefinition describes it: then it comes and goes while the server runs. */
  readonly custom?: boolean;
  /** Whether metadata.generation counts changes of spec. */
  readonly generation: boolean;
  /** Fields usable in `fieldSelector` beyond metadata.name and metadata.namespace, with their value in an object. */
  readonly selectableFields: Readonly<Record<string, FieldReader<T>>>;
  /** Paths in metadata that an update of /status does not change either (GetResetFields), for managedFields. */
  readonly statusResets?: readonly (readonly string[])[];
  /** Fills in what the client left out. Mutates `object`; idempotent. Applied on create, update and read. */
  setDefaults(object: T): void;
  /** Mutates a new object before validation, e.g. wipes status. */
  prepareForCreate(object: T): void;
  /** Mutates an updated object before validation, e.g. restores what the client cannot change through this path. */
  prepareForUpdate(object: T, old: T): void;
  validate(object: T, context: ValidationContext): FieldError[];
  validateUpdate(object: T, old: T, context: ValidationContext): FieldError[];
  /** Mutates an update of /status: everything but status (and metadata) comes from `old`. Only with subresources.status. */
  prepareForStatusUpdate?(object: T, old: T): void;
  validateStatusUpdate?(object: T, old: T, context: ValidationContext): FieldError[];
  /** The text of the `Warning:` header that every request for this kind gets, because the kind is deprecated. */
  readonly deprecation?: string;
  /** The texts of `Warning:` headers that a write of this object earns. `old` is what it replaces. */
  warnings?(object: T, old?: T): string[];
}

/** "v1" or "discovery.k8s.io/v1". */
export function apiVersionOf(kind: KindName): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}
