/** Which containers of a Pod are acceptable (pkg/apis/core/validation validateContainers), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import { duplicate, forbiddenField, invalidValue, required } from "../field-error.ts";
import { quantityNanos } from "../schema/quantity.ts";
import {
  checkNonNegative,
  checkOneOf,
  checkOptionalOneOf,
  checkPort,
  checkPortNumber,
  checkSyntax,
} from "../validation/checks.ts";
import { dns1123LabelComplaints, portNameComplaints } from "../validation/names.ts";
import type {
  Container,
  ContainerPort,
  EnvVar,
  ResourceRequirements,
  VolumeMount,
} from "./container-type.ts";
import type { Probe, ProbeHandler } from "./probe-type.ts";

const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES = ["File", "FallbackToLogsOnError"];

export interface ContainerSurroundings {
  /** Names of the pod's volumes. */
  readonly volumes: ReadonlySet<string>;
  /** Names taken by containers seen before; each checked container adds its own. */
  readonly names: Set<string>;
  /** Init containers may not have probes unless they stay as sidecars. */
  readonly init: boolean;
}

export function checkContainers(
  field: string,
  containers: readonly Container[],
  surroundings: ContainerSurroundings,
): FieldError[] {
  return containers.flatMap((container, i) => checkContainer(`${field}[${i}]`, container, surroundings));
}

function checkContainer(
  field: string,
  container: Container,
  surroundings: ContainerSurroundings,
): FieldError[] {
  const { name, image = "", ports = [], env = [], volumeMounts = [] } = container;
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(`${field}.name`));
  else errors.push(...checkSyntax(`${field}.name`, name, dns1123LabelComplaints));
  if (surroundings.names.has(name)) errors.push(duplicate(`${field}.name`, name));
  surroundings.names.add(name);
  if (image === "") errors.push(required(`${field}.image`));
  else if (image.trim() !== image)
    errors.push(invalidValue(`${field}.image`, image, "must not have leading or trailing whitespace"));
  errors.push(
    ...checkPorts(`${field}.ports`, ports),
    ...env.flatMap((variable, i) => checkEnv(`${field}.env[${i}]`, variable)),
    ...checkMounts(`${field}.volumeMounts`, volumeMounts, surroundings.volumes),
    ...checkOneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES),
    ...checkOneOf(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES),
    ...checkResources(`${field}.resources`, container.resources ?? {}),
    ...checkProbes(field, container, surroundings.init),
  );
  return errors;
}

function checkPorts(field: string, ports: readonly ContainerPort[]): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name, containerPort, hostPort = 0, protocol }, i) => {
    const at = `${field}[${i}]`;
    const errors: FieldError[] = [];
    if (name !== undefined) {
      const syntax = checkSyntax(`${at}.name`, name, portNameComplaints);
      if (syntax.length > 0) errors.push(...syntax);
      else if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (containerPort === 0) errors.push(required(`${at}.containerPort`));
    else errors.push(...checkPortNumber(`${at}.containerPort`, containerPort));
    if (hostPort !== 0) errors.push(...checkPortNumber(`${at}.hostPort`, hostPort));
    return [...errors, ...checkOneOf(`${at}.protocol`, protocol, PROTOCOLS)];
  });
}

