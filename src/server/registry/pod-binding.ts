/** What pods/binding does: puts a pod on a node, once (pkg/registry/core/pod/storage BindingREST). */
import type { Binding } from "../../api/binding/type.ts";
import type { KubeObject, Status } from "../../api/meta/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { badRequest, conflict } from "../../api/status-errors.ts";
import type { CallContext, ObjectKey, RegistryWriteOptions } from "../registry.ts";
import type { KindRules } from "./kind-rules.ts";
import { formatTime } from "./metadata.ts";
import type { Writer } from "./writer.ts";

const SUBRESOURCE = { group: "", plural: "pods/binding" };
const SCHEDULED = "PodScheduled";

/** `clock` in milliseconds since the epoch. */
export function podBindingRules(writer: Writer, clock: () => number): KindRules<Pod> {
  return {
    subresources: {
      binding: {
        async create(
          key: ObjectKey,
          body: KubeObject,
          options: RegistryWriteOptions,
          context: CallContext,
        ): Promise<KubeObject> {
          const binding = body as Binding;
          if (binding.metadata.name !== key.name)
            throw badRequest("name in URL does not match name in Binding object");
          return bindPod(writer, binding, clock(), options, context);
        },
      },
    },
  };
}

/** The older form, a resource of its own: the pod is the one of the binding's name (LegacyBindingREST). */
export function bindingRules(writer: Writer, clock: () => number): KindRules<Binding> {
  return {
    answer: async (binding, context, options) => bindPod(writer, binding, clock(), options, context),
  };
}

async function bindPod(
  writer: Writer,
  binding: Binding,
  now: number,
  options: RegistryWriteOptions,
  context: CallContext,
): Promise<Status> {
  const { namespace, name = "" } = binding.metadata;
  const key = { name, ...(namespace !== undefined && { namespace }) };
  const bind = (pod: Pod): Pod => boundPod(pod, binding, now);
  // An ordinary update could change neither the node nor the status: this is the one door.
  await writer.update(podKind, key, bind, { ...options, finalize: true, trusted: true }, context);
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
}

/** The pod on the binding's node. Throws ApiError 409 if it has one already, or must not have one yet. */
function boundPod(pod: Pod, { metadata, target }: Binding, now: number): Pod {
  const name = pod.metadata.name!;
  const refuse = (why: string): Error => conflict(SUBRESOURCE, name, why);
  const { nodeName = "", schedulingGates = [] } = pod.spec ?? {};
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (nodeName !== "") throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(nodeName)}`);
  if (schedulingGates.length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  // uid and resourceVersion, where the binding has them, are preconditions, which the writer checks.
  const { uid, resourceVersion, annotations } = metadata;
  const conditions = (pod.status?.conditions ?? []).filter(({ type }) => type !== SCHEDULED);
  const before = pod.status?.conditions?.find(({ type }) => type === SCHEDULED);
  const since = before?.status === "True" ? before.lastTransitionTime : undefined;
  const scheduled = {
    type: SCHEDULED,
    status: "True" as const,
    lastTransitionTime: since ?? formatTime(now),
  };
  const { resourceVersion: _old, ...kept } = pod.metadata;
  return {
    ...pod,
    metadata: {
      ...kept,
      ...(uid !== undefined && uid !== "" && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(annotations !== undefined && { annotations: { ...pod.metadata.annotations, ...annotations } }),
    },
    spec: { containers: [], ...pod.spec, nodeName: target.name! },
    status: { ...pod.status, conditions: [...conditions, scheduled] },
  };
}
