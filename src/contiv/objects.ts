/** The texts by which Contiv calls its objects. */
import type { ContivKind } from "./names.ts";
import { ContivError } from "./refusal.ts";

/** In the singular, as in "serviceLB not found". */
export const SINGULAR: Readonly<Record<ContivKind, string>> = {
  networks: "network",
  tenants: "tenant",
  serviceLBs: "serviceLB",
};

export function objectNotFound(plural: ContivKind, key: string): ContivError {
  return new ContivError(404, `${SINGULAR[plural]} not found: ${key}`);
}
