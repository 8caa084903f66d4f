/** EndpointSlices from selectors: for each Service the addresses of the pods that it selects. */
import { type EndpointSlice, MANAGED_BY_LABEL } from "../../api/endpointslice/type.ts";
import type { Pod } from "../../api/pod/type.ts";
import { keyOf, splitKey } from "../../client/object-key.ts";
import { type Controller, type ControllerContext, createControllerQueue } from "../controller.ts";
import { podsOf, serviceOfSlice, servicesOf } from "../informers.ts";
import { sameAsEndpoint, wantsEndpoints } from "../pod-endpoint.ts";
import { sameLabels } from "../same-labels.ts";
import { createTriggerTimes } from "../trigger-time.ts";
import { desiredEndpoints } from "./desired.ts";
import { packSlices, type SliceWrites } from "./packing.ts";
import { createSliceWriter } from "./slice-writer.ts";
import { ENDPOINTSLICE_CONTROLLER, serviceOwner } from "./slice.ts";

const NAME = "endpointslice";

export interface EndpointSliceOptions {
  /** @default 100 */
  readonly maxEndpoints?: number;
}

/** Keys are Services, "namespace/name". */
export function endpointSliceController(
  context: ControllerContext,
  options: EndpointSliceOptions = {},
): Controller {
  const { client, informers, log } = context;
  const { services, pods, nodes, slices } = informers;
  const triggerTimes = createTriggerTimes();
  /** Services that wait for a node to appear, by its name. */
  const waitingForNode = new Map<string, Set<string>>();
  const writer = createSliceWriter(client, slices);

  const { queue, enqueue, open } = createControllerQueue(NAME, context, work);

  // What it watches.

  function enqueueServicesOf(pod: Pod): void {
    for (const service of servicesOf(pod, informers)) enqueue(keyOf(service));
  }

  function enqueueNode(name: string): void {
    for (const key of waitingForNode.get(name) ?? []) enqueue(key);
  }

  function enqueueSlice(slice: EndpointSlice): void {
    if (!writer.writing && isOurs(slice)) for (const key of serviceOfSlice(slice)) enqueue(key);
  }

  services.addHandler({
    onAdd: (service) => enqueue(keyOf(service)),
    onUpdate: (service) => enqueue(keyOf(service)),
    onDelete: (service) => enqueue(keyOf(service)),
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
  nodes.addHandler({
    onAdd: ({ metadata }) => enqueueNode(metadata.name!),
    onUpdate(node, old) {
      if (!sameLabels(node, old)) enqueueOnNode(node.metadata.name!);
    },
    onDelete: ({ metadata }) => enqueueOnNode(metadata.name!),
  });
  slices.addHandler({
    onAdd: enqueueSlice,
    onUpdate(slice, old) {
      enqueueSlice(slice);
      // Its label was taken away or given to another: the one it belonged to has lost it.
      enqueueSlice(old);
    },
    onDelete: enqueueSlice,
  });

  /** A node's zone changed, or it is gone: rare, so looking at all pods will do. */
  function enqueueOnNode(name: string): void {
    for (const pod of pods.list().values()) if (pod.spec?.nodeName === name) enqueueServicesOf(pod);
  }

  // What it wants.

  function plan(key: string): SliceWrites {
    const ours = Array.from(slices.byIndex("service", key).values()).filter(isOurs);
    const service = services.getByKey(key);
    for (const [node, waiting] of waitingForNode)
      if (waiting.delete(key) && waiting.size === 0) waitingForNode.delete(node);
    if (service === undefined) {
      triggerTimes.forget(key);
      return { create: [], update: [], delete: ours };
    }
    // Whoever takes the selector away takes over the endpoints as they are.
    if (!wantsEndpoints(service)) return { create: [], update: [], delete: [] };
    const selected = podsOf(service, informers);
    const desired = desiredEndpoints(service, selected, (name) => nodes.get(undefined, name));
    for (const node of desired.missingNodes) waitFor(node, key);
    const triggerTime = triggerTimes.since(key, service, selected);
    return packSlices(serviceOwner(service), desired, ours, {
      ...(triggerTime !== undefined && { triggerTime }),
      ...(options.maxEndpoints !== undefined && { maxEndpoints: options.maxEndpoints }),
    });
  }

  function waitFor(node: string, key: string): void {
    let waiting = waitingForNode.get(node);
    if (waiting === undefined) waitingForNode.set(node, (waiting = new Set()));
    waiting.add(key);
  }

  // What it writes.

  async function work(key: string): Promise<void> {
    const writes = plan(key);
    await writer.write(writes);
    const { create, update, delete: removed } = writes;
    if (create.length + update.length + removed.length > 0)
      log.debug(
        { service: splitKey(key), created: create.length, updated: update.length, deleted: removed.length },
        "EndpointSlices written",
      );
  }

  return {
    name: NAME,
    queue,
    start() {
      open();
      for (const key of services.list().keys()) queue.add(key);
      // Of Services that went while nobody looked.
      for (const slice of slices.list().values()) enqueueSlice(slice);
    },
  };
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === ENDPOINTSLICE_CONTROLLER;
}
