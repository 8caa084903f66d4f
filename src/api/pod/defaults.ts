/** What a Pod has when its client said nothing (pkg/apis/core/v1/defaults.go SetDefaults_Pod and its parts). */
import type { Container, EphemeralContainer } from "./container-type.ts";
import type { HTTPGetAction, LifecycleHandler, Probe } from "./probe-type.ts";
import type { PodSpec } from "./spec-type.ts";
import type { Pod } from "./type.ts";
import { setVolumeDefaults } from "./volume-defaults.ts";

const GRACE_PERIOD_SECONDS = 30;

export function setPodDefaults(pod: Pod): void {
  if (pod.spec !== undefined) setPodSpecDefaults(pod.spec);
}

/** Also for the templates of Deployments and the like. */
export function setPodSpecDefaults(spec: PodSpec): void {
  spec.dnsPolicy ??= "ClusterFirst";
  spec.restartPolicy ??= "Always";
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= GRACE_PERIOD_SECONDS;
  spec.schedulerName ??= "default-scheduler";
  spec.enableServiceLinks ??= true;
  // The account has an older name, which old clients read.
  if (spec.serviceAccountName !== undefined) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount !== undefined) spec.serviceAccountName = spec.serviceAccount;
  const containers: (Container | EphemeralContainer)[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) setContainerDefaults(container, spec.hostNetwork === true);
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
}

function setContainerDefaults(container: Container | EphemeralContainer, hostNetwork: boolean): void {
  container.imagePullPolicy ??= isLatest(container.image ?? "") ? "Always" : "IfNotPresent";
  container.terminationMessagePath ??= "/dev/termination-log";
  container.terminationMessagePolicy ??= "File";
  for (const port of container.ports ?? []) {
    port.protocol ??= "TCP";
    if (hostNetwork) port.hostPort ??= port.containerPort;
  }
  for (const { valueFrom } of container.env ?? [])
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ??= "v1";
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    if (probe !== undefined) setProbeDefaults(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop])
    if (handler !== undefined) setHandlerDefaults(handler);
  // What may be used at most is what is set aside, unless less is asked for.
  const { limits, requests } = container.resources ?? {};
  if (limits !== undefined) container.resources!.requests = { ...limits, ...requests };
}

/** Whether an image's tag is "latest", written or implied; a digest is never. */
function isLatest(image: string): boolean {
  if (image.includes("@")) return false;
  const tag = /:([^:/]*)$/.exec(image)?.[1];
  return tag === undefined || tag === "" || tag === "latest";
}

function setProbeDefaults(probe: Probe): void {
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
  setHandlerDefaults(probe);
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
}

function setHandlerDefaults({ httpGet }: Pick<LifecycleHandler, "httpGet">): void {
  if (httpGet !== undefined) setHttpDefaults(httpGet);
}

function setHttpDefaults(action: HTTPGetAction): void {
  action.path ??= "/";
  action.scheme ??= "HTTP";
}
