/** The schemas of the parts that every object shares, and of label selectors and conditions. */
import type {
  Condition,
  LabelSelector,
  LabelSelectorRequirement,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
} from "./type.ts";
import {
  boolean,
  int64,
  json,
  list,
  objectSchema,
  oneOf,
  pointer,
  required,
  string,
  stringMap,
  strings,
  time,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const ownerReferenceSchema: ObjectSchema<OwnerReference> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
  "Points at an owner in the same namespace, or at one outside namespaces.",
  {
    apiVersion: required(string(5, "The owner's API version.")),
    kind: required(string(1, "The owner's kind.")),
    name: required(string(3, "The owner's name.")),
    uid: required(string(4, "The owner's uid.")),
    controller: pointer(boolean(6, "Whether this owner is the one that manages the object.")),
    blockOwnerDeletion: pointer(
      boolean(7, "Whether a foreground deletion of the owner waits for this object."),
    ),
  },
  { atomic: true },
);

export const managedFieldsEntrySchema: ObjectSchema<ManagedFieldsEntry> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry",
  "The fields that one manager set through one API version.",
  {
    manager: string(1, "The name the manager gave itself."),
    operation: oneOf(2, ["Apply", "Update"], "Apply, or any other write."),
    apiVersion: string(3, "The version in which the fields are named."),
    time: pointer(time(4, "When the entry changed last.")),
    fieldsType: oneOf(6, ["FieldsV1"], "The form of the fields; only FieldsV1 exists."),
    fieldsV1: pointer(json(7, "The set of fields, as a tree of path elements.")),
    subresource: string(8, "The subresource through which the fields were set."),
  },
);

export const objectMetaSchema: ObjectSchema<ObjectMeta> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
  "The part that every stored object has: who it is, what it is labelled with, and its history.",
  {
    name: string(1, "The name, unique among objects of the kind in the namespace. It cannot be changed."),
    generateName: string(2, "A prefix from which the server makes a unique name when `name` is empty."),
    namespace: string(3, "The namespace the object is in. Empty for kinds that are not in namespaces."),
    selfLink: string(4, "No longer filled in; kept for old clients."),
    uid: string(5, "Set by the server, and never used again for another object."),
    resourceVersion: string(
      6,
      "Changes with every write. An update that sends it is refused if the object has changed since.",
    ),
    generation: int64(7, "Counts changes of what is wanted (spec). Set by the server."),
    creationTimestamp: time(8, "When the server stored the object first."),
    deletionTimestamp: pointer(
      time(9, "Set when deletion was asked for but finalizers or a grace period still keep the object."),
    ),
    deletionGracePeriodSeconds: pointer(
      int64(10, "Seconds the object has to end by itself before it is removed."),
    ),
    labels: stringMap(11, "Keys and values that selectors choose objects by."),
    annotations: stringMap(12, "Keys and values for tools; not for selection."),
    ownerReferences: list(
      13,
      ownerReferenceSchema,
      "The objects that this one depends on. When all of them are gone it is collected.",
      { list: { type: "map", keys: ["uid"] }, patch: { strategy: "merge", key: "uid" } },
    ),
    finalizers: strings(14, "Names of parties that must agree before the object is removed.", {
      list: { type: "set" },
      patch: { strategy: "merge" },
    }),
    managedFields: list(
      17,
      managedFieldsEntrySchema,
      "Which manager set which fields, for server-side apply.",
      { list: { type: "atomic" } },
    ),
  },
);

export const labelSelectorRequirementSchema: ObjectSchema<LabelSelectorRequirement> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement",
  "One requirement on one label.",
  {
    key: required(string(1, "The label's key.")),
    operator: required(
      oneOf(2, ["In", "NotIn", "Exists", "DoesNotExist"], "How the label's value relates to `values`."),
    ),
    values: strings(3, "The values for In and NotIn; empty for Exists and DoesNotExist.", {
      list: { type: "atomic" },
    }),
  },
);

export const labelSelectorSchema: ObjectSchema<LabelSelector> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
  "Chooses objects by labels. All requirements must hold; an empty selector chooses everything.",
  {
    matchLabels: stringMap(1, "Labels that must be there with exactly these values."),
    matchExpressions: list(2, labelSelectorRequirementSchema, "Further requirements on labels.", {
      list: { type: "atomic" },
    }),
  },
  { atomic: true },
);

export const conditionSchema: ObjectSchema<Condition> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.Condition",
  "One aspect of an object's state at a time.",
  {
    type: required(string(1, "Which aspect, in CamelCase.")),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    observedGeneration: int64(3, "The generation that this was true of."),
    lastTransitionTime: required(time(4, "When the status changed last.")),
    reason: required(string(5, "Why, as one word for programs.")),
    message: required(string(6, "Why, for people.")),
  },
);
