/**
 * Acting as somebody else by the Impersonate-* headers (apiserver pkg/endpoints/filters/impersonation.go): as whom, and
 * what the one who asks must be allowed for it.
 */
import { badRequest } from "../../api/status-errors.ts";
import { ALL_AUTHENTICATED, ANONYMOUS, type User } from "./authenticate.ts";
import { serviceAccountGroups, splitServiceAccountUsername } from "./service-account-name.ts";

/** One thing that must be allowed, in RBAC's words. The verb is always "impersonate". */
export interface ImpersonationCheck {
  readonly verb: "impersonate";
  readonly group: string;
  readonly version: string;
  readonly resource: "users" | "groups" | "serviceaccounts" | "userextras" | "uids";
  readonly namespace?: string;
  readonly subresource?: string;
  readonly name: string;
}

export interface Impersonation {
  /** As whom to go on if every check is allowed to the one who asks. */
  readonly user: User;
  readonly checks: readonly ImpersonationCheck[];
}

/** What of a request says whom to act as. */
export interface ImpersonationHeaders {
  header(name: string): string | undefined;
  headerLines(name: string): readonly string[];
  headerNames(): readonly string[];
}

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";

/**
 * Undefined if the request asks for no impersonation. Throws ApiError 400 if it names groups, a uid or extras without
 * a user (kube-apiserver answers 500).
 */
export function impersonationOf(request: ImpersonationHeaders): Impersonation | undefined {
  const name = request.header("impersonate-user") ?? "";
  const groups = request.headerLines("impersonate-group").filter((group) => group !== "");
  const uid = request.header("impersonate-uid") ?? "";
  const extra = extrasOf(request);
  if (name === "") {
    if (groups.length === 0 && uid === "" && Object.keys(extra).length === 0) return undefined;
    throw badRequest("requested impersonation of groups, a uid or extras without Impersonate-User");
  }
  const account = splitServiceAccountUsername(name);
  const checks: ImpersonationCheck[] = [
    account === undefined
      ? { verb: "impersonate", group: "", version: "v1", resource: "users", name }
      : { verb: "impersonate", group: "", version: "v1", resource: "serviceaccounts", ...account },
  ];
  for (const group of groups)
    checks.push({ verb: "impersonate", group: "", version: "v1", resource: "groups", name: group });
  const own = { verb: "impersonate", group: AUTHENTICATION_GROUP, version: "v1" } as const;
  for (const [key, values] of Object.entries(extra))
    for (const value of values)
      checks.push({ ...own, resource: "userextras", subresource: key, name: value });
  if (uid !== "") checks.push({ ...own, resource: "uids", name: uid });

  const implied =
    groups.length > 0 || account === undefined ? groups : serviceAccountGroups(account.namespace);
  return {
    user: {
      name,
      groups: withGroupOfAll(name, implied),
      ...(uid !== "" && { uid }),
      ...(Object.keys(extra).length > 0 && { extra }),
    },
    checks,
  };
}

/** Everyone is in one of the two groups, unless the client has said in which. */
function withGroupOfAll(name: string, groups: readonly string[]): readonly string[] {
  const [unauthenticated] = ANONYMOUS.groups as [string];
  if (groups.includes(ALL_AUTHENTICATED) || groups.includes(unauthenticated)) return groups;
  return [...groups, name === ANONYMOUS.name ? unauthenticated : ALL_AUTHENTICATED];
}

/** Keys in lower case, percent-decoded, since a header's name cannot hold every character of a key. */
function extrasOf(request: ImpersonationHeaders): Readonly<Record<string, readonly string[]>> {
  const extra = new Map<string, string[]>();
  for (const header of request.headerNames()) {
    if (!header.startsWith(EXTRA_PREFIX)) continue;
    const key = decoded(header.slice(EXTRA_PREFIX.length));
    extra.set(key, [...(extra.get(key) ?? []), ...request.headerLines(header)]);
  }
  return Object.fromEntries(extra);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // No percent-encoding: the key as it is, as upstream has it.
    return text;
  }
}
