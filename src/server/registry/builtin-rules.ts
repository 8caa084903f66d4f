/** The rules of the built-in kinds (pkg/registry/core/<kind>/strategy.go and storage of each). */
import { endpointsKind } from "../../api/endpoints/kind.ts";
import { eventKind } from "../../api/event/kind.ts";
import { eventV1Kind } from "../../api/eventsv1/kind.ts";
import { leaseKind } from "../../api/lease/kind.ts";
import type { DeleteOptions } from "../../api/meta/type.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import type { Namespace } from "../../api/namespace/type.ts";
import { hasEnded } from "../../api/pod/ended.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { replicationControllerKind } from "../../api/replicationcontroller/kind.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { forbidden } from "../../api/status-errors.ts";
import type { ServiceRanges } from "../allocation/ranges.ts";
import { createServiceAllocation } from "../allocation/service-allocator.ts";
import { serviceCIDRRules } from "../allocation/service-cidrs.ts";
import { keyOf } from "./metadata.ts";
import { NAMESPACE_FINALIZER } from "./namespace-finalizer.ts";
import { NOTHING_RESERVED, RulesByKind } from "./kind-rules.ts";

/** Namespaces that cannot be deleted (admission plugin NamespaceLifecycle). */
const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);
/** Seconds, where neither the request nor the pod says. */
const DEFAULT_GRACE_PERIOD = 30;

/** `clock` in milliseconds since the epoch. */
export function builtinRules(ranges: ServiceRanges, clock: () => number): RulesByKind {
  return new RulesByKind()
    .add(namespaceKind, {
      beginWrite(namespace: Namespace, old: Namespace | undefined) {
        if (old === undefined) {
          const others = (namespace.spec?.finalizers ?? []).filter((one) => one !== NAMESPACE_FINALIZER);
          namespace.spec = { ...namespace.spec, finalizers: [...others, NAMESPACE_FINALIZER] };
        }
        return NOTHING_RESERVED;
      },
      checkDelete({ metadata: { name } }: Namespace) {
        if (IMMORTAL.has(name!)) throw forbidden(namespaceKind, name!, "this namespace may not be deleted");
      },
      isHeld: ({ spec }: Namespace) => (spec?.finalizers ?? []).length > 0,
      markDeleted(namespace: Namespace) {
        namespace.status = { ...namespace.status, phase: "Terminating" };
      },
    })
    .add(serviceKind, {
      ...createServiceAllocation(ranges, clock),
      createOnUpdate: true,
      returnsDeleted: true,
      deletesAlso: (service: Service) => [{ kind: endpointsKind, key: keyOf(service) }],
    })
    .add(serviceCIDRKind, serviceCIDRRules(ranges, clock))
    .add(endpointsKind, { createOnUpdate: true })
    .add(replicationControllerKind, { orphansByDefault: true })
    .add(eventKind, { createOnUpdate: true })
    .add(eventV1Kind, { createOnUpdate: true })
    .add(leaseKind, { createOnUpdate: true, versionedUpdate: true })
    .add(podKind, { returnsDeleted: true, gracePeriod: podGracePeriod });
}

/** A pod that no node has, or whose containers have ended, goes at once. */
function podGracePeriod(pod: Pod, options: DeleteOptions): number {
  const { spec } = pod;
  if ((spec?.nodeName ?? "") === "") return 0;
  if (hasEnded(pod)) return 0;
  return options.gracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_PERIOD;
}
