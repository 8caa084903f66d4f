/** Follows Services and their EndpointSlices, for the names of what connections go to. */
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Client } from "../../client/client.ts";
import { startInformer } from "../../client/informer.ts";
import { OURS_SELECTOR } from "../../dataplane/service-ports.ts";
import { createServiceTracker } from "../../dataplane/service-table.ts";
import type { VirtualPort } from "../../dataplane/table.ts";
import { serviceOfSlice } from "./report.ts";

export interface FollowedServices {
  /** All virtual ports, if they may have changed since this was called last. */
  changedPorts(): Iterable<VirtualPort> | undefined;
  slicesOf(service: string): readonly EndpointSlice[];
}

/** Resolves when all is known that there is. Rejects if the API refuses; later troubles are waited out. */
export async function followServices(client: Client, signal: AbortSignal): Promise<FollowedServices> {
  // An informer tries for ever; whoever has just typed a command wants to hear why it cannot work.
  await client.list(serviceKind, { limit: 1 });
  const tracker = createServiceTracker();
  const shared = { client, labelSelector: OURS_SELECTOR, signal };
  const services = startInformer({ ...shared, kind: serviceKind });
  const slices = startInformer({
    ...shared,
    kind: endpointSliceKind,
    indexes: { service: (slice: EndpointSlice) => [serviceOfSlice(slice)] },
  });
  services.addHandler({
    onAdd: (service) => tracker.setService(service),
    onUpdate: (service) => tracker.setService(service),
    onDelete: (service) => tracker.removeService(service),
  });
  await Promise.all([services.synced, slices.synced]);
  return {
    changedPorts() {
      if (tracker.changed === 0) return undefined;
      tracker.take();
      return tracker.ports.values();
    },
    slicesOf: (service) => [...slices.byIndex("service", service).values()],
  };
}
