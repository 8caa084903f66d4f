/** How a slice made from a selector looks: its labels, its owner, its ports and how two of its parts compare. */
import { isDeepStrictEqual } from "node:util";
import {
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
} from "../../api/endpointslice/type.ts";
import type { OwnerReference } from "../../api/meta/type.ts";
import type { Service } from "../../api/service/type.ts";
import { isHeadless } from "../pod-endpoint.ts";

/** What this controller writes in endpointslice.kubernetes.io/managed-by: slices of other managers are never touched. */
export const ENDPOINTSLICE_CONTROLLER = "endpointslice-controller.k8s.io";
export const HEADLESS_LABEL = "service.kubernetes.io/headless";
export const TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";

/** The most that generateName leaves room for: names have 253 characters, 5 of them random. */
const LONGEST_PREFIX = 253 - 5;

/** What a slice says, apart from its name. */
export interface SliceContent {
  readonly addressType: EndpointSlice["addressType"];
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** The Service's labels, and those by which the slice is found (setEndpointSliceLabels). */
export function sliceLabels(service: Service, manager: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(service.metadata.labels ?? {}))
    if (key !== HEADLESS_LABEL) labels[key] = value;
  if (isHeadless(service)) labels[HEADLESS_LABEL] = "";
  labels[SERVICE_NAME_LABEL] = service.metadata.name!;
  labels[MANAGED_BY_LABEL] = manager;
  return labels;
}

export function newSlice(
  service: Service,
  content: SliceContent,
  manager: string,
  triggerTime: string | undefined,
): EndpointSlice {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name!.slice(0, LONGEST_PREFIX - 1)}-`,
      ...(namespace !== undefined && { namespace }),
      labels: sliceLabels(service, manager),
      ...(triggerTime !== undefined && { annotations: { [TRIGGER_TIME_ANNOTATION]: triggerTime } }),
      ownerReferences: [ownerReference(service)],
    },
    addressType: content.addressType,
    endpoints: [...content.endpoints],
    ports: [...content.ports],
  };
}

/** `slice` as it should be. Its own annotations and further owners stay; with them its version, for the server to check. */
export function changedSlice(
  slice: EndpointSlice,
  service: Service,
  content: SliceContent,
  manager: string,
  triggerTime: string | undefined,
): EndpointSlice {
  const { annotations: old, ...metadata } = slice.metadata;
  const { [TRIGGER_TIME_ANNOTATION]: _, ...annotations } = old ?? {};
  if (triggerTime !== undefined) annotations[TRIGGER_TIME_ANNOTATION] = triggerTime;
  const owners = (metadata.ownerReferences ?? []).filter(({ controller }) => controller !== true);
  return {
    ...slice,
    metadata: {
      ...metadata,
      labels: sliceLabels(service, manager),
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ownerReferences: [...owners, ownerReference(service)],
    },
    endpoints: [...content.endpoints],
    ports: [...content.ports],
  };
}

/** Whether writing `content` to `slice` would change anything (when it last changed does not count). */
export function saysAlready(
  slice: EndpointSlice,
  service: Service,
  content: SliceContent,
  manager: string,
): boolean {
  return (
    isOwnedBy(slice, service) &&
    isDeepStrictEqual(slice.metadata.labels ?? {}, sliceLabels(service, manager)) &&
    isDeepStrictEqual(slice.ports ?? [], [...content.ports]) &&
    isDeepStrictEqual(slice.endpoints ?? [], [...content.endpoints])
  );
}

export function isOwnedBy(slice: EndpointSlice, service: Service): boolean {
  return (slice.metadata.ownerReferences ?? []).some(
    ({ controller, uid }) => controller === true && uid === service.metadata.uid,
  );
}

function ownerReference({ metadata }: Service): OwnerReference {
  return {
    apiVersion: "v1",
    kind: "Service",
    name: metadata.name!,
    uid: metadata.uid!,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** One endpoint stays the same one while its address and its pod's name do. */
export function endpointIdentity({ addresses, targetRef }: Endpoint): string {
  return JSON.stringify([addresses, targetRef?.namespace, targetRef?.name]);
}
