/** The opaque token that leads from one page of a list to the next: the version of the first page, and where to go on. */
import { badRequest } from "../../api/status-errors.ts";
import type { Revision } from "../../store/store.ts";

export interface ContinuePoint {
  /** The version of all pages; undefined: whatever is newest (after the version was compacted). */
  readonly revision: Revision | undefined;
  /** The last key of the page before, without the kind's prefix. */
  readonly after: string;
}

export function encodeContinue({ revision, after }: ContinuePoint): string {
  return Buffer.from(JSON.stringify({ v: "fairlead/1", rv: revision ?? -1, after })).toString("base64url");
}

/** Throws ApiError 400 for a text that is no token of ours. */
export function decodeContinue(token: string): ContinuePoint {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw badRequest("continue key is not valid: it is not a token of this server");
  }
  const { v, rv, after } = (decoded ?? {}) as { v?: unknown; rv?: unknown; after?: unknown };
  if (v !== "fairlead/1" || !Number.isSafeInteger(rv) || typeof after !== "string")
    throw badRequest("continue key is not valid: it is not a token of this server");
  return { revision: (rv as number) < 0 ? undefined : (rv as number), after };
}
