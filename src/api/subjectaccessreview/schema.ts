/** The schema of authorization.k8s.io/v1 SubjectAccessReview, and of the parts of the other access reviews. */
import { kindSchema } from "../meta/kind-schema.ts";
import { labelSelectorRequirementSchema } from "../meta/schema.ts";
import {
  boolean,
  type Field,
  type FieldsOf,
  list,
  object,
  objectSchema,
  pointer,
  required,
  string,
  strings,
  stringsMap,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type {
  FieldSelectorAttributes,
  FieldSelectorRequirement,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from "./type.ts";

const ATOMIC = { list: { type: "atomic" } } as const;

export const fieldSelectorRequirementSchema: ObjectSchema<FieldSelectorRequirement> = objectSchema(
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement",
  "One requirement on one field.",
  {
    key: required(string(1, "The field.")),
    operator: required(
      string(2, "How the field's value relates to `values`: In, NotIn, Exists, DoesNotExist."),
    ),
    values: strings(3, "The values for In and NotIn.", ATOMIC),
  },
);

export const fieldSelectorAttributesSchema: ObjectSchema<FieldSelectorAttributes> = objectSchema(
  "io.k8s.api.authorization.v1.FieldSelectorAttributes",
  "The field selector of a request, as text or as requirements.",
  {
    rawSelector: string(1, "The selector as it stands in a query."),
    requirements: list(2, fieldSelectorRequirementSchema, "The selector as requirements.", ATOMIC),
  },
);

export const labelSelectorAttributesSchema: ObjectSchema<LabelSelectorAttributes> = objectSchema(
  "io.k8s.api.authorization.v1.LabelSelectorAttributes",
  "The label selector of a request, as text or as requirements.",
  {
    rawSelector: string(1, "The selector as it stands in a query."),
    requirements: list(2, labelSelectorRequirementSchema, "The selector as requirements.", ATOMIC),
  },
);

export const resourceAttributesSchema: ObjectSchema<ResourceAttributes> = objectSchema(
  "io.k8s.api.authorization.v1.ResourceAttributes",
  "A request for a resource.",
  {
    namespace: string(1, "The namespace; empty at the cluster scope and for all namespaces."),
    verb: string(2, "get, list, watch, create, update, patch, delete, ...; * for all."),
    group: string(3, "The API group; * for all."),
    version: string(4, "The API version; * for all."),
    resource: string(5, "The resource; * for all."),
    subresource: string(6, "The part of the object: status, scale, ..."),
    name: string(7, "The object's name; empty for all."),
    fieldSelector: pointer(object(8, fieldSelectorAttributesSchema, "What the request selects by fields.")),
    labelSelector: pointer(object(9, labelSelectorAttributesSchema, "What the request selects by labels.")),
  },
);

export const nonResourceAttributesSchema: ObjectSchema<NonResourceAttributes> = objectSchema(
  "io.k8s.api.authorization.v1.NonResourceAttributes",
  "A request for a path that is no resource.",
  {
    path: string(1, "The path: /metrics."),
    verb: string(2, "The method in lower case: get."),
  },
);

const resourceAttributes = pointer(object(1, resourceAttributesSchema, "A request for a resource."));
const nonResourceAttributes = pointer(
  object(2, nonResourceAttributesSchema, "A request for a path that is no resource."),
);

export const subjectAccessReviewSpecSchema: ObjectSchema<SubjectAccessReviewSpec> = objectSchema(
  "io.k8s.api.authorization.v1.SubjectAccessReviewSpec",
  "Who, and what they want to do: a resource or a path, not both.",
  {
    resourceAttributes,
    nonResourceAttributes,
    user: string(3, "The user."),
    groups: strings(4, "The groups the user is in.", ATOMIC),
    extra: stringsMap(5, "What else the authenticator says of the user."),
    uid: string(6, "The user's uid."),
  },
);

export const subjectAccessReviewStatusSchema: ObjectSchema<SubjectAccessReviewStatus> = objectSchema(
  "io.k8s.api.authorization.v1.SubjectAccessReviewStatus",
  "Whether they may.",
  {
    allowed: required(boolean(1, "Whether they may.")),
    denied: boolean(4, "Whether it is forbidden whatever others say."),
    reason: string(2, "Why."),
    evaluationError: string(3, "What went wrong while finding out."),
  },
);

/** Of the three kinds of access reviews. */
export const accessReviewStatus: Field<SubjectAccessReviewStatus> = object(
  3,
  subjectAccessReviewStatusSchema,
  "The answer, by the server.",
);

/** The two fields of a spec that say what is asked. */
export const requestAttributes: FieldsOf<
  Pick<SubjectAccessReviewSpec, "resourceAttributes" | "nonResourceAttributes">
> = { resourceAttributes, nonResourceAttributes };

export const subjectAccessReviewSchema: ObjectSchema<SubjectAccessReview> = kindSchema(
  "io.k8s.api.authorization.v1.SubjectAccessReview",
  "Asks whether a user or group may do something. It is answered and not stored.",
  {
    spec: required(object(2, subjectAccessReviewSpecSchema, "Who, and what.")),
    status: accessReviewStatus,
  },
);
