/**
 * An API server in memory, for tests of whatever speaks to a Client: versions, conflicts, selectors by label, pages,
 * watches, and the faults of a real server on demand. No defaults, no validation: what is written is what is there.
 */
import type { Kind } from "../api/kind.ts";
import type { KubeList, KubeObject } from "../api/meta/type.ts";
import { applyMergePatch } from "../api/patch/merge-patch.ts";
import { parseLabelSelector } from "../api/selector/label-selector.ts";
import { matchesLabels } from "../api/selector/requirement.ts";
import {
  alreadyExists,
  conflict,
  expired,
  notFound,
  serviceUnavailable,
  tooOldResourceVersion,
} from "../api/status-errors.ts";
import type { Client, ListQuery, ObjectName, PatchType, WatchEvent, WatchQuery } from "./client.ts";
import { keyOf, keyText } from "./object-key.ts";

/** One call that changed something or tried to. */
export interface RecordedWrite {
  readonly verb: "create" | "update" | "patch" | "delete";
  readonly plural: string;
  readonly key: string;
}

export interface MemoryApi extends Client {
  readonly version: number;
  readonly writes: readonly RecordedWrite[];
  /** How many times each verb was called. */
  readonly calls: { list: number; watch: number };
  /** The open watches. */
  readonly watchers: number;
  all<T extends KubeObject>(kind: Kind<T>): readonly T[];
  /** Creates or replaces, whatever is there. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): T;
  remove<T extends KubeObject>(kind: Kind<T>, name: ObjectName): void;
  /** Ends every open watch: cleanly, or as a lost connection does. */
  cutWatches(how: "end" | "error"): void;
  /** Forgets all history: a watch or page from before is 410. */
  compact(): void;
  /** The next `count` calls fail with 503. */
  fail(count: number): void;
}

