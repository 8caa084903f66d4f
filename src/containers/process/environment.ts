/** The environment and the command line of a container, as Kubernetes defines them. */
import type { Container, EnvVar, Pod } from "../../api/pod/type.ts";
import type { EnvironmentSources, SourceData } from "./environment-sources.ts";

/** Facts that are only known when the pod runs. */
export interface PodFacts {
  readonly hostname: string;
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
}

/** What the cluster adds to a container's own words, at the time when it starts. */
export interface ClusterVariables extends EnvironmentSources {
  /** Of Services; the container's own variables come before them. */
  readonly services: Readonly<Record<string, string>>;
}

/** The container's configuration cannot be made into a process: CreateContainerConfigError in its status. */
export class ContainerConfigError extends Error {
  override readonly name: string = "ContainerConfigError";
}

/** Something that the configuration refers to is not there; it may come. */
export class MissingReferenceError extends ContainerConfigError {
  override readonly name = "MissingReferenceError";
}

/** Variables of fairlead's own environment that a process needs to work on this machine at all. */
const INHERITED = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/** Marks the processes of a pod, to find those that an earlier run left. */
export const POD_UID_VARIABLE = "FAIRLEAD_POD_UID";

/**
 * The environment: variables of Services, a little of `own`, what names the pod (POD_IP, POD_NAME, POD_NAMESPACE, HOSTNAME),
 * envFrom, then spec.env in order, where `$(NAME)` means a variable defined before. What comes later wins.
 * Throws ContainerConfigError.
 */
export function containerEnvironment(
  pod: Pod,
  container: Container,
  facts: PodFacts,
  own: NodeJS.ProcessEnv,
  cluster: ClusterVariables,
): Record<string, string> {
  const environment: Record<string, string> = { ...cluster.services };
  for (const name of INHERITED) if (own[name] !== undefined) environment[name] = own[name];
  environment["PATH"] ??= "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const { metadata } = pod;
  environment["HOSTNAME"] = facts.hostname;
  environment["POD_IP"] = facts.podIPs[0] ?? "";
  environment["POD_NAME"] = metadata.name ?? "";
  environment["POD_NAMESPACE"] = metadata.namespace ?? "";
  environment[POD_UID_VARIABLE] = metadata.uid ?? "";
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const reference = configMapRef ?? secretRef;
    if (reference === undefined) continue;
    const objects = configMapRef === undefined ? cluster.secrets : cluster.configMaps;
    const data = objects.get(reference.name ?? "");
    if (data === undefined && reference.optional !== true)
      throw notFound(configMapRef === undefined ? "secret" : "configmap", reference.name);
    for (const [key, value] of Object.entries(data ?? {})) environment[`${prefix}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(pod, variable, facts, environment, cluster);
    if (value !== undefined) environment[variable.name] = value;
  }
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

/** undefined: the variable is not set, because what it optionally refers to is not there. */
function variableValue(
  pod: Pod,
  variable: EnvVar,
  facts: PodFacts,
  before: Readonly<Record<string, string>>,
  { configMaps, secrets }: ClusterVariables,
): string | undefined {
  const { valueFrom } = variable;
  if (valueFrom === undefined) return expand(variable.value ?? "", before);
  if (valueFrom.fieldRef !== undefined) return fieldValue(pod, valueFrom.fieldRef.fieldPath, facts);
  if (valueFrom.configMapKeyRef !== undefined)
    return referredValue("configmap", configMaps, pod, valueFrom.configMapKeyRef);
  if (valueFrom.secretKeyRef !== undefined)
    return referredValue("secret", secrets, pod, valueFrom.secretKeyRef);
  throw new ContainerConfigError(
    `env ${variable.name} comes from ${Object.keys(valueFrom).join() || "nowhere"}, which pods that run as processes do not have: give it a value`,
  );
}

interface KeyReference {
  readonly name?: string;
  readonly key: string;
  readonly optional?: boolean;
}

function referredValue(
  what: "configmap" | "secret",
  objects: SourceData,
  pod: Pod,
  { name = "", key, optional = false }: KeyReference,
): string | undefined {
  const data = objects.get(name);
  if (data !== undefined && Object.hasOwn(data, key)) return data[key];
  if (optional) return undefined;
  if (data === undefined) throw notFound(what, name);
  const kind = what === "configmap" ? "ConfigMap" : "Secret";
  throw new MissingReferenceError(`couldn't find key ${key} in ${kind} ${pod.metadata.namespace}/${name}`);
}

function notFound(what: "configmap" | "secret", name = ""): MissingReferenceError {
  return new MissingReferenceError(`${what} ${JSON.stringify(name)} not found`);
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
