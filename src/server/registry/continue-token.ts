/** The opaque token that leads from one page of a list to the next: the version of the first page, and where to go on. */
import type { ApiError } from "../../api/api-error.ts";
import { badRequest } from "../../api/status-errors.ts";
import type { Revision } from "../../store/store.ts";

/** Of the token's form, which is upstream's (apiserver storage/continue.go). */
const VERSION = "meta.k8s.io/v1";

export interface ContinuePoint {
  /** The version of all pages; undefined: whatever is newest (after the version was compacted). */
  readonly revision: Revision | undefined;
  /** The last key of the page before, without the kind's prefix. */
  readonly after: string;
}

export function encodeContinue({ revision, after }: ContinuePoint): string {
  // Upstream names the first key that is wanted: the one right after the last that was sent.
  return Buffer.from(JSON.stringify({ v: VERSION, rv: revision ?? -1, start: `${after}\0` })).toString(
    "base64url",
  );
}

/** Throws ApiError 400 for a text that is no token of ours. */
export function decodeContinue(token: string): ContinuePoint {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw notValid("continue key is not valid");
  }
  const { v, rv, start } = (decoded ?? {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== VERSION)
    throw notValid("continue key is not valid: server does not recognize this encoded version");
  if (!Number.isSafeInteger(rv) || rv === 0 || (rv as number) < -1)
    throw notValid(`continue key is not valid: incorrect encoded start resourceVersion (version ${VERSION})`);
  if (typeof start !== "string" || start === "" || !start.endsWith("\0"))
    throw notValid(`continue key is not valid: encoded start key empty (version ${VERSION})`);
  return { revision: rv === -1 ? undefined : (rv as number), after: start.slice(0, -1) };
}

function notValid(why: string): ApiError {
  return badRequest(`invalid continue token: ${why}`);
}
