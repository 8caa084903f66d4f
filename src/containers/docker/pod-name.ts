/** Names of Pods and labels from those of containers, which may be what Kubernetes does not allow. Pure. */
import {
  dns1123LabelComplaints,
  labelValueComplaints,
  qualifiedNameComplaints,
} from "../../api/validation/names.ts";
import type { ContainerInspect } from "./engine-types.ts";
import { NAMESPACE_LABEL, RUNTIME_MARK, RUNTIME_NAME } from "./marks.ts";

/** metadata.name is a DNS subdomain: at most 253 characters. */
const NAME_LIMIT = 253;
/** A container's name in a Pod is a DNS label. */
const LABEL_LIMIT = 63;
const SUFFIX_LENGTH = 8;

/** "web-1": Docker writes it with a slash in front. */
export function containerName({ Name }: Pick<ContainerInspect, "Name">): string {
  return Name.replace(/^\//, "");
}

/**
 * The Pod's name. A container's name that is a DNS name stays as it is; another is made one and gets eight digits of
 * the container's id, so that "Web_1" and "web-1" never meet, whichever came first.
 */
export function podName(container: Pick<ContainerInspect, "Id" | "Name">): string {
  const name = containerName(container);
  const cleaned = toSubdomain(name);
  return cleaned === name && name.length <= NAME_LIMIT ? name : withIdSuffix(cleaned, container.Id);
}

/** The name for when somebody else's Pod has the ordinary one. */
export function fallbackPodName(container: Pick<ContainerInspect, "Id" | "Name">): string {
  return withIdSuffix(toSubdomain(containerName(container)), container.Id);
}

function withIdSuffix(name: string, id: string): string {
  const stem = name.slice(0, NAME_LIMIT - SUFFIX_LENGTH - 1).replace(/[-.]+$/, "") || "container";
  return `${stem}-${id.slice(0, SUFFIX_LENGTH)}`;
}

function toSubdomain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .split(".")
    .map((part) => part.replaceAll(/^-+|-+$/g, ""))
    .filter((part) => part !== "")
    .join(".");
}

/** The name of the one container in a Pod of this name. */
export function specContainerName(pod: string): string {
  return pod.replaceAll(".", "-").slice(0, LABEL_LIMIT).replace(/-+$/, "");
}

export interface PodLabels {
  readonly labels: Record<string, string>;
  /** The labels that a Pod cannot have, with the reason in Kubernetes' words. */
  readonly unusable: Record<string, string>;
}

/** Which of a container's labels its Pod has: those that are valid in Kubernetes. */
export function podLabels(of: Readonly<Record<string, string>>): PodLabels {
  const labels: Record<string, string> = {};
  const unusable: Record<string, string> = {};
  for (const [key, value] of Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [aboutKey] = qualifiedNameComplaints(key);
    const [aboutValue] = labelValueComplaints(value);
    if (aboutKey !== undefined) unusable[key] = `the key ${JSON.stringify(key)}: ${aboutKey}`;
    else if (aboutValue !== undefined) unusable[key] = `the value ${JSON.stringify(value)}: ${aboutValue}`;
    else labels[key] = value;
  }
  const wanted = of[NAMESPACE_LABEL] ?? "default";
  const [aboutNamespace] = dns1123LabelComplaints(wanted);
  if (aboutNamespace !== undefined)
    unusable[NAMESPACE_LABEL] = `the namespace ${JSON.stringify(wanted)}: ${aboutNamespace}`;
  labels[RUNTIME_MARK] = RUNTIME_NAME;
  return { labels, unusable };
}
