/** Puts the verbs together over a store. */
import { silentLog, type Log } from "../../base/log.ts";
import type { Kind, ValidationContext } from "../../api/kind.ts";
import type { KindCatalog } from "../../api/kind-catalog.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { bindingKind } from "../../api/binding/kind.ts";
import { ingressKind } from "../../api/ingress/kind.ts";
import type { DeleteOptions, KubeObject } from "../../api/meta/type.ts";
import { networkKind } from "../../api/network/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import { ApiError } from "../../api/api-error.ts";
import { applyPatch } from "../../api/patch/patch.ts";
import { notFound } from "../../api/status-errors.ts";
import { isLoopback } from "../../api/validation/addresses.ts";
import type { Store } from "../../store/store.ts";
import { startAllocation } from "../allocation/allocation-watch.ts";
import { networkRules } from "../allocation/network-rules.ts";
import type { ServiceRanges } from "../allocation/ranges.ts";
import type {
  CallContext,
  ObjectKey,
  Registry,
  RegistryListQuery,
  RegistryPatch,
  RegistryWatch,
  RegistryWatchQuery,
  RegistryWriteOptions,
} from "../registry.ts";
import { BOOKMARK_INTERVAL, BookmarkClock } from "./bookmark-clock.ts";
import { builtinRules } from "./builtin-rules.ts";
import { ingressRules } from "./default-ingress-class.ts";
import { Deleter } from "./deleter.ts";
import { startEventExpiry } from "./event-expiry.ts";
import { GarbageCollector } from "./garbage-collector.ts";
import { ROOT, storeKey } from "./keys.ts";
import type { KindRules, RulesByKind } from "./kind-rules.ts";
import { endingWithKind } from "./kind-watch.ts";
import { type EntryList, listEntries, listObjects } from "./list.ts";
import { checkName, keyOf } from "./metadata.ts";
import { NamespaceFinalizer } from "./namespace-finalizer.ts";
import { bindingRules, podBindingRules } from "./pod-binding.ts";
import { createSubresource } from "./create-subresource.ts";
import { podAccountRules } from "./pod-service-account.ts";
import { NamespaceGate } from "./namespace-gate.ts";
import { decodeEntry } from "./stored-object.ts";
import { watchObjects } from "./watch.ts";
import { Writer } from "./writer.ts";

export interface RegistryOptions {
  /** Not closed by the registry. */
  readonly store: Store;
  readonly kinds: KindCatalog;
  readonly ranges: ServiceRanges;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  /** @default says nothing */
  readonly log?: Log;
  /** Milliseconds that Events stay after their last write. @default an hour */
  readonly eventLifetime?: number;
  /** Milliseconds between bookmarks. @default 60_000 */
  readonly bookmarkInterval?: number;
  /**
   * Milliseconds that a ServiceCIDR stays after it was asked to go and nothing of it is in use.
   * @default 2000
   */
  readonly serviceCidrDeletionDelay?: number;
}

/** A registry with its background work: garbage collection and the end of namespaces. Disposing ends that. */
export interface OwnedRegistry extends Registry, AsyncDisposable {
  /** For objects of the server itself, which validation for users does not fit. */
  readonly writer: Writer;
  /** The rules in use. Those that need the registry itself are added once it is there. */
  readonly rules: RulesByKind;
  /** As list, without making objects of what the store holds. */
  listEntries<T extends KubeObject>(kind: Kind<T>, query: RegistryListQuery): Promise<EntryList>;
  /** What validation may know of this installation. */
  readonly validation: ValidationContext;
  /** Kinds with special answers. */
  rulesOf<T extends KubeObject>(kind: Kind<T>): KindRules<T>;
}

/**
 * Upstream waits ten seconds for its allocators to hear of it, through two caches; ours watch the store themselves.
 */
const SERVICE_CIDR_DELETION_DELAY = 2000;
/** Namespaces that are there from the start. */
const FIRST_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];
const SYSTEM: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };

