/** v1 Secret, and the types of Secrets that have rules. */
import type { KubeObject } from "../meta/type.ts";

export interface Secret extends KubeObject {
  immutable?: boolean;
  /** The values in base64. */
  data?: Record<string, string>;
  /** Only ever written: what is here becomes data. */
  stringData?: Record<string, string>;
  /** Any text; {@link SECRET_TYPE} has those with rules. */
  type?: string;
}

export const SECRET_TYPE = {
  opaque: "Opaque",
  serviceAccountToken: "kubernetes.io/service-account-token",
  dockercfg: "kubernetes.io/dockercfg",
  dockerConfigJson: "kubernetes.io/dockerconfigjson",
  basicAuth: "kubernetes.io/basic-auth",
  sshAuth: "kubernetes.io/ssh-auth",
  tls: "kubernetes.io/tls",
} as const;

/** The annotations of a Secret with a ServiceAccount's token: whose it is. */
export const SERVICE_ACCOUNT_NAME = "kubernetes.io/service-account.name";
export const SERVICE_ACCOUNT_UID = "kubernetes.io/service-account.uid";
