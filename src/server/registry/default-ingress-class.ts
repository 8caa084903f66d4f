/** A new Ingress that names no class gets the default one (admission plugin DefaultIngressClass). */
import { ingressClassKind } from "../../api/ingressclass/kind.ts";
import type { IngressClass } from "../../api/ingressclass/type.ts";
import type { Ingress } from "../../api/ingress/type.ts";
import { CLASS_ANNOTATION } from "../../api/ingress/validation.ts";
import type { Store } from "../../store/store.ts";
import { keyPrefix } from "./keys.ts";
import type { KindRules } from "./kind-rules.ts";
import { decodeEntry } from "./stored-object.ts";

const IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class";

export function ingressRules(store: Store): KindRules<Ingress> {
  return {
    async completeNew(ingress) {
      if (ingress.spec?.ingressClassName !== undefined) return;
      if (ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
      const { entries } = await store.list(keyPrefix(ingressClassKind));
      const found = defaultClass(entries.map((entry) => decodeEntry(ingressClassKind, entry)));
      if (found !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: found };
    },
  };
}

/** The newest of the classes that are marked; of those made in one second the first by name. */
function defaultClass(classes: readonly IngressClass[]): string | undefined {
  let best: { readonly name: string; readonly time: string } | undefined;
  for (const { metadata } of classes) {
    if (metadata.annotations?.[IS_DEFAULT] !== "true") continue;
    const [name, time] = [metadata.name!, metadata.creationTimestamp!];
    if (best === undefined || time > best.time || (time === best.time && name < best.name))
      best = { name, time };
  }
  return best?.name;
}
