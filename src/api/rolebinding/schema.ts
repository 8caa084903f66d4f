/** The schema of rbac.authorization.k8s.io/v1 RoleBinding, and of subjects and references to roles. */
import { kindSchema } from "../meta/kind-schema.ts";
import { list, object, objectSchema, required, string } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { RoleBinding, RoleRef, Subject } from "./type.ts";

export const subjectSchema: ObjectSchema<Subject> = objectSchema(
  "io.k8s.api.rbac.v1.Subject",
  "A user, a group or a ServiceAccount.",
  {
    kind: required(string(1, "User, Group or ServiceAccount.")),
    apiGroup: string(2, 'rbac.authorization.k8s.io for User and Group, "" for ServiceAccount.'),
    name: required(string(3, "The name.")),
    namespace: string(4, "The namespace of a ServiceAccount."),
  },
  { atomic: true },
);

export const roleRefSchema: ObjectSchema<RoleRef> = objectSchema(
  "io.k8s.api.rbac.v1.RoleRef",
  "A reference to a Role or ClusterRole.",
  {
    apiGroup: required(string(1, "rbac.authorization.k8s.io.")),
    kind: required(string(2, "Role or ClusterRole.")),
    name: required(string(3, "The name of the role.")),
  },
  { atomic: true },
);

export const roleBindingSchema: ObjectSchema<RoleBinding> = kindSchema(
  "io.k8s.api.rbac.v1.RoleBinding",
  "Lets subjects do in its namespace what a Role there, or a ClusterRole, says.",
  {
    subjects: list(2, subjectSchema, "Who may.", { list: { type: "atomic" } }),
    roleRef: required(object(3, roleRefSchema, "What they may. It cannot be changed.")),
  },
);
