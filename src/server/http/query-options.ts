/** The query parameters of the verbs, checked (apimachinery ListOptions, CreateOptions, ...). */
import { type FieldError, notSupported } from "../../api/field-error.ts";
import type { FieldValidation } from "../../api/schema/body.ts";
import type { DeleteOptions } from "../../api/meta/type.ts";
import { badRequest, invalid } from "../../api/status-errors.ts";
import type { RegistryListQuery, RegistryWatchQuery } from "../registry.ts";

export interface WriteQuery {
  readonly dryRun: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation: FieldValidation;
}

/** `options` names the parameters in refusals: "CreateOptions". Throws ApiError 422. */
export function writeQuery(query: URLSearchParams, options: string): WriteQuery {
  const errors: FieldError[] = [];
  const dryRun = checkDryRun(query.getAll("dryRun"), errors);
  const fieldValidation = query.get("fieldValidation") || "Warn";
  if (!isFieldValidation(fieldValidation))
    errors.push(notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]));
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind: options }, "", errors);
  const fieldManager = query.get("fieldManager");
  return {
    dryRun,
    fieldValidation: fieldValidation as FieldValidation,
    ...(fieldManager !== null && { fieldManager }),
  };
}

function isFieldValidation(text: string): text is FieldValidation {
  return text === "Strict" || text === "Warn" || text === "Ignore";
}

function checkDryRun(values: readonly string[], errors: FieldError[]): boolean {
  for (const value of values)
    if (value !== "All" && value !== "") errors.push(notSupported("dryRun", [...values], ["All"]));
  return values.includes("All");
}

/** What the body of DELETE does not say may be in the query. Throws ApiError 400 or 422. */
export function deleteOptions(query: URLSearchParams, body: DeleteOptions): DeleteOptions {
  const options: DeleteOptions = { ...body };
  const grace = integer(query, "gracePeriodSeconds");
  if (grace !== undefined) options.gracePeriodSeconds ??= grace;
  const policy = query.get("propagationPolicy");
  if (policy !== null)
    options.propagationPolicy ??= policy as NonNullable<DeleteOptions["propagationPolicy"]>;
  const orphan = boolean(query, "orphanDependents");
  if (orphan !== undefined) options.orphanDependents ??= orphan;
  if (query.has("dryRun") && (options.dryRun ?? []).length === 0) options.dryRun = query.getAll("dryRun");
  const errors: FieldError[] = [];
  checkDryRun(options.dryRun ?? [], errors);
  const policies = ["Background", "Foreground", "Orphan"];
  if (options.propagationPolicy !== undefined && !policies.includes(options.propagationPolicy))
    errors.push(notSupported("propagationPolicy", options.propagationPolicy, [...policies, "nil"]));
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind: "DeleteOptions" }, "", errors);
  return options;
}

/** Throws ApiError 400. */
export function listQuery(query: URLSearchParams, namespace: string | undefined): RegistryListQuery {
  const limit = integer(query, "limit");
  if (limit !== undefined && limit < 0) throw badRequest(`limit must not be negative: ${limit}`);
  const match = query.get("resourceVersionMatch") || undefined;
  return {
    ...selectors(query, namespace),
    ...(limit !== undefined && { limit }),
    ...(query.has("continue") && { continue: query.get("continue")! }),
    ...(match !== undefined && { resourceVersionMatch: match as "Exact" | "NotOlderThan" }),
  };
}

/** A watch without timeoutSeconds ends after 30 to 60 minutes, as kube-apiserver's does, so that watches spread out. */
const LEAST_TIMEOUT_SECONDS = 1800;
/** What setTimeout can count, in seconds. */
const MOST_TIMEOUT_SECONDS = 2_147_483;

/** Throws ApiError 400 or 422. */
export function watchQuery(query: URLSearchParams, namespace: string | undefined): RegistryWatchQuery {
  const asked = integer(query, "timeoutSeconds") ?? 0;
  const seconds = asked > 0 ? asked : LEAST_TIMEOUT_SECONDS * (1 + Math.random());
  const allowBookmarks = boolean(query, "allowWatchBookmarks") ?? false;
  const sendInitialEvents = boolean(query, "sendInitialEvents");
  if (sendInitialEvents !== undefined && query.get("resourceVersionMatch") !== "NotOlderThan")
    throw invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", [
      {
        type: "Forbidden",
        field: "resourceVersionMatch",
        detail: "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
      },
    ]);
  return {
    ...selectors(query, namespace),
    allowBookmarks,
    timeoutMs: Math.min(seconds, MOST_TIMEOUT_SECONDS) * 1000,
    ...(sendInitialEvents !== undefined && { sendInitialEvents }),
  };
}

function selectors(
  query: URLSearchParams,
  namespace: string | undefined,
): Pick<RegistryListQuery, "namespace" | "labelSelector" | "fieldSelector" | "resourceVersion"> {
  const given: Record<string, string> = {};
  for (const name of ["labelSelector", "fieldSelector", "resourceVersion"]) {
    const value = query.get(name);
    if (value !== null && value !== "") given[name] = value;
  }
  return { ...given, ...(namespace !== undefined && { namespace }) };
}

/** Kubernetes takes any text but "false" and "0" as true. */
export function boolean(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : !["false", "0", ""].includes(text.toLowerCase());
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw badRequest(`${name} is not a number: ${JSON.stringify(text)}`);
  return value;
}
