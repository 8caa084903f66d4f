/** The columns of `kubectl get rolebindings` and clusterrolebindings (printers/internalversion printRoleBinding). */
import { ageColumn, column, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import type { RoleBinding, Subject } from "./type.ts";

type Binding = KubeObject & Pick<RoleBinding, "subjects" | "roleRef">;

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  column("Role", "What the subjects may do.", ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  wideColumn("Users", "The users among the subjects.", ({ subjects }) => namesOf("User", subjects)),
  wideColumn("Groups", "The groups among the subjects.", ({ subjects }) => namesOf("Group", subjects)),
  wideColumn("ServiceAccounts", "The ServiceAccounts among the subjects.", ({ subjects }) =>
    namesOf("ServiceAccount", subjects),
  ),
];

function namesOf(kind: string, subjects: readonly Subject[] = []): string {
  return subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = "" }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
    .join(", ");
}
