/** The columns of `kubectl get nodes` (printers/internalversion printNode). */
import { ageColumn, column, nameColumn, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Node, NodeAddress } from "./type.ts";

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn,
  column("Status", "Whether the node is ready and takes pods.", statusOf),
  column("Roles", "What the node is for.", rolesOf),
  ageColumn,
  column(
    "Version",
    "The version of the node's software.",
    ({ status }) => status?.nodeInfo?.kubeletVersion ?? "",
  ),
  wideColumn("Internal-IP", "The address inside.", (node) => addressOf(node, "InternalIP")),
  wideColumn("External-IP", "The address outside.", (node) => addressOf(node, "ExternalIP")),
  wideColumn("OS-Image", "The operating system.", ({ status }) => orUnknown(status?.nodeInfo?.osImage)),
  wideColumn("Kernel-Version", "The kernel.", ({ status }) => orUnknown(status?.nodeInfo?.kernelVersion)),
  wideColumn("Container-Runtime", "What runs the containers.", ({ status }) =>
    orUnknown(status?.nodeInfo?.containerRuntimeVersion),
  ),
];

function statusOf({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const words = [ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady"];
  if (spec?.unschedulable === true) words.push("SchedulingDisabled");
  return words.join(",");
}

const ROLE_PREFIX = "node-role.kubernetes.io/";

function rolesOf({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key !== ROLE_PREFIX) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === "kubernetes.io/role" && value !== "") roles.add(value);
  }
  return roles.size === 0 ? "<none>" : [...roles].sort().join(",");
}

function addressOf({ status }: Node, type: NodeAddress["type"]): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? "<none>";
}

function orUnknown(text: string | undefined): string {
  return text === undefined || text === "" ? "<unknown>" : text;
}
