/** What the server decides about a ServiceAccount (pkg/registry/core/serviceaccount/strategy.go). */
import type { ServiceAccount } from "./type.ts";

/** Of a reference to a Secret only the name means something. */
export function cleanSecretReferences(account: ServiceAccount): void {
  if (account.secrets === undefined) return;
  account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
}
