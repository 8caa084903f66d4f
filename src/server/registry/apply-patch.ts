/** PATCH: the stored object with a client's change applied. */
import { applyPatch as applyJsonPatch, type Operation } from "rfc6902";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { badRequest, unsupportedMediaType } from "../../api/status-errors.ts";
import type { CallContext, RegistryPatch, RegistryWriteOptions } from "../registry.ts";

/** A new object; `current` stays as it is. Throws ApiError. */
export function applyPatch<T extends KubeObject>(
  _kind: Kind<T>,
  current: T,
  patch: RegistryPatch,
  _options: RegistryWriteOptions,
  _context: CallContext,
): T {
  const next = structuredClone(current);
  switch (patch.type) {
    case "json": {
      const errors = applyJsonPatch(next, patch.patch as Operation[]).filter((error) => error !== null);
      if (errors.length > 0) throw badRequest(errors[0]!.message);
      return next;
    }
    case "merge":
      return merge(next, patch.patch) as T;
    default:
      throw unsupportedMediaType(["application/json-patch+json", "application/merge-patch+json"]);
  }
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const into = (
    typeof target === "object" && target !== null && !Array.isArray(target) ? target : {}
  ) as Record<string, unknown>;
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete into[name];
    else into[name] = merge(into[name], value);
  }
  return into;
}
