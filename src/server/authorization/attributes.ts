/** What authorization is asked about, and its answer (apiserver pkg/authorization/authorizer). */
import { ApiError } from "../../api/api-error.ts";
import type { StatusDetails } from "../../api/meta/type.ts";
import { failure, qualifiedResource } from "../../api/status-errors.ts";
import type { UserInfo } from "../registry.ts";
import { goQuote } from "./go-text.ts";

/** A request for a resource. Texts that do not apply are empty. */
export interface ResourceAttributes {
  /** "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", or another: "bind", "escalate". */
  readonly verb: string;
  /** "" is the core group. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** "" at the cluster scope and for all namespaces. */
  readonly namespace: string;
  /** "" for collections and for new objects. */
  readonly name: string;
}

/** A request for a path that is no resource. */
export interface PathAttributes {
  /** The method in lower case. */
  readonly verb: string;
  readonly path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

export interface Decision {
  readonly allowed: boolean;
  /** Why it is allowed; or what went wrong while looking for a reason to allow it. May be empty. */
  readonly reason: string;
}

/** Who knows what a user may do. */
export interface Authorizer {
  authorize(user: UserInfo, attributes: Attributes): Decision;
}

/** 403 with upstream's sentence (endpoints/handlers/responsewriters/errors.go). */
export function forbiddenRequest(user: UserInfo, attributes: Attributes, { reason }: Decision): ApiError {
  const refusal = `User ${goQuote(user.name)} cannot ${attributes.verb} ${describe(attributes)}`.replaceAll(
    /[&<>]/g,
    (sign) => HTML[sign]!,
  );
  const why = reason === "" ? refusal : `${refusal}: ${reason}`;
  if ("path" in attributes) return new ApiError(failure(403, "Forbidden", `forbidden: ${why}`, {}));
  const { group, resource, name } = attributes;
  const details: StatusDetails = {};
  if (name !== "") details.name = name;
  if (group !== "") details.group = group;
  details.kind = resource;
  const what = `${qualifiedResource({ group, plural: resource })}${name === "" ? "" : ` ${goQuote(name)}`}`;
  return new ApiError(failure(403, "Forbidden", `${what} is forbidden: ${why}`, details));
}

/** Throws ApiError 403 if `user` may not. */
export function demand(policy: Authorizer, user: UserInfo, attributes: Attributes): void {
  const decision = policy.authorize(user, attributes);
  if (!decision.allowed) throw forbiddenRequest(user, attributes, decision);
}

/** Upstream makes the text harmless in case a browser shows it as HTML. */
const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function describe(attributes: Attributes): string {
  if ("path" in attributes) return `path ${goQuote(attributes.path)}`;
  const { group, resource, subresource, namespace } = attributes;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${goQuote(namespace)}`;
  return `resource ${goQuote(combined)} in API group ${goQuote(group)} ${where}`;
}
