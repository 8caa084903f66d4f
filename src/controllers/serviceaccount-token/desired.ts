/** What a Secret for a ServiceAccount's token holds (kube-controller-manager's tokens controller). */
import { type Secret, SERVICE_ACCOUNT_UID } from "../../api/secret/type.ts";
import type { ServiceAccount } from "../../api/serviceaccount/type.ts";
import { CA_KEY } from "../root-ca-publisher/desired.ts";

export const TOKEN_KEY = "token";
const NAMESPACE_KEY = "namespace";

/** Whether the Secret was filled for an account of the same name that is gone. */
export function isOfAnother({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[SERVICE_ACCOUNT_UID] ?? "";
  return uid !== "" && uid !== account.metadata.uid;
}

/**
 * The Secret as it should be, or undefined if it is so already. `ca` is PEM. `token` is called only if there is none yet: one
 * that is there is in use.
 */
export async function desiredSecret(
  secret: Secret,
  account: ServiceAccount,
  ca: string,
  token: () => Promise<string>,
): Promise<Secret | undefined> {
  const data = { ...secret.data };
  const wanted: Record<string, string> = { [CA_KEY]: base64(ca) };
  if ((data[NAMESPACE_KEY] ?? "") === "") wanted[NAMESPACE_KEY] = base64(secret.metadata.namespace!);
  if ((data[TOKEN_KEY] ?? "") === "") wanted[TOKEN_KEY] = base64(await token());
  const isRight =
    Object.entries(wanted).every(([key, value]) => data[key] === value) &&
    secret.metadata.annotations?.[SERVICE_ACCOUNT_UID] === account.metadata.uid;
  if (isRight) return undefined;
  return {
    ...secret,
    metadata: {
      ...secret.metadata,
      annotations: { ...secret.metadata.annotations, [SERVICE_ACCOUNT_UID]: account.metadata.uid! },
    },
    data: { ...data, ...wanted },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
