/** How a slice looks: its labels, its owner, its ports and how two of its parts compare. */
import { isDeepStrictEqual } from "node:util";
import {
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  TRIGGER_TIME_ANNOTATION,
} from "../../api/endpointslice/type.ts";
import { WEIGHTS_ANNOTATION, weightsText } from "../../api/endpointslice/weights.ts";
import type { OwnerReference } from "../../api/meta/type.ts";
import type { Service } from "../../api/service/type.ts";
import { isHeadless } from "../pod-endpoint.ts";

/** What the controller of selectors writes in the managed-by label: slices of other managers are never touched. */
export const ENDPOINTSLICE_CONTROLLER = "endpointslice-controller.k8s.io";
export const HEADLESS_LABEL = "service.kubernetes.io/headless";

/** The most that generateName leaves room for: names have 253 characters, 5 of them random. */
const LONGEST_PREFIX = 253 - 5;

/** What a slice says, apart from its name. */
export interface SliceContent {
  readonly addressType: EndpointSlice["addressType"];
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** The object that slices are made for, and what they have of it. */
export interface SliceOwner {
  readonly namespace: string | undefined;
  /** The Service's name, and the first part of the slices'. */
  readonly name: string;
  readonly reference: OwnerReference;
  /** All labels that the slices have. */
  readonly labels: Readonly<Record<string, string>>;
  /** All annotations that the slices have, but for the trigger time and weights. Absent: they keep their own. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The endpoints' weights by address, those of the default weight left out. Absent: annotations say them as they are. */
  readonly weights?: ReadonlyMap<string, number>;
}

/** Slices from the selector of `service`: with its labels, and those by which they are found (setEndpointSliceLabels). */
export function serviceOwner(service: Service, weights: ReadonlyMap<string, number>): SliceOwner {
  const { namespace, name = "", uid = "" } = service.metadata;
  const labels: Record<string, string> = { ...service.metadata.labels };
  delete labels[HEADLESS_LABEL];
  if (isHeadless(service)) labels[HEADLESS_LABEL] = "";
  labels[SERVICE_NAME_LABEL] = name;
  labels[MANAGED_BY_LABEL] = ENDPOINTSLICE_CONTROLLER;
  return { namespace, name, labels, reference: controllerReference("Service", name, uid), weights };
}

/** The reference by which the slices of a v1 object go when it goes. */
export function controllerReference(kind: string, name: string, uid: string): OwnerReference {
  return { apiVersion: "v1", kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function newSlice(
  owner: SliceOwner,
  content: SliceContent,
  triggerTime: string | undefined,
): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${owner.name.slice(0, LONGEST_PREFIX - 1)}-`,
      ...(owner.namespace !== undefined && { namespace: owner.namespace }),
      labels: { ...owner.labels },
      ...annotationsOf(owner.annotations, owner, content, triggerTime),
      ownerReferences: [owner.reference],
    },
    addressType: content.addressType,
    endpoints: [...content.endpoints],
    ports: [...content.ports],
  };
}

/** `slice` as it should be, with its version, for the server to check. Owners that do not control it stay. */
export function changedSlice(
  slice: EndpointSlice,
  owner: SliceOwner,
  content: SliceContent,
  triggerTime: string | undefined,
): EndpointSlice {
  const { annotations, ...metadata } = slice.metadata;
  const owners = (metadata.ownerReferences ?? []).filter(({ controller }) => controller !== true);
  return {
    ...slice,
    metadata: {
      ...metadata,
      labels: { ...owner.labels },
      ...annotationsOf(owner.annotations ?? annotations, owner, content, triggerTime),
      ownerReferences: [...owners, owner.reference],
    },
    endpoints: [...content.endpoints],
    ports: [...content.ports],
  };
}

/** As a part of metadata, which is left out if there is none. */
function annotationsOf(
  given: Readonly<Record<string, string>> = {},
  { weights }: Pick<SliceOwner, "weights">,
  { endpoints }: Pick<SliceContent, "endpoints">,
  triggerTime: string | undefined,
): { annotations?: Record<string, string> } {
  const annotations = { ...given };
  delete annotations[TRIGGER_TIME_ANNOTATION];
  if (triggerTime !== undefined) annotations[TRIGGER_TIME_ANNOTATION] = triggerTime;
  if (weights !== undefined) {
    delete annotations[WEIGHTS_ANNOTATION];
    const text = weightsOf(endpoints, weights);
    if (text !== undefined) annotations[WEIGHTS_ANNOTATION] = text;
  }
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function weightsOf(endpoints: readonly Endpoint[], weights: ReadonlyMap<string, number>): string | undefined {
  if (weights.size === 0) return undefined;
  const found: [string, number][] = [];
  for (const { addresses } of endpoints)
    for (const address of addresses) {
      const weight = weights.get(address);
      if (weight !== undefined) found.push([address, weight]);
    }
  return weightsText(found);
}

/** Whether writing `content` to `slice` would change anything (when it last changed does not count). */
export function saysAlready(slice: EndpointSlice, owner: SliceOwner, content: SliceContent): boolean {
  const { labels = {}, annotations } = slice.metadata;
  return (
    isOwnedBy(slice, owner) &&
    isDeepStrictEqual(labels, owner.labels) &&
    isDeepStrictEqual(
      annotationsOf(annotations, {}, content, undefined),
      annotationsOf(owner.annotations ?? annotations, owner, content, undefined),
    ) &&
    isDeepStrictEqual(slice.ports ?? [], content.ports) &&
    isDeepStrictEqual(slice.endpoints ?? [], content.endpoints)
  );
}

export function isOwnedBy(slice: EndpointSlice, { reference }: SliceOwner): boolean {
  return (slice.metadata.ownerReferences ?? []).some(
    ({ apiVersion, kind, uid }) =>
      uid === reference.uid && kind === reference.kind && apiVersion === reference.apiVersion,
  );
}

/** One endpoint stays the same one while its address and its pod's name do. */
export function endpointIdentity({ addresses, targetRef }: Endpoint): string {
  return JSON.stringify([addresses, targetRef?.namespace, targetRef?.name]);
}
