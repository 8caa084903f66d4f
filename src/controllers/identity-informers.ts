/** The caches of the loops that keep identities: ServiceAccounts, their tokens, and the authority's certificate. */
import { configMapKind } from "../api/configmap/kind.ts";
import type { ConfigMap } from "../api/configmap/type.ts";
import { namespaceKind } from "../api/namespace/kind.ts";
import type { Namespace } from "../api/namespace/type.ts";
import { secretKind } from "../api/secret/kind.ts";
import { type Secret, SECRET_TYPE, SERVICE_ACCOUNT_NAME } from "../api/secret/type.ts";
import { serviceAccountKind } from "../api/serviceaccount/kind.ts";
import type { ServiceAccount } from "../api/serviceaccount/type.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { type Informer, startInformer } from "../client/informer.ts";
import { keyText } from "../client/object-key.ts";
import { ROOT_CA_CONFIG_MAP } from "./root-ca-publisher/desired.ts";

export interface IdentityInformers {
  readonly namespaces: Informer<Namespace>;
  readonly serviceAccounts: Informer<ServiceAccount>;
  /** Of one name only: those with the authority's certificate. */
  readonly rootCAs: Informer<ConfigMap>;
  /** Those for tokens, by the ServiceAccount that they name: "namespace/name". */
  readonly tokenSecrets: Informer<Secret, "account">;
}

export function startIdentityInformers(client: Client, signal: AbortSignal, log: Log): IdentityInformers {
  const shared = { client, signal, log };
  return {
    namespaces: startInformer({ ...shared, kind: namespaceKind }),
    serviceAccounts: startInformer({ ...shared, kind: serviceAccountKind }),
    rootCAs: startInformer({
      ...shared,
      kind: configMapKind,
      fieldSelector: `metadata.name=${ROOT_CA_CONFIG_MAP}`,
    }),
    // Nobody needs other people's secrets in memory.
    tokenSecrets: startInformer({
      ...shared,
      kind: secretKind,
      fieldSelector: `type=${SECRET_TYPE.serviceAccountToken}`,
      indexes: { account: accountOf },
    }),
  };
}

/** "namespace/name" of the ServiceAccount that a Secret names, as a list of one or none. */
export function accountOf({ metadata, type }: Secret): string[] {
  const name = metadata.annotations?.[SERVICE_ACCOUNT_NAME] ?? "";
  if (type !== SECRET_TYPE.serviceAccountToken || name === "") return [];
  return [keyText(metadata.namespace, name)];
}
