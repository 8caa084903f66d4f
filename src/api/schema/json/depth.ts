/**
 * How deep a client's values may be nested. Everything that walks objects does so by recursion, which a text of some
 * thousand brackets would otherwise bring to the end of the stack.
 */

/** No Kubernetes object comes near it. Go's decoder, which has less to do afterwards, stops at 10,000. */
export const MAX_DEPTH = 500;

/** What a refusal says. */
export const TOO_DEEP: string = `exceeded max depth: values are nested more than ${MAX_DEPTH} deep`;

/** Whether arrays and objects stand in each other deeper than {@link MAX_DEPTH}. */
export function isTooDeep(value: unknown): boolean {
  return exceeds(value, MAX_DEPTH);
}

function exceeds(value: unknown, left: number): boolean {
  if (value === null || typeof value !== "object") return false;
  if (left === 0) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (exceeds(item, left - 1)) return true;
    return false;
  }
  for (const name in value) if (exceeds((value as Record<string, unknown>)[name], left - 1)) return true;
  return false;
}
