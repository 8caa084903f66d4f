/** A registry that does what one user may, and asks before each verb: for work that comes by no path of the Kubernetes API. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { CallContext, ObjectKey, Registry, RegistryListQuery, UserInfo } from "../registry.ts";
import { type Authorizer, demand, type ResourceAttributes } from "./attributes.ts";

/** Every refusal is an ApiError 403 in the words that the same request by kubectl would get. */
export function authorizedRegistry(registry: Registry, policy: Authorizer, user: UserInfo): Registry {
  const allow = (
    verb: string,
    { group, version, plural }: Kind,
    { namespace = "", name = "", subresource = "" }: Partial<ResourceAttributes>,
  ): void =>
    demand(policy, user, {
      verb,
      group,
      version,
      resource: plural,
      subresource,
      // A namespace is in itself: a Role there may allow to read it.
      namespace: group === "" && plural === "namespaces" ? name : namespace,
      name,
    });
  /** Whoever may change an object need not be allowed to make it. */
  const guarded = (kind: Kind, key: ObjectKey, context: CallContext): CallContext => ({
    ...context,
    user,
    authorizeCreate: () => allow("create", kind, key),
  });

  return {
    async get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey) {
      allow("get", kind, key);
      return registry.get(kind, key);
    },
    async list<T extends KubeObject>(kind: Kind<T>, query: RegistryListQuery) {
      allow("list", kind, inNamespace(query));
      return registry.list(kind, query);
    },
    async watch(kind, query) {
      allow("watch", kind, inNamespace(query));
      return registry.watch(kind, query);
    },
    async create(kind, namespace, object, options, context) {
      allow("create", kind, { ...(namespace !== undefined && { namespace }) });
      return registry.create(kind, namespace, object, options, { ...context, user });
    },
    async update(kind, key, object, options, context) {
      allow("update", kind, { ...key, ...partOf(options) });
      return registry.update(kind, key, object, options, guarded(kind, key, context));
    },
    async patch(kind, key, patch, options, context) {
      allow("patch", kind, { ...key, ...partOf(options) });
      return registry.patch(kind, key, patch, options, guarded(kind, key, context));
    },
    async createSubresource(kind, key, subresource, body, options, context) {
      allow("create", kind, { ...key, subresource });
      return registry.createSubresource(kind, key, subresource, body, options, { ...context, user });
    },
    async delete(kind, key, options, context) {
      allow("delete", kind, key);
      return registry.delete(kind, key, options, { ...context, user });
    },
    async deleteCollection(kind, query, options, context) {
      allow("deletecollection", kind, inNamespace(query));
      return registry.deleteCollection(kind, query, options, { ...context, user });
    },
  };
}

function inNamespace({ namespace }: RegistryListQuery): Partial<ResourceAttributes> {
  return namespace === undefined ? {} : { namespace };
}

function partOf({ subresource }: { readonly subresource?: "status" }): Partial<ResourceAttributes> {
  return subresource === undefined ? {} : { subresource };
}
