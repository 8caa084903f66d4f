/** The Client contract on our own server's registry: the same checks, defaults and errors as over HTTP, no socket. */
import { apiVersionOf, type Kind } from "../api/kind.ts";
import type { DeleteOptions, KubeList, KubeObject } from "../api/meta/type.ts";
import type { CallContext, ObjectKey, Registry } from "../server/registry.ts";
import type {
  Client,
  ListQuery,
  ObjectName,
  PatchType,
  WatchEvent,
  WatchQuery,
  WriteOptions,
} from "./client.ts";

/** `user` is who the calls are made as; a name alone is in the group system:masters. */
export function createInProcessClient(registry: Registry, user: string | CallContext["user"]): Client {
  const context: CallContext = {
    user: typeof user === "string" ? { name: user, groups: ["system:masters"] } : user,
  };

  return {
    sharesObjects: true,

    get: <T extends KubeObject>(kind: Kind<T>, name: ObjectName) => registry.get(kind, name),

    async list<T extends KubeObject>(kind: Kind<T>, query: ListQuery = {}): Promise<KubeList<T>> {
      const { items, ...metadata } = await registry.list(kind, query);
      // The registry's list is shared with nobody; only the objects in it are.
      return { apiVersion: apiVersionOf(kind), kind: `${kind.kind}List`, metadata, items: items as T[] };
    },

    async *watch<T extends KubeObject>(
      kind: Kind<T>,
      { signal, onOpen, ...query }: WatchQuery,
    ): AsyncGenerator<WatchEvent<T>, void> {
      if (signal.aborted) return;
      const watch = await registry.watch(kind, { ...query, allowBookmarks: true });
      onOpen?.();
      const close = (): void => watch.close();
      signal.addEventListener("abort", close, { once: true });
      try {
        for await (const events of watch)
          for (const event of events) {
            if (signal.aborted) return;
            yield event;
          }
      } finally {
        signal.removeEventListener("abort", close);
        watch.close();
      }
    },

    create: <T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}) =>
      registry.create(kind, object.metadata.namespace, object, options, context),

    async update<T extends KubeObject>(
      kind: Kind<T>,
      object: T,
      options: WriteOptions & { readonly subresource?: "status" } = {},
    ): Promise<T> {
      return (await registry.update(kind, keyIn(object), object, options, context)).object;
    },

    patch: async <T extends KubeObject>(
      kind: Kind<T>,
      name: ObjectName,
      type: PatchType,
      patch: unknown,
      options: WriteOptions & { readonly subresource?: "status" } = {},
    ) => (await registry.patch(kind, name, { type, patch }, options, context)).object,

    createSubresource: <T extends KubeObject>(
      kind: Kind<T>,
      name: ObjectName,
      subresource: string,
      body: KubeObject,
      options: WriteOptions = {},
    ) => registry.createSubresource(kind, name, subresource, body, options, context),

    async delete<T extends KubeObject>(
      kind: Kind<T>,
      name: ObjectName,
      options: DeleteOptions = {},
    ): Promise<void> {
      await registry.delete(kind, name, options, context);
    },
  };
}

function keyIn({ metadata: { namespace, name = "" } }: KubeObject): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}
