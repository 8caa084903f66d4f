/** The query parameters of the verbs, checked (apimachinery ListOptions, CreateOptions, ...). */
import type { ApiError } from "../../api/api-error.ts";
import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from "../../api/field-error.ts";
import type { FieldValidation } from "../../api/schema/body.ts";
import type { DeleteOptions } from "../../api/meta/type.ts";
import { badRequest, invalid } from "../../api/status-errors.ts";
import type { RegistryListQuery, RegistryWatchQuery } from "../registry.ts";

export interface WriteQuery {
  readonly dryRun: boolean;
  /** Empty: the client gave itself no name. */
  readonly fieldManager?: string;
  readonly fieldValidation: FieldValidation;
}

/** metav1validation.FieldManagerMaxLength */
const MAX_MANAGER = 128;
const APPLY = /^application\/apply-patch\+(yaml|cbor)$/;

/** `options` names the parameters in refusals: "CreateOptions". Throws ApiError 422. */
export function writeQuery(
  query: URLSearchParams,
  options: string,
  userAgent: string | undefined,
): WriteQuery {
  const errors: FieldError[] = [];
  const parsed = checkWrite(query, userAgent, errors);
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind: options }, "", errors);
  return parsed;
}

/** The options of a PATCH with this media type. Throws ApiError 422. */
export function patchQuery(
  query: URLSearchParams,
  mediaType: string,
  userAgent: string | undefined,
): { readonly options: WriteQuery; readonly force: boolean } {
  const errors: FieldError[] = [];
  const force = boolean(query, "force");
  if (APPLY.test(mediaType)) {
    if ((query.get("fieldManager") ?? "") === "")
      errors.push(required("fieldManager", "is required for apply patch"));
  } else if (force !== undefined)
    errors.push(forbiddenField("force", "may not be specified for non-apply patch"));
  const options = checkWrite(query, userAgent, errors);
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", errors);
  return { options, force: force === true };
}

function checkWrite(query: URLSearchParams, userAgent: string | undefined, errors: FieldError[]): WriteQuery {
  const given = query.get("fieldManager") ?? "";
  if (Buffer.byteLength(given) > MAX_MANAGER) errors.push(tooLong("fieldManager", MAX_MANAGER));
  if (/\p{C}/u.test(given))
    errors.push(invalidValue("fieldManager", given, "should only contain printable characters"));
  const dryRun = checkDryRun(query.getAll("dryRun"), errors);
  const fieldValidation = query.get("fieldValidation") || "Warn";
  if (!isFieldValidation(fieldValidation))
    errors.push(notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]));
  const fieldManager = given === "" ? managerOf(userAgent ?? "") : given;
  return {
    dryRun,
    fieldValidation: fieldValidation as FieldValidation,
    ...(fieldManager !== "" && { fieldManager }),
  };
}

/** Who does not name itself is called by the program in its User-Agent (handlers.prefixFromUserAgent). */
function managerOf(userAgent: string): string {
  return Array.from(userAgent.split("/")[0]!.replaceAll(/\p{C}/gu, "")).slice(0, MAX_MANAGER).join("");
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

/** Throws ApiError 400 or 422. */
export function listQuery(query: URLSearchParams, namespace: string | undefined): RegistryListQuery {
  const limit = integer(query, "limit");
  const match = query.get("resourceVersionMatch") || undefined;
  if (boolean(query, "sendInitialEvents") !== undefined)
    throw refusedList([forbiddenField("sendInitialEvents", "sendInitialEvents is forbidden for list")]);
  return {
    ...selectors(query, namespace),
    // As etcd's client takes it: what is not above 0 limits nothing.
    ...(limit !== undefined && limit > 0 && { limit }),
    ...(query.has("continue") && { continue: query.get("continue")! }),
    ...(match !== undefined && { resourceVersionMatch: match as "Exact" | "NotOlderThan" }),
  };
}

function refusedList(errors: readonly FieldError[]): ApiError {
  return invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
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
  const errors = watchMatchErrors(query, sendInitialEvents);
  if (errors.length > 0) throw refusedList(errors);
  return {
    ...selectors(query, namespace),
    allowBookmarks,
    timeoutMs: Math.min(seconds, MOST_TIMEOUT_SECONDS) * 1000,
    ...(sendInitialEvents !== undefined && { sendInitialEvents }),
  };
}

/** apimachinery internalversion/validation validateWatchOptions. */
function watchMatchErrors(query: URLSearchParams, sendInitialEvents: boolean | undefined): FieldError[] {
  const field = "resourceVersionMatch";
  const match = query.get(field) ?? "";
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan")
    errors.push(
      forbiddenField(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    );
  if (match === "") return errors;
  if (sendInitialEvents === undefined)
    errors.push(
      forbiddenField(
        field,
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
      ),
    );
  if (match !== "NotOlderThan") errors.push(notSupported(field, match, ["NotOlderThan"]));
  if ((query.get("continue") ?? "") !== "")
    errors.push(forbiddenField(field, "resourceVersionMatch is forbidden when continue is provided"));
  return errors;
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
  if (!/^[+-]?\d+$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}
