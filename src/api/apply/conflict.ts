/** The refusal of an apply that would change what others own (apimachinery util/managedfields/internal/conflict.go). */
import { ApiError } from "../api-error.ts";
import type { StatusCause } from "../meta/type.ts";
import { failure } from "../status-errors.ts";
import type { Conflicts } from "./apply.ts";
import { pathsOf } from "./field-set.ts";
import { type Manager, type Managers, order } from "./managers.ts";
import { showPath } from "./path-element.ts";

/** 409, with a cause a field. */
export function applyConflict(conflicts: Conflicts, managers: Managers): ApiError {
  const byManager = [...conflicts]
    .sort(([a], [b]) => order(a, b))
    .map(([identity, fields]) => ({
      manager: showManager(managers.get(identity)!),
      paths: [...pathsOf(fields)].map(showPath),
    }));
  const causes = byManager.flatMap(({ manager, paths }) =>
    paths.map((field): StatusCause => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${manager}`,
      field,
    })),
  );
  const list = byManager
    .flatMap(({ manager, paths }) => [`conflicts with ${manager}:`, ...paths.map((path) => `- ${path}`)])
    .join("\n");
  const [only] = causes;
  const message =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${only!.message}: ${only!.field}`
      : `Apply failed with ${causes.length} conflicts: ${list}`;
  return new ApiError(failure(409, "Conflict", message, { causes }));
}

function showManager({ manager, subresource, operation, apiVersion }: Manager): string {
  let text = JSON.stringify(manager);
  if (subresource !== "") text += ` with subresource ${JSON.stringify(subresource)}`;
  return operation === "Update" ? `${text} using ${apiVersion}` : text;
}
