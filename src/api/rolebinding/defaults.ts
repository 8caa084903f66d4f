/** What a binding has when its client said nothing (pkg/apis/rbac/v1/defaults.go). */
import { RBAC_GROUP } from "../role/type.ts";
import type { RoleBinding } from "./type.ts";

/** Of both kinds of bindings. */
export function setBindingDefaults({
  subjects = [],
  roleRef,
}: Pick<RoleBinding, "subjects" | "roleRef">): void {
  if (roleRef.apiGroup === "") roleRef.apiGroup = RBAC_GROUP;
  for (const subject of subjects)
    if ((subject.apiGroup ?? "") === "" && (subject.kind === "User" || subject.kind === "Group"))
      subject.apiGroup = RBAC_GROUP;
}