/** Reads what is allocated, makes the first namespaces, and begins the background work. */
export async function createRegistry(options: RegistryOptions): Promise<OwnedRegistry> {
  const { store, kinds, ranges, clock = Date.now, log = silentLog } = options;
  const rules = builtinRules(ranges, clock);
  const gate = new NamespaceGate(store);
  const loopbackEndpoints = ranges.serviceCidrs.some(({ base }) => isLoopback(base));
  const validation: ValidationContext = { ipFamilies: ranges.ipFamilies, loopbackEndpoints };
  const writer = new Writer({ store, rules, namespaces: gate, validation, clock });
  rules.add(ingressKind, ingressRules(store));
  rules.add(networkKind, networkRules(store, ranges));
  rules.add(bindingKind, bindingRules(writer, clock));
  rules.add(podKind, { ...podBindingRules(writer, clock), ...podAccountRules(store) });
  const deleter = new Deleter({ store, rules, clock });
  for (const name of FIRST_NAMESPACES) await createIfMissing(writer, name);
  const allocation = await startAllocation({
    store,
    ranges,
    writer,
    log,
    clock,
    deletionDelay: options.serviceCidrDeletionDelay ?? SERVICE_CIDR_DELETION_DELAY,
  });
  const background = await startBackground({ store, kinds, writer, deleter, gate, log, clock });
  const expiry = await startEventExpiry({ store, clock, log }, options.eventLifetime);
  const bookmarks = new BookmarkClock(store, options.bookmarkInterval ?? BOOKMARK_INTERVAL);

  return {
    writer,
    rules,
    validation,
    rulesOf: (kind) => rules.of(kind),

    async get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T> {
      const entry = await store.get(storeKey(kind, key));
      if (entry === undefined) throw notFound(kind, key.name);
      return decodeEntry(kind, entry);
    },

    list: async <T extends KubeObject>(kind: Kind<T>, query: RegistryListQuery) =>
      listObjects(store, kind, query),

    listEntries: async <T extends KubeObject>(kind: Kind<T>, query: RegistryListQuery) =>
      listEntries(store, kind, query),

    async watch<T extends KubeObject>(kind: Kind<T>, query: RegistryWatchQuery): Promise<RegistryWatch<T>> {
      const watch = await watchObjects({ store, bookmarks }, kind, query);
      return kind.custom === true ? endingWithKind(kinds, kind, watch) : watch;
    },

    create: async <T extends KubeObject>(
      kind: Kind<T>,
      namespace: string | undefined,
      object: T,
      options: RegistryWriteOptions,
      context: CallContext,
    ) => writer.create(kind, namespace, object, options, context),

    async update<T extends KubeObject>(
      kind: Kind<T>,
      key: ObjectKey,
      object: T,
      options: RegistryWriteOptions,
      context: CallContext,
    ): Promise<{ readonly object: T; readonly created: boolean }> {
      const creates = rules.of(kind).createOnUpdate === true && options.subresource === undefined;
      for (;;) {
        try {
          return { object: await writer.update(kind, key, () => object, options, context), created: false };
        } catch (error) {
          if (!creates || !isReason(error, "NotFound")) throw error;
        }
        context.authorizeCreate?.();
        const { resourceVersion: _version, ...metadata } = object.metadata;
        const fresh = { ...object, metadata };
        checkName(fresh, key.name);
        try {
          return { object: await writer.create(kind, key.namespace, fresh, options, context), created: true };
        } catch (error) {
          // Somebody made it in between: then it can be replaced after all.
          if (!isReason(error, "AlreadyExists")) throw error;
        }
      }
    },

    async patch<T extends KubeObject>(
      kind: Kind<T>,
      key: ObjectKey,
      patch: RegistryPatch,
      options: RegistryWriteOptions,
      context: CallContext,
    ): Promise<{ readonly object: T; readonly created: boolean }> {
      if (patch.type === "apply") return writer.apply(kind, key, patch.patch, patch.force, options, context);
      const change = (current: T): T =>
        applyPatch(kind, current, patch, {
          fieldValidation: options.fieldValidation ?? "Warn",
          warn: context.warn,
        });
      const patching = { ...options, patched: true };
      return { object: await writer.update(kind, key, change, patching, context), created: false };
    },

    createSubresource: async <T extends KubeObject>(
      kind: Kind<T>,
      key: ObjectKey,
      subresource: string,
      body: KubeObject,
      options: RegistryWriteOptions,
      context: CallContext,
    ) => createSubresource({ rules, validation }, kind, { key, subresource, body, options, context }),

    async delete<T extends KubeObject>(
      kind: Kind<T>,
      key: ObjectKey,
      options: DeleteOptions,
      _context: CallContext,
    ): Promise<T> {
      return (await deleter.delete(kind, key, options)).object;
    },

    async deleteCollection<T extends KubeObject>(
      kind: Kind<T>,
      query: RegistryListQuery,
      options: DeleteOptions,
      _context: CallContext,
    ): Promise<readonly T[]> {
      const { items } = await listObjects(store, kind, query);
      const deleted: T[] = [];
      for (const item of items) {
        try {
          deleted.push((await deleter.delete(kind, keyOf(item), options)).object);
        } catch (error) {
          if (!isReason(error, "NotFound")) throw error;
        }
      }
      return deleted;
    },

    async [Symbol.asyncDispose](): Promise<void> {
      bookmarks[Symbol.dispose]();
      await expiry[Symbol.asyncDispose]();
      await background[Symbol.asyncDispose]();
      await allocation[Symbol.asyncDispose]();
    },
  };
}

function isReason(error: unknown, reason: string): boolean {
  return error instanceof ApiError && error.reason === reason;
}

async function createIfMissing(writer: Writer, name: string): Promise<void> {
  try {
    await writer.create(namespaceKind, undefined, { metadata: { name } }, {}, SYSTEM);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
  }
}

interface BackgroundParts {
  readonly store: Store;
  readonly kinds: KindCatalog;
  readonly writer: Writer;
  readonly deleter: Deleter;
  readonly gate: NamespaceGate;
  readonly log: Log;
  readonly clock: () => number;
}

/** Garbage collection and namespace finalization, fed by one watch over everything. */
async function startBackground(parts: BackgroundParts): Promise<AsyncDisposable> {
  const { store, log } = parts;
  const collector = new GarbageCollector(parts);
  const finalizer = new NamespaceFinalizer(parts);
  const watch = store.watch(ROOT, await collector.start());
  await finalizer.start();
  const run = async (): Promise<void> => {
    try {
      for await (const events of watch) {
        for (const event of events) collector.handle(event);
        finalizer.handle(events);
      }
    } catch (error) {
      log.error({ err: error }, "garbage collection has stopped; restart fairlead");
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      watch.close();
      await running;
      await collector[Symbol.asyncDispose]();
      await finalizer[Symbol.asyncDispose]();
    },
  };
}
