/** EndpointSlices from selectors: for each Service the addresses of the pods that it selects. */
import { type EndpointSlice, MANAGED_BY_LABEL } from "../../api/endpointslice/type.ts";
import { podWeight, WEIGHT_ANNOTATION } from "../../api/endpointslice/weights.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { keyOf, splitKey } from "../../client/object-key.ts";
import { type Controller, type ControllerContext, createControllerQueue } from "../controller.ts";
import { podsOf, serviceOfSlice, servicesOf } from "../informers.ts";
import { sameAsEndpoint, wantsEndpoints } from "../pod-endpoint.ts";
import { sameLabels } from "../same-labels.ts";
import { createTriggerTimes } from "../trigger-time.ts";
import { desiredEndpoints, hasTopologyMode } from "./desired.ts";
import { packSlices, type SliceWrites } from "./packing.ts";
import { createSliceWriter } from "./slice-writer.ts";
import { ENDPOINTSLICE_CONTROLLER, serviceOwner } from "./slice.ts";
import { createHintsHistory, hintedWrites, type HintsNews, withPresentHints } from "./topology-mode.ts";
import { sameShare, zoneShares, type ZoneShares } from "./zone-shares.ts";

const NAME = "endpointslice";

export interface EndpointSliceOptions {
  /** @default 100 */
  readonly maxEndpoints?: number;
}

/** Keys are Services, "namespace/name". */
export function endpointSliceController(
  context: ControllerContext,
  { maxEndpoints }: EndpointSliceOptions = {},
): Controller {
  const { client, informers, log } = context;
  const { services, pods, nodes, slices } = informers;
  const triggerTimes = createTriggerTimes();
  /** Services that wait for a node to appear, by its name. */
  const waitingForNode = new Map<string, Set<string>>();
  const writer = createSliceWriter(client, slices);
  const hints = createHintsHistory();
  /** Found again when a node has changed; undefined inside is an answer too. */
  let shares: { readonly of: ZoneShares | undefined } | undefined;

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
    onAdd(pod) {
      reportWeight(pod, undefined);
      enqueueServicesOf(pod);
    },
    onUpdate(pod, old) {
      reportWeight(pod, old);
      const relabelled = !sameLabels(pod, old);
      if (!relabelled && sameAsEndpoint(pod, old)) return;
      enqueueServicesOf(pod);
      if (relabelled) enqueueServicesOf(old);
    },
    onDelete: enqueueServicesOf,
  });
  nodes.addHandler({
    onAdd(node) {
      enqueueNode(node.metadata.name!);
      sharesChanged();
    },
    onUpdate(node, old) {
      if (!sameLabels(node, old)) enqueueOnNode(node.metadata.name!);
      if (!sameShare(node, old)) sharesChanged();
    },
    onDelete(node) {
      enqueueOnNode(node.metadata.name!);
      sharesChanged();
    },
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

  /** Hints that still fit stay as they are: only Services that have too few endpoints for a zone are written. */
  function sharesChanged(): void {
    shares = undefined;
    for (const [key, service] of services.list()) if (hasTopologyMode(service)) enqueue(key);
  }

  /** Whoever annotated the pod is told once what is wrong with it. */
  function reportWeight(pod: Pod, old: Pod | undefined): void {
    const [now, before] = [pod, old].map((one) => one?.metadata.annotations?.[WEIGHT_ANNOTATION]);
    const { problem } = now === before ? {} : podWeight(pod);
    if (problem !== undefined) context.events.record(podKind, pod, "Warning", "InvalidWeight", problem);
  }

  // What it wants.

  function plan(key: string): SliceWrites {
    const ours = Array.from(slices.byIndex("service", key).values()).filter(isOurs);
    const service = services.getByKey(key);
    for (const [node, waiting] of waitingForNode)
      if (waiting.delete(key) && waiting.size === 0) waitingForNode.delete(node);
    if (service === undefined) {
      triggerTimes.forget(key);
      hints.drop(key);
      return { create: [], update: [], delete: ours };
    }
    // Whoever takes the selector away takes over the endpoints as they are.
    if (!wantsEndpoints(service)) return { create: [], update: [], delete: [] };
    const selected = podsOf(service, informers);
    const desired = desiredEndpoints(service, selected, (name) => nodes.get(undefined, name));
    for (const node of desired.missingNodes) waitFor(node, key);
    const triggerTime = triggerTimes.since(key, service, selected);
    const owner = serviceOwner(service, desired.weights);
    const options = {
      ...(triggerTime !== undefined && { triggerTime }),
      ...(maxEndpoints !== undefined && { maxEndpoints }),
    };
    if (!hasTopologyMode(service)) {
      tell(service, hints.drop(key));
      return packSlices(owner, desired, ours, options);
    }
    shares ??= { of: zoneShares(nodes.list().values()) };
    const packed = packSlices(owner, withPresentHints(desired, ours), ours, options);
    const { writes, reports } = hintedWrites(
      packed,
      ours,
      desired.addressTypes,
      shares.of,
      owner,
      triggerTime,
    );
    tell(service, hints.note(key, reports));
    return writes;
  }

  function tell(service: Service, news: readonly HintsNews[]): void {
    for (const { type, reason, message } of news)
      context.events.record(serviceKind, service, type, reason, message);
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
