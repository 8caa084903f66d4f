/** JSON Patch, RFC 6902, with the API server's limits and refusals (apiserver pkg/endpoints/handlers/patch.go). */
import { applyPatch as applyOperations, Pointer } from "rfc6902";
import type { Operation } from "rfc6902";
import { ApiError } from "../api-error.ts";
import { badRequest, failure } from "../status-errors.ts";
import { isObject } from "./merge-patch.ts";

/** The most operations in one patch. */
export const MAX_OPERATIONS = 10_000;

const OPERATIONS: ReadonlySet<unknown> = new Set(["add", "remove", "replace", "move", "copy", "test"]);

/**
 * The patched value; `target` is not changed.
 * Throws ApiError: 400 for what is no JSON Patch, 413 for too many operations, 422 when an operation does not apply.
 */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  const operations = checkedOperations(patch);
  const result = { value: structuredClone(target) };
  // The library changes its argument; a path of "" replaces the whole, hence the wrapper.
  const wrapped = operations.map((operation) => wrap(operation));
  const [index, error] = [...applyOperations(result, wrapped).entries()].find(([, e]) => e !== null) ?? [];
  if (index !== undefined && error !== undefined && error !== null) {
    const { op, path } = operations[index]!;
    throw cannotApply(`operation ${index} (${op} ${path}): ${error.message.replaceAll("/value/", "/")}`);
  }
  return result.value;
}

function checkedOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw badRequest("a JSON patch is a list of operations");
  if (patch.length > MAX_OPERATIONS) {
    const message = `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`;
    throw new ApiError(failure(413, "RequestEntityTooLarge", message));
  }
  for (const [index, operation] of (patch as unknown[]).entries()) {
    if (!isObject(operation) || !OPERATIONS.has(operation["op"]))
      throw badRequest(`operation ${index} of the JSON patch has no known "op"`);
    checkPointer(operation, "path", index);
    if (operation["op"] === "move" || operation["op"] === "copy") checkPointer(operation, "from", index);
  }
  return patch as Operation[];
}

function checkPointer(operation: Record<string, unknown>, name: string, index: number): void {
  const pointer = operation[name];
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/")))
    throw badRequest(`operation ${index} of the JSON patch has no JSON pointer in "${name}"`);
  // Nothing of JavaScript's own is a field of an object.
  if (Pointer.fromJSON(pointer).tokens.some((token) => token === "__proto__" || token === "constructor"))
    throw badRequest(`operation ${index} of the JSON patch points at ${JSON.stringify(pointer)}`);
}

function wrap(operation: Operation): Operation {
  const inner = (pointer: string): string => `/value${pointer}`;
  const wrapped = { ...operation, path: inner(operation.path) };
  if ("from" in operation) return { ...wrapped, from: inner(operation.from) } as Operation;
  return wrapped;
}

/** Upstream's answer ends before the colon, and says nowhere what was wrong. */
function cannotApply(why: string): ApiError {
  return new ApiError(
    failure(422, "Invalid", `the server rejected our request due to an error in our request: ${why}`),
  );
}
