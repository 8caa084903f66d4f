/** The schema of rbac.authorization.k8s.io/v1 ClusterRoleBinding. */
import { kindSchema } from "../meta/kind-schema.ts";
import { roleRefSchema, subjectSchema } from "../rolebinding/schema.ts";
import { list, object, required } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { ClusterRoleBinding } from "./type.ts";

export const clusterRoleBindingSchema: ObjectSchema<ClusterRoleBinding> = kindSchema(
  "io.k8s.api.rbac.v1.ClusterRoleBinding",
  "Lets subjects do everywhere what a ClusterRole says.",
  {
    subjects: list(2, subjectSchema, "Who may.", { list: { type: "atomic" } }),
    roleRef: required(object(3, roleRefSchema, "What they may: a ClusterRole. It cannot be changed.")),
  },
);
