/** EndpointSlices from Endpoints that somebody made by hand, for Services without a selector. */
import { type EndpointSlice, MANAGED_BY_LABEL } from "../../api/endpointslice/type.ts";
import { endpointsKind } from "../../api/endpoints/kind.ts";
import type { Endpoints } from "../../api/endpoints/type.ts";
import { keyOf } from "../../client/object-key.ts";
import { type Controller, type ControllerContext, createControllerQueue } from "../controller.ts";
import { packSlices, type SliceWrites } from "../endpointslice/packing.ts";
import { createSliceWriter } from "../endpointslice/slice-writer.ts";
import { serviceOfSlice } from "../informers.ts";
import {
  endpointsOwner,
  isMirrored,
  MAX_ENDPOINTS_PER_SUBSET,
  MIRRORING_CONTROLLER,
  type MirroredEndpoints,
  mirroredEndpoints,
} from "./desired.ts";

const NAME = "endpointslice-mirroring";

/** Keys are Services, and so Endpoints, "namespace/name". */
export function endpointSliceMirroringController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const { services, endpoints, slices } = informers;
  const writer = createSliceWriter(client, slices);

  const { queue, enqueue, open } = createControllerQueue(NAME, context, (key) => writer.write(plan(key)));

  // What it watches.

  function enqueueSlice(slice: EndpointSlice): void {
    if (!writer.writing && isOurs(slice)) for (const key of serviceOfSlice(slice)) enqueue(key);
  }

  for (const informer of [services, endpoints])
    informer.addHandler({
      onAdd: (object) => enqueue(keyOf(object)),
      onUpdate: (object) => enqueue(keyOf(object)),
      onDelete: (object) => enqueue(keyOf(object)),
    });
  slices.addHandler({
    onAdd: enqueueSlice,
    onUpdate(slice, old) {
      enqueueSlice(slice);
      enqueueSlice(old);
    },
    onDelete: enqueueSlice,
  });

  // What it wants.

  function plan(key: string): SliceWrites {
    const ours = Array.from(slices.byIndex("service", key).values()).filter(isOurs);
    const object = endpoints.getByKey(key);
    if (!isMirrored(services.getByKey(key), object)) return { create: [], update: [], delete: ours };
    const desired = mirroredEndpoints(object);
    report(object, desired);
    return packSlices(endpointsOwner(object), desired, ours, {
      maxEndpoints: MAX_ENDPOINTS_PER_SUBSET,
      placeholders: false,
    });
  }

  /** In Kubernetes' words: whoever wrote the Endpoints knows what he did not get. */
  function report(object: Endpoints, { invalid, tooMany }: MirroredEndpoints): void {
    if (invalid > 0)
      warn(
        object,
        "InvalidIPAddress",
        `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`,
      );
    if (tooMany > 0)
      warn(
        object,
        "TooManyAddressesToMirror",
        `A max of ${MAX_ENDPOINTS_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. ${tooMany} addresses were skipped`,
      );
  }

  function warn(object: Endpoints, reason: string, message: string): void {
    context.events.record(endpointsKind, object, "Warning", reason, message);
  }

  return {
    name: NAME,
    queue,
    start() {
      open();
      for (const key of endpoints.list().keys()) queue.add(key);
      // Of Endpoints that went while nobody looked.
      for (const slice of slices.list().values()) enqueueSlice(slice);
    },
  };
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MIRRORING_CONTROLLER;
}