/** Any printable ASCII but "=" (RelaxedEnvironmentVariableValidation). */
function envNameComplaints(name: string): string[] {
  if (/^[ -<>-~]+$/.test(name)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

function checkEnv(field: string, { name, value = "", valueFrom }: EnvVar): FieldError[] {
  const errors =
    name === "" ? [required(`${field}.name`)] : checkSyntax(`${field}.name`, name, envNameComplaints);
  if (valueFrom === undefined) return errors;
  const sources = Object.keys(valueFrom).length;
  const at = `${field}.valueFrom`;
  if (sources === 0)
    errors.push(
      invalidValue(
        at,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
      ),
    );
  else if (value !== "") errors.push(invalidValue(at, "", "may not be specified when `value` is not empty"));
  else if (sources > 1)
    errors.push(invalidValue(at, "", "may not have more than one field specified at a time"));
  if (valueFrom.fieldRef?.fieldPath === "") errors.push(required(`${at}.fieldRef.fieldPath`));
  return errors;
}

function checkMounts(
  field: string,
  mounts: readonly VolumeMount[],
  volumes: ReadonlySet<string>,
): FieldError[] {
  const paths = new Set<string>();
  return mounts.flatMap(({ name, mountPath, subPath = "", subPathExpr = "" }, i) => {
    const at = `${field}[${i}]`;
    const errors: FieldError[] = [];
    if (name === "") errors.push(required(`${at}.name`));
    else if (!volumes.has(name))
      errors.push({ type: "NotFound", field: `${at}.name`, value: name, detail: "" });
    if (mountPath === "") errors.push(required(`${at}.mountPath`));
    if (paths.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, "must be unique"));
    paths.add(mountPath);
    for (const [part, path] of [
      ["subPath", subPath],
      ["subPathExpr", subPathExpr],
    ] as const) {
      if (path.startsWith("/")) errors.push(invalidValue(`${at}.${part}`, path, "must be a relative path"));
      if (path.split("/").includes(".."))
        errors.push(invalidValue(`${at}.${part}`, path, "must not contain '..'"));
    }
    if (subPath !== "" && subPathExpr !== "")
      errors.push(
        invalidValue(`${at}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive"),
      );
    return errors;
  });
}

function checkResources(field: string, { limits = {}, requests = {} }: ResourceRequirements): FieldError[] {
  const errors: FieldError[] = [];
  for (const [part, amounts] of [
    ["limits", limits],
    ["requests", requests],
  ] as const)
    for (const [name, amount] of Object.entries(amounts))
      if ((quantityNanos(amount) ?? 0n) < 0n)
        errors.push(invalidValue(`${field}.${part}[${name}]`, amount, "must be greater than or equal to 0"));
  for (const [name, amount] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined || (quantityNanos(amount) ?? 0n) <= (quantityNanos(limit) ?? 0n)) continue;
    errors.push(
      invalidValue(`${field}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`),
    );
  }
  return errors;
}

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"] as const;

function checkProbes(field: string, container: Container, init: boolean): FieldError[] {
  const isSidecar = init && container.restartPolicy === "Always";
  return PROBES.flatMap((name) => {
    const probe = container[name];
    if (probe === undefined) return [];
    if (init && !isSidecar)
      return [
        forbiddenField(`${field}.${name}`, "may not be set for init containers without restartPolicy=Always"),
      ];
    return checkProbe(`${field}.${name}`, probe, name !== "readinessProbe");
  });
}

function checkProbe(field: string, probe: Probe, onlyOneSuccess: boolean): FieldError[] {
  const errors = [
    ...checkHandler(field, probe),
    ...checkNonNegative(`${field}.initialDelaySeconds`, probe.initialDelaySeconds),
    ...checkNonNegative(`${field}.timeoutSeconds`, probe.timeoutSeconds),
    ...checkNonNegative(`${field}.periodSeconds`, probe.periodSeconds),
    ...checkNonNegative(`${field}.successThreshold`, probe.successThreshold),
    ...checkNonNegative(`${field}.failureThreshold`, probe.failureThreshold),
  ];
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0)
    errors.push(
      invalidValue(
        `${field}.terminationGracePeriodSeconds`,
        probe.terminationGracePeriodSeconds,
        "must be greater than 0",
      ),
    );
  if (onlyOneSuccess && (probe.successThreshold ?? 1) !== 1)
    errors.push(invalidValue(`${field}.successThreshold`, probe.successThreshold, "must be 1"));
  return errors;
}

const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"] as const;

function checkHandler(field: string, handler: ProbeHandler): FieldError[] {
  const [first, ...more] = HANDLERS.filter((name) => handler[name] !== undefined);
  if (first === undefined) return [required(field, "must specify a handler type")];
  const errors = more.map((name) =>
    forbiddenField(`${field}.${name}`, "may not specify more than 1 handler type"),
  );
  const { exec, httpGet, tcpSocket, grpc } = handler;
  if (exec !== undefined && (exec.command ?? []).length === 0) errors.push(required(`${field}.exec.command`));
  if (httpGet !== undefined) {
    if ((httpGet.path ?? "") === "") errors.push(required(`${field}.httpGet.path`));
    errors.push(
      ...checkPort(`${field}.httpGet.port`, httpGet.port),
      ...checkOptionalOneOf(`${field}.httpGet.scheme`, httpGet.scheme, ["HTTP", "HTTPS"]),
    );
  }
  if (tcpSocket !== undefined) errors.push(...checkPort(`${field}.tcpSocket.port`, tcpSocket.port));
  if (grpc !== undefined) errors.push(...checkPortNumber(`${field}.grpc.port`, grpc.port));
  return errors;
}
