/** The ConfigMap by which pods know whom to believe (kube-controller-manager's root-ca-cert-publisher). */
import type { ConfigMap } from "../../api/configmap/type.ts";

export const ROOT_CA_CONFIG_MAP = "kube-root-ca.crt";
export const CA_KEY = "ca.crt";

const DESCRIPTION = "kubernetes.io/description";
const DESCRIPTION_TEXT =
  "The certificate authority of this API server, for clients that reach it at its internal addresses.";

/** The ConfigMap as it should be in a namespace; undefined if `current` is so already. `ca` is PEM. */
export function desiredRootCA(
  namespace: string,
  ca: string,
  current: ConfigMap | undefined,
): ConfigMap | undefined {
  const { annotations, ...metadata } = current?.metadata ?? { name: ROOT_CA_CONFIG_MAP, namespace };
  const data = current?.data ?? {};
  const isRight =
    data[CA_KEY] === ca && Object.keys(data).length === 1 && annotations?.[DESCRIPTION] !== undefined;
  if (isRight) return undefined;
  return {
    ...current,
    metadata: { ...metadata, annotations: { ...annotations, [DESCRIPTION]: DESCRIPTION_TEXT } },
    data: { [CA_KEY]: ca },
  };
}
