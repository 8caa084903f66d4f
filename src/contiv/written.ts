/** What a request has written, and how it comes to that where others write at once. */
import { ApiError } from "../api/api-error.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { NETMASTER } from "../api/network/type.ts";
import { type ContivKind, contivName } from "./names.ts";
import { ContivError } from "./refusal.ts";

/** How often a write is begun again that another's came before. */
const ATTEMPTS = 10;

export interface Written<T> {
  /** As it is now. */
  readonly object: T;
  /** What it came to. "none": it was so already. */
  readonly verb: "create" | "update" | "none";
}

/** In managedFields. */
export const BY_US: { readonly fieldManager: string } = { fieldManager: NETMASTER };

/** Does the work anew, on what others have made of the object meanwhile. */
export async function afterRaces<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++)
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isRace(error)) throw error;
    }
}

function isRace(error: unknown): boolean {
  return error instanceof ApiError && (error.reason === "Conflict" || error.reason === "AlreadyExists");
}

/**
 * Contiv's "Web" is called otherwise in Kubernetes, and that name in a new config means another object: which there cannot
 * be. Throws ContivError 409.
 */
export function requireName(kind: ContivKind, existing: KubeObject, name: string): void {
  const own = contivName(kind, existing);
  if (own === name) return;
  const { name: theirs = "" } = existing.metadata;
  throw new ContivError(409, `the name ${name} is taken: ${theirs} is what ${own} is called in Kubernetes`);
}
