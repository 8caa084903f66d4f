/**
 * Whose account a new pod uses (admission plugin ServiceAccount). Upstream waits a moment for an account "default" that
 * is not there yet; here it is taken for granted, since a controller makes it: a container that is mirrored into a
 * namespace which was made just now must not be lost. Every other account must exist. No token is put into the pod:
 * there is no kubelet that would mount it.
 */
import type { Pod } from "../../api/pod/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceAccountKind } from "../../api/serviceaccount/kind.ts";
import { forbidden } from "../../api/status-errors.ts";
import type { Store } from "../../store/store.ts";
import { storeKey } from "./keys.ts";
import type { KindRules } from "./kind-rules.ts";
import { decodeEntry } from "./stored-object.ts";

const DEFAULT = "default";
/** Pods that stand for something that a node runs by itself. */
const MIRROR = "kubernetes.io/config.mirror";

export function podAccountRules(store: Store): KindRules<Pod> {
  return {
    async completeNew({ metadata, spec }) {
      if (spec === undefined) return;
      // Old and new name of the same; the defaults have made them equal.
      const named = spec.serviceAccountName ?? "";
      const refuse = (why: string): Error =>
        forbidden(podKind, metadata.name ?? metadata.generateName ?? "", why);
      if (metadata.annotations?.[MIRROR] !== undefined) {
        if (named !== "") throw refuse("a mirror pod may not reference service accounts");
        return;
      }
      const name = named === "" ? DEFAULT : named;
      const { namespace = "" } = metadata;
      const entry = await store.get(storeKey(serviceAccountKind, { namespace, name }));
      if (entry === undefined && name !== DEFAULT)
        throw refuse(
          `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
        );
      spec.serviceAccountName = name;
      spec.serviceAccount = name;
      if (entry === undefined || (spec.imagePullSecrets ?? []).length > 0) return;
      const { imagePullSecrets = [] } = decodeEntry(serviceAccountKind, entry);
      if (imagePullSecrets.length > 0) spec.imagePullSecrets = structuredClone(imagePullSecrets);
    },
  };
}