interface Change {
  readonly version: number;
  readonly plural: string;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

interface Watcher {
  next: number;
  broken: "end" | "error" | undefined;
  readonly wake: () => void;
}

export function createMemoryApi(): MemoryApi {
  const objects = new Map<string, Map<string, KubeObject>>();
  const history: Change[] = [];
  const watchers = new Set<Watcher>();
  const writes: RecordedWrite[] = [];
  const calls = { list: 0, watch: 0 };
  let version = 1;
  let compacted = 0;
  let failing = 0;
  let names = 0;

  function table(plural: string): Map<string, KubeObject> {
    let found = objects.get(plural);
    if (found === undefined) objects.set(plural, (found = new Map()));
    return found;
  }

  function commit(plural: string, key: string, after: KubeObject | undefined): void {
    const before = table(plural).get(key);
    if (after === undefined) table(plural).delete(key);
    else table(plural).set(key, after);
    history.push({ version, plural, before, after });
    for (const watcher of watchers) watcher.wake();
  }

  function put<T extends KubeObject>(kind: Kind<T>, object: T): T {
    version++;
    const before = table(kind.plural).get(keyOf(object));
    const after = {
      ...structuredClone(object),
      metadata: {
        ...structuredClone(object.metadata),
        uid: before?.metadata.uid ?? `uid-${version}`,
        creationTimestamp: before?.metadata.creationTimestamp ?? "2026-01-01T00:00:00Z",
        resourceVersion: String(version),
      },
    };
    commit(kind.plural, keyOf(object), after);
    return after;
  }

  function remove<T extends KubeObject>(kind: Kind<T>, { namespace, name }: ObjectName): void {
    version++;
    commit(kind.plural, keyText(namespace, name), undefined);
  }

  async function answer(): Promise<void> {
    await Promise.resolve();
    if (failing > 0) {
      failing--;
      throw serviceUnavailable("told to fail");
    }
  }

  function picks({ namespace, labelSelector }: Pick<ListQuery, "namespace" | "labelSelector">) {
    const terms = parseLabelSelector(labelSelector ?? "");
    return (object: KubeObject | undefined): boolean =>
      object !== undefined &&
      (namespace === undefined || object.metadata.namespace === namespace) &&
      matchesLabels(terms, object.metadata.labels ?? {});
  }

  function record(verb: RecordedWrite["verb"], { plural }: Kind, key: string): void {
    writes.push({ verb, plural, key });
  }

  /** What a watcher with this selector is told of a change. */
  function eventOf<T extends KubeObject>(change: Change, picked: (o: KubeObject | undefined) => boolean) {
    const [was, is] = [picked(change.before), picked(change.after)];
    if (is) return { type: was ? "MODIFIED" : "ADDED", object: change.after as T } as const;
    if (!was) return undefined;
    const { before } = change;
    const metadata = { ...before!.metadata, resourceVersion: String(change.version) };
    return { type: "DELETED", object: { ...before, metadata } as T } as const;
  }

  return {
    calls,
    writes,
    put,
    remove,
    get version() {
      return version;
    },
    get watchers() {
      return watchers.size;
    },
    all: <T extends KubeObject>(kind: Kind<T>) => Array.from(table(kind.plural).values()) as T[],
    cutWatches(how) {
      for (const watcher of watchers) {
        watcher.broken = how;
        watcher.wake();
      }
    },
    compact() {
      compacted = version;
      history.length = 0;
    },
    fail(count) {
      failing = count;
    },

    async get<T extends KubeObject>(kind: Kind<T>, { namespace, name }: ObjectName): Promise<T> {
      await answer();
      const found = table(kind.plural).get(keyText(namespace, name));
      if (found === undefined) throw notFound(kind, name);
      return found as T;
    },

    async list<T extends KubeObject>(kind: Kind<T>, query: ListQuery = {}): Promise<KubeList<T>> {
      calls.list++;
      await answer();
      const [at, from] = (query.continue ?? `${version} 0`).split(" ").map(Number) as [number, number];
      // A page of a version that has been written over since is not to be had: here as good as compacted.
      if (at !== version && query.continue !== undefined) throw expired("the continue token is too old");
      const picked = picks(query);
      const items = Array.from(table(kind.plural).values()).filter(picked) as T[];
      const end = from + (query.limit ?? items.length);
      return {
        metadata: { resourceVersion: String(at), ...(end < items.length && { continue: `${at} ${end}` }) },
        items: items.slice(from, end),
      };
    },

    async *watch<T extends KubeObject>(
      kind: Kind<T>,
      query: WatchQuery,
    ): AsyncGenerator<WatchEvent<T>, void> {
      calls.watch++;
      await answer();
      const picked = picks(query);
      let wake = Promise.withResolvers<void>();
      const watcher: Watcher = {
        next: Number(query.resourceVersion) + 1,
        broken: undefined,
        wake: () => wake.resolve(),
      };
      query.signal.addEventListener("abort", watcher.wake);
      watchers.add(watcher);
      query.onOpen?.();
      try {
        while (!query.signal.aborted) {
          if (watcher.next <= compacted && watcher.next <= version)
            throw tooOldResourceVersion(watcher.next - 1, compacted);
          const change = history.find((candidate) => candidate.version >= watcher.next);
          if (change !== undefined) {
            watcher.next = change.version + 1;
            const event = change.plural === kind.plural ? eventOf<T>(change, picked) : undefined;
            if (event !== undefined) yield event;
          } else if (watcher.broken === "error") throw serviceUnavailable("the connection was lost");
          else if (watcher.broken === "end") return;
          else {
            await wake.promise;
            wake = Promise.withResolvers();
          }
        }
      } finally {
        watchers.delete(watcher);
        query.signal.removeEventListener("abort", watcher.wake);
      }
    },

    async create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
      const { name = `${object.metadata.generateName}${++names}` } = object.metadata;
      const named = { ...object, metadata: { ...object.metadata, name } };
      record("create", kind, keyOf(named));
      await answer();
      if (table(kind.plural).has(keyOf(named))) throw alreadyExists(kind, name);
      return put(kind, named);
    },

    async update<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
      record("update", kind, keyOf(object));
      await answer();
      const { name = "", resourceVersion } = object.metadata;
      const current = table(kind.plural).get(keyOf(object));
      if (current === undefined) throw notFound(kind, name);
      if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion)
        throw conflict(kind, name);
      return put(kind, object);
    },

    async patch<T extends KubeObject>(
      kind: Kind<T>,
      { namespace, name }: ObjectName,
      type: PatchType,
      patch: unknown,
    ): Promise<T> {
      const key = keyText(namespace, name);
      record("patch", kind, key);
      await answer();
      if (type !== "merge") throw new Error(`the API in memory knows no ${type} patches`);
      const current = table(kind.plural).get(key);
      if (current === undefined) throw notFound(kind, name);
      return put(kind, applyMergePatch(current, patch) as T);
    },

    async createSubresource<T extends KubeObject>({ plural }: Kind<T>, _name: ObjectName, part: string) {
      throw new Error(`the API in memory knows no ${plural}/${part}`);
    },

    async delete<T extends KubeObject>(kind: Kind<T>, name: ObjectName): Promise<void> {
      record("delete", kind, keyText(name.namespace, name.name));
      await answer();
      if (!table(kind.plural).has(keyText(name.namespace, name.name))) throw notFound(kind, name.name);
      remove(kind, name);
    },
  };
}
