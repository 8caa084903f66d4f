/** The schema of rbac.authorization.k8s.io/v1 Role, and of policy rules. */
import { kindSchema } from "../meta/kind-schema.ts";
import { list, objectSchema, required, strings, written } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { PolicyRule, Role } from "./type.ts";

const ATOMIC = { list: { type: "atomic" } } as const;

export const policyRuleSchema: ObjectSchema<PolicyRule> = objectSchema(
  "io.k8s.api.rbac.v1.PolicyRule",
  "What may be done, with which resources or paths. Rules add up; there is none that forbids.",
  {
    verbs: required(strings(1, "What may be done: get, list, create, ... or * for everything.", ATOMIC)),
    apiGroups: strings(
      2,
      'The API groups of the resources: "" is the core group, * stands for every group.',
      ATOMIC,
    ),
    resources: strings(
      3,
      "The resources: pods, pods/status, */scale; * stands for every resource with its subresources.",
      ATOMIC,
    ),
    resourceNames: strings(4, "The names of the objects. None means all of them.", ATOMIC),
    nonResourceURLs: strings(
      5,
      "Paths that are no resources; a * at the end stands for any rest. Only for ClusterRoles.",
      ATOMIC,
    ),
  },
);

export const roleSchema: ObjectSchema<Role> = kindSchema(
  "io.k8s.api.rbac.v1.Role",
  "What may be done in one namespace. A RoleBinding says who may.",
  { rules: written(list(2, policyRuleSchema, "What may be done.", ATOMIC)) },
);
