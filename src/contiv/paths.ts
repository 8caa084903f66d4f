/** netmaster's paths: what a request is about, and what its user must be allowed for it. Pure. */
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import type { KindName } from "../api/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import type { Attributes, ResourceAttributes } from "../server/authorization/attributes.ts";
import { boolean } from "../server/http/query-options.ts";
import { type ContivKind, namespaceOfTenant, splitKey } from "./names.ts";
import { KIND_OF, objectName } from "./sides.ts";

export type Target =
  | {
      readonly what: "list" | "watch" | "inspect all";
      readonly plural: ContivKind;
      readonly tenantName: string | undefined;
    }
  | {
      readonly what: "object" | "inspect" | "describe";
      readonly plural: ContivKind;
      readonly key: string;
      readonly tenantName: string;
      /** Within the tenant; "" of a tenant. */
      readonly name: string;
    }
  | { readonly what: "endpoint"; readonly id: string; readonly tenantName: string | undefined }
  | { readonly what: "svcstats" | "openapi" }
  | Alone
  /** `message`: what is wrong with the path. */
  | { readonly what: "nothing"; readonly message: string; readonly code: 400 | 404 };

/** One object. */
export type Keyed = Extract<Target, { readonly key: string }>;
/** All objects of a kind. */
export type Listed = Extract<Target, { readonly what: "list" | "watch" | "inspect all" }>;

/** What netmaster answers where there is nothing else. */
export type Alone =
  | { readonly what: "version" | "info" | "services" }
  | { readonly what: "service"; readonly id: string };

const OPENAPI_PATH = "/openapi/v3/contiv";

const PLURALS = "networks|tenants|serviceLBs";
const COLLECTION = new RegExp(`^/api/v1/(${PLURALS})/?$`);
const INSPECT_ALL = new RegExp(`^/api/v1/inspect/(${PLURALS})/?$`);
const OBJECT = new RegExp(`^/api/v1/(${PLURALS})/([^/]+)/?$`);
const VIEW = new RegExp(`^/api/v1/(inspect|describe)/(${PLURALS}|endpoints)/([^/]+)/?$`);
const OURS = new RegExp(`^/api/v1/(${PLURALS}|inspect|describe)(/|$)`);
const ALONE = /^\/(version|info|services)\/?$/;
const SERVICE = /^\/service\/([^/]+)\/?$/;

/**
 * Undefined: not netmaster's. `alone`: on a listener that has nothing else, where each path is its own.
 */
export function targetOf(path: string, query: URLSearchParams, alone: boolean): Target | undefined {
  const [, collection] = COLLECTION.exec(path) ?? [];
  const tenantName = query.get("tenant") ?? undefined;
  if (collection !== undefined) {
    const what = boolean(query, "watch") === true ? "watch" : "list";
    return { what, plural: collection as ContivKind, tenantName };
  }
  const [, inspected] = INSPECT_ALL.exec(path) ?? [];
  if (inspected !== undefined) return { what: "inspect all", plural: inspected as ContivKind, tenantName };
  const [, plural, key] = OBJECT.exec(path) ?? [];
  if (plural !== undefined) return keyed("object", plural, key!);
  const [, view, of, id] = VIEW.exec(path) ?? [];
  if (view === "inspect" && of === "endpoints") {
    const decoded = decode(id!);
    return decoded === undefined ? badEncoding(id!) : { what: "endpoint", id: decoded, tenantName };
  }
  if (view === "inspect" || of === "serviceLBs") return keyed(view as "inspect", of!, id!);
  if (path === "/svcstats" || path === "/svcstats/") return { what: "svcstats" };
  if (path === OPENAPI_PATH) return { what: "openapi" };
  if (alone) {
    const [, what] = ALONE.exec(path) ?? [];
    if (what !== undefined) return { what: what as "version" };
    const [, service] = SERVICE.exec(path) ?? [];
    const decoded = service === undefined ? undefined : decode(service);
    if (decoded !== undefined) return { what: "service", id: decoded };
  }
  if (!alone && !OURS.test(path)) return undefined;
  return { what: "nothing", code: 404, message: `404 page not found: ${path}` };
}

function keyed(what: "object" | "inspect" | "describe", plural: string, text: string): Target {
  const key = decode(text);
  if (key === undefined) return badEncoding(text);
  if (plural === "tenants") return { what, plural, key, tenantName: key, name: "" };
  const parts = splitKey(key);
  if (parts === undefined)
    return { what: "nothing", code: 400, message: `Invalid Key: ${key} is not tenant:name` };
  return { what, plural: plural as ContivKind, key, ...parts };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoding: said to whoever wrote it.
    return undefined;
  }
}

function badEncoding(text: string): Target {
  return { what: "nothing", code: 400, message: `Invalid Key: ${text} is not percent-encoded` };
}

const VERBS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  // To make it or to change it: which of the two it comes to is not known yet.
  POST: ["create", "update"],
  PUT: ["create", "update"],
  PATCH: ["update"],
  DELETE: ["delete"],
};

/** What the user must be allowed, one of them, before the request is looked at. */
export function askedOf(
  target: Target,
  method: string,
  path: string,
): readonly [Attributes, ...Attributes[]] {
  switch (target.what) {
    case "list":
    case "inspect all":
    case "watch":
      return [
        resource(target.what === "watch" ? "watch" : "list", KIND_OF[target.plural], {
          namespace: namespaceOfTenant(target.tenantName) ?? "",
        }),
      ];
    case "object":
    case "inspect":
    case "describe": {
      const { plural, tenantName, name } = target;
      const at = objectName(plural, tenantName, name);
      const [first, ...more] = (target.what === "object" ? VERBS[method] : undefined) ?? ["get"];
      const of = (verb: string): ResourceAttributes => resource(verb, KIND_OF[plural], withOwn(plural, at));
      return [of(first), ...more.map(of)];
    }
    case "endpoint":
      return [resource("list", podKind, { namespace: namespaceOfTenant(target.tenantName) ?? "" })];
    case "services":
    case "service":
      return [resource("list", endpointSliceKind, {})];
    default:
      return [{ verb: method.toLowerCase(), path }];
  }
}

/** A namespace is in itself. */
function withOwn(plural: ContivKind, { namespace = "", name }: { namespace?: string; name: string }) {
  return { namespace: plural === "tenants" ? name : namespace, name };
}

function resource(
  verb: string,
  { group, version, plural }: KindName,
  { namespace = "", name = "" }: { readonly namespace?: string; readonly name?: string },
): ResourceAttributes {
  return { verb, group, version, resource: plural, subresource: "", namespace, name };
}
