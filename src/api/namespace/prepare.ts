/** What the server does to a Namespace before it is validated (pkg/registry/core/namespace/strategy.go). */
import type { Namespace } from "./type.ts";

/** Every namespace can be selected by its name. */
const NAME_LABEL = "kubernetes.io/metadata.name";
/** Keeps the namespace until everything in it is gone. */
const FINALIZER = "kubernetes";

export function setNamespaceDefaults(namespace: Namespace): void {
  namespace.spec ??= {};
  namespace.status ??= {};
  // A generated name is not known yet; the label follows when it is.
  if (namespace.metadata.name !== undefined)
    namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: namespace.metadata.name };
}

export function prepareNamespaceForCreate(namespace: Namespace): void {
  setNamespaceDefaults(namespace);
  namespace.status = { phase: "Active" };
  const finalizers = namespace.spec?.finalizers ?? [];
  namespace.spec = { finalizers: finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER] };
}

/** Finalizers change only through /finalize, status only through /status. */
export function prepareNamespaceForUpdate(namespace: Namespace, old: Namespace): void {
  namespace.spec = structuredClone(old.spec ?? {});
  namespace.status = structuredClone(old.status ?? {});
}

export function prepareNamespaceForStatusUpdate(namespace: Namespace, old: Namespace): void {
  namespace.spec = structuredClone(old.spec ?? {});
}
