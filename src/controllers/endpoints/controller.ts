/** v1 Endpoints from selectors: the older picture of the same endpoints, for clients that know no EndpointSlice. */
import { isDeepStrictEqual } from "node:util";
import { endpointsKind } from "../../api/endpoints/kind.ts";
import type { Endpoints } from "../../api/endpoints/type.ts";
import type { Pod } from "../../api/pod/type.ts";
import { TRIGGER_TIME_ANNOTATION } from "../../api/endpointslice/type.ts";
import type { Service } from "../../api/service/type.ts";
import { keyOf, splitKey } from "../../client/object-key.ts";
import {
  type Controller,
  type ControllerContext,
  ignoreNotFound,
  isNamespaceTerminating,
  createControllerQueue,
} from "../controller.ts";
import { HEADLESS_LABEL } from "../endpointslice/slice.ts";
import { podsOf, servicesOf } from "../informers.ts";
import { isHeadless, sameAsEndpoint, wantsEndpoints } from "../pod-endpoint.ts";
import { sameLabels } from "../same-labels.ts";
import { createTriggerTimes } from "../trigger-time.ts";
import { desiredSubsets } from "./subsets.ts";

const NAME = "endpoints";
/** Marks Endpoints that this controller made (Kubernetes 1.33 and later). */
export const ENDPOINTS_MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by";
const MANAGER = "endpoint-controller";
const OVER_CAPACITY_ANNOTATION = "endpoints.kubernetes.io/over-capacity";

/** Keys are Services, "namespace/name". */
export function endpointsController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const { services, pods, endpoints } = informers;
  const triggerTimes = createTriggerTimes();
  /** Services that were seen to be deleted: their Endpoints go with them, whoever made them. */
  const deleted = new Set<string>();
  let writing = false;

  const { queue, enqueue, open } = createControllerQueue(NAME, context, work);

  // What it watches.

  function enqueueServicesOf(pod: Pod): void {
    for (const service of servicesOf(pod, informers)) enqueue(keyOf(service));
  }

  function enqueueEndpoints(object: Endpoints): void {
    if (!writing) enqueue(keyOf(object));
  }

  services.addHandler({
    onAdd(service) {
      deleted.delete(keyOf(service));
      enqueue(keyOf(service));
    },
    onUpdate: (service) => enqueue(keyOf(service)),
    onDelete(service) {
      deleted.add(keyOf(service));
      enqueue(keyOf(service));
    },
  });
  pods.addHandler({
    onAdd: enqueueServicesOf,
    onUpdate(pod, old) {
      const relabelled = !sameLabels(pod, old);
      if (!relabelled && sameAsEndpoint(pod, old)) return;
      enqueueServicesOf(pod);
      if (relabelled) enqueueServicesOf(old);
    },
    onDelete: enqueueServicesOf,
  });
  endpoints.addHandler({ onUpdate: enqueueEndpoints, onDelete: enqueueEndpoints });

  // What it wants: an object to write, "delete", or nothing to do.

  function plan(key: string): Endpoints | "delete" | undefined {
    const current = endpoints.getByKey(key);
    const service = services.getByKey(key);
    if (service === undefined) {
      triggerTimes.forget(key);
      // Endpoints that somebody made by hand may still wait for their Service: those are not ours to delete.
      const ours = current?.metadata.labels?.[ENDPOINTS_MANAGED_BY_LABEL] === MANAGER;
      return ours || deleted.has(key) ? "delete" : undefined;
    }
    if (!wantsEndpoints(service)) return undefined;
    const selected = podsOf(service, informers);
    return wantedEndpoints(service, selected, current, triggerTimes.since(key, service, selected));
  }

  // What it writes.

  async function work(key: string): Promise<void> {
    const wanted = plan(key);
    if (wanted === undefined) return;
    try {
      if (wanted === "delete") {
        await client.delete(endpointsKind, splitKey(key)).catch(ignoreNotFound);
        if (!services.getByKey(key)) deleted.delete(key);
      } else if (wanted.metadata.resourceVersion === undefined)
        observe(await client.create(endpointsKind, wanted));
      else observe(await client.update(endpointsKind, wanted));
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  /** Our own writes come back as events; they are no news. */
  function observe(object: Endpoints): void {
    writing = true;
    try {
      endpoints.observe(object);
    } finally {
      writing = false;
    }
  }

  return {
    name: NAME,
    queue,
    start() {
      open();
      for (const key of services.list().keys()) queue.add(key);
      for (const key of endpoints.list().keys()) queue.add(key);
    },
  };
}

/** The Endpoints to write, or undefined if `current` says it all. */
export function wantedEndpoints(
  service: Service,
  selected: Iterable<Pod>,
  current: Endpoints | undefined,
  triggerTime: string | undefined,
): Endpoints | undefined {
  const { subsets, truncated } = desiredSubsets(service, selected);
  const labels: Record<string, string> = {
    ...service.metadata.labels,
    [ENDPOINTS_MANAGED_BY_LABEL]: MANAGER,
  };
  delete labels[HEADLESS_LABEL];
  if (isHeadless(service)) labels[HEADLESS_LABEL] = "";
  const { [OVER_CAPACITY_ANNOTATION]: marked, ...annotations } = current?.metadata.annotations ?? {};
  if (
    current !== undefined &&
    (marked === "truncated") === truncated &&
    isDeepStrictEqual(current.metadata.labels ?? {}, labels) &&
    isDeepStrictEqual(current.subsets ?? [], subsets)
  )
    return undefined;
  delete annotations[TRIGGER_TIME_ANNOTATION];
  if (triggerTime !== undefined) annotations[TRIGGER_TIME_ANNOTATION] = triggerTime;
  if (truncated) annotations[OVER_CAPACITY_ANNOTATION] = "truncated";
  const { namespace, name } = service.metadata;
  const { annotations: _, ...kept } = current?.metadata ?? {
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  };
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      ...kept,
      labels,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    subsets,
  };
}
