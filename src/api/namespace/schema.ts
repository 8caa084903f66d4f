/** The schema of v1 Namespace. */
import { kindSchema } from "../meta/kind-schema.ts";
import type { NamespaceCondition, NamespaceSpec, NamespaceStatus, Namespace } from "./type.ts";
import { list, objectSchema, oneOf, required, string, strings, time, object } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const namespaceSpecSchema: ObjectSchema<NamespaceSpec> = objectSchema(
  "io.k8s.api.core.v1.NamespaceSpec",
  "What the namespace should be.",
  {
    finalizers: strings(1, "Parties that must agree before the namespace is removed.", {
      list: { type: "atomic" },
    }),
  },
);

export const namespaceConditionSchema: ObjectSchema<NamespaceCondition> = objectSchema(
  "io.k8s.api.core.v1.NamespaceCondition",
  "One aspect of a namespace's state.",
  {
    type: required(string(1, "Which aspect.")),
    status: required(oneOf(2, ["True", "False", "Unknown"], "Whether it holds.")),
    lastTransitionTime: time(4, "When the status changed last."),
    reason: string(5, "Why, as one word for programs."),
    message: string(6, "Why, for people."),
  },
);

export const namespaceStatusSchema: ObjectSchema<NamespaceStatus> = objectSchema(
  "io.k8s.api.core.v1.NamespaceStatus",
  "What the namespace is at present.",
  {
    phase: oneOf(
      1,
      ["Active", "Terminating"],
      "Active, or Terminating while its contents are being deleted.",
    ),
    conditions: list(2, namespaceConditionSchema, "What keeps the namespace from going away.", {
      list: { type: "map", keys: ["type"] },
      patch: { strategy: "merge", key: "type" },
    }),
  },
);

export const namespaceSchema: ObjectSchema<Namespace> = kindSchema(
  "io.k8s.api.core.v1.Namespace",
  "A space in which names are unique; deleting it deletes everything in it.",
  {
    spec: object(2, namespaceSpecSchema, "What the namespace should be."),
    status: object(3, namespaceStatusSchema, "What the namespace is at present."),
  },
);
