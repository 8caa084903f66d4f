/** The environment and the command line of a container, as Kubernetes defines them. */
import type { Container, EnvVar, Pod } from "../../api/pod/type.ts";

/** Facts that are only known when the pod runs. */
export interface PodFacts {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
}

/** The container's configuration cannot be made into a process: CreateContainerConfigError in its status. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

/** Variables of fairlead's own environment that a process needs to work on this machine at all. */
const INHERITED = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/** Marks the processes of a pod, to find those that an earlier run left. */
export const POD_UID_VARIABLE = "FAIRLEAD_POD_UID";

/**
 * The environment: a little of `own`, what names the pod (POD_IP, POD_NAME, POD_NAMESPACE, HOSTNAME), then spec.env in
 * order, where `$(NAME)` means a variable defined before. Throws ContainerConfigError.
 */
export function containerEnvironment(
  pod: Pod,
  container: Container,
  facts: PodFacts,
  own: NodeJS.ProcessEnv,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of INHERITED) if (own[name] !== undefined) environment[name] = own[name];
  environment["PATH"] ??= "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const { metadata } = pod;
  environment["HOSTNAME"] = pod.spec?.hostname ?? metadata.name ?? "";
  environment["POD_IP"] = facts.podIPs[0] ?? "";
  environment["POD_NAME"] = metadata.name ?? "";
  environment["POD_NAMESPACE"] = metadata.namespace ?? "";
  environment[POD_UID_VARIABLE] = metadata.uid ?? "";
  for (const variable of container.env ?? [])
    environment[variable.name] = variableValue(pod, variable, facts, environment);
  return environment;
}

/** The command and its arguments with `$(NAME)` replaced. Empty if the container has no command: it is in an image. */
export function containerCommand(
  container: Container,
  environment: Readonly<Record<string, string>>,
): string[] {
  if ((container.command ?? []).length === 0) return [];
  return [...container.command!, ...(container.args ?? [])].map((word) => expand(word, environment));
}

/**
 * Replaces `$(NAME)` by the variable's value; one that is not defined stays as it is written, and `$$` is a dollar
 * sign (v1 Container, field command).
 */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) => {
    if (name === undefined) return "$";
    return Object.hasOwn(variables, name) ? variables[name]! : match;
  });
}

function variableValue(
  pod: Pod,
  variable: EnvVar,
  facts: PodFacts,
  before: Readonly<Record<string, string>>,
): string {
  const { valueFrom } = variable;
  if (valueFrom === undefined) return expand(variable.value ?? "", before);
  if (valueFrom.fieldRef !== undefined) return fieldValue(pod, valueFrom.fieldRef.fieldPath, facts);
  const reference = valueFrom.configMapKeyRef ?? valueFrom.secretKeyRef;
  if (reference?.optional === true) return "";
  const what = valueFrom.configMapKeyRef === undefined ? "secrets" : "config maps";
  throw new ContainerConfigError(
    `env ${variable.name} comes from ${what}, which fairlead does not serve: give it a value`,
  );
}

/** The fields that a variable may refer to (v1 EnvVarSource, field fieldRef). */
function fieldValue(pod: Pod, path: string, facts: PodFacts): string {
  const { metadata, spec } = pod;
  const entry = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (entry !== null) return metadata[entry[1] as "labels" | "annotations"]?.[entry[2]!] ?? "";
  switch (path) {
    case "metadata.name":
      return metadata.name ?? "";
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid ?? "";
    case "spec.nodeName":
      return spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return spec?.serviceAccountName ?? "";
    case "status.podIP":
      return facts.podIPs[0] ?? "";
    case "status.podIPs":
      return facts.podIPs.join(",");
    case "status.hostIP":
      return facts.hostIPs[0] ?? "";
    case "status.hostIPs":
      return facts.hostIPs.join(",");
    default:
      throw new ContainerConfigError(
        `fieldPath ${JSON.stringify(path)} is not a field that a variable can have`,
      );
  }
}
