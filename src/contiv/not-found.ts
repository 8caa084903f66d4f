/** What is not there, in Contiv's words. */
import { ApiError } from "../api/api-error.ts";
import type { ContivKind } from "./names.ts";
import { ContivError } from "./refusal.ts";

/** In the singular, as in "serviceLB not found". */
const SINGULAR: Readonly<Record<ContivKind, string>> = {
  networks: "network",
  tenants: "tenant",
  serviceLBs: "serviceLB",
};

/** `key` as Contiv has it. */
export function objectNotFound(plural: ContivKind, key: string): ContivError {
  return new ContivError(404, `${SINGULAR[plural]} not found: ${key}`);
}

/** What `work` comes to; where the server says that an object is not there, throws `refusal` instead. */
export async function orNotFound<T>(work: Promise<T>, refusal: () => ContivError): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) throw refusal();
    throw error;
  }
}
