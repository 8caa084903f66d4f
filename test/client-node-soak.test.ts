/**
 * @kubernetes/client-node's generated client and its informers while the server is killed and restarted: in the end the
 * cache is the store, and no acknowledged write was missed on the way.
 */
import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  makeInformer,
  type Informer,
  type ObjectCache,
  type V1Service,
} from "@kubernetes/client-node";
import { ApiServerProcess } from "./lab/api-server-process.ts";

const NAMESPACE = "default";
const WRITERS = 4;
const WRITES = 150;
/** After so many of the writes the server ends, each time in this way. */
const ENDS: readonly NodeJS.Signals[] = ["SIGKILL", "SIGTERM", "SIGKILL"];
/** Milliseconds for the informers to see the last write. */
const DEADLINE = 60_000;
const LABEL = "soak=yes";

test(
  "informers and writers through three ends of the server: nothing is missed",
  { timeout: 200_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    const directory = stack.use(await mkdtempDisposable(join(tmpdir(), "fairlead-soak-")));
    const server = stack.use(new ApiServerProcess(directory.path));
    await server.start();
    // Resolves when there is a server again.
    let running: Promise<void> = Promise.resolve();
    const config = new KubeConfig();
    config.loadFromFile(server.kubeconfig);
    const api = config.makeApiClient(CoreV1Api);

    let over = false;
    const followers = [follow(config, api), follow(config, api, LABEL)];
    for (const follower of followers) {
      stack.defer(async () => follower.informer.stop());
      // What client-node's users are told to do on an error: start it again. Here as soon as there is a server.
      follower.informer.on("error", () => {
        void running.then(async () => (over ? undefined : follower.informer.start()));
      });
      await follower.informer.start();
    }

    const acknowledged = new Set<string>();
    let written = 0;
    /** By numbers of writes: whom to tell when there are so many. */
    const milestones = new Map<number, () => void>();
    const writer = async (number: number): Promise<void> => {
      for (let i = 0; i < WRITES; i++) {
        const name = `s${number}-${Math.floor(Math.random() * 10)}`;
        try {
          const version = await write(api, name);
          if (version !== undefined) acknowledged.add(version);
          written++;
          milestones.get(written)?.();
        } catch (error) {
          if (error instanceof ApiException && [404, 409].includes(error.code)) continue;
          // No answer: the server is down. Whether the write happened is not known, which is what a client must bear.
          assert.ok(!(error instanceof ApiException), String(error));
          await running;
        }
      }
    };
    const ends = async (): Promise<void> => {
      for (const [i, signal] of ENDS.entries()) {
        const at = (WRITERS * WRITES * (i + 1)) / (2 * (ENDS.length + 1));
        await new Promise<void>((resolve) => milestones.set(Math.floor(at), resolve));
        running = server.end(signal).then(async () => server.start());
        await running;
      }
    };
    stack.defer(() => void (over = true));
    await Promise.all([ends(), ...Array.from({ length: WRITERS }, async (_, number) => writer(number))]);

    const last = await api.createNamespacedService({
      namespace: NAMESPACE,
      body: { metadata: { name: "last", labels: { soak: "yes" } }, spec: { ports: [{ port: 80 }] } },
    });
    for (const follower of followers) {
      await follower.sees(last.metadata!.resourceVersion!);
      assert.equal(follower.lists(), 1, "each informer resumed; none had to list again");
    }
    const all = await api.listNamespacedService({ namespace: NAMESPACE });
    const labelled = await api.listNamespacedService({ namespace: NAMESPACE, labelSelector: LABEL });
    assert.ok(labelled.items.length > 1 && labelled.items.length < all.items.length);
    assert.deepEqual(followers[0]!.cached(), versions(all.items));
    assert.deepEqual(followers[1]!.cached(), versions(labelled.items));
    const missed = [...acknowledged].filter((version) => !followers[0]!.seen.has(version));
    assert.ok(acknowledged.size > WRITES);
    assert.deepEqual(missed, [], "each acknowledged write was an event of the informer");
  },
);

/** One random write of a Service. The version it led to, if its answer tells. */
async function write(api: CoreV1Api, name: string): Promise<string | undefined> {
  const key = { namespace: NAMESPACE, name };
  const chance = Math.random();
  const labels: Record<string, string> = chance < 0.3 ? {} : { soak: "yes" };
  if (chance < 0.5) {
    const body = { metadata: { name, labels }, spec: { ports: [{ port: 80 }] } };
    return (await api.createNamespacedService({ namespace: NAMESPACE, body })).metadata!.resourceVersion;
  }
  if (chance < 0.8) {
    const body = await api.readNamespacedService(key);
    body.metadata!.labels = { soak: chance < 0.65 ? "yes" : "no" };
    body.spec!.ports![0]!.port = 1 + Math.floor(Math.random() * 60_000);
    return (await api.replaceNamespacedService({ ...key, body })).metadata!.resourceVersion;
  }
  await api.deleteNamespacedService(key);
  return undefined;
}

interface Follower {
  readonly informer: Informer<V1Service> & ObjectCache<V1Service>;
  /** Every version that an event has told of. */
  readonly seen: ReadonlySet<string>;
  /** How often it listed. */
  lists(): number;
  /** Resolves once an event has told of this version. */
  sees(version: string): Promise<void>;
  cached(): Map<string, string>;
}

function follow(config: KubeConfig, api: CoreV1Api, labelSelector?: string): Follower {
  const seen = new Set<string>();
  const awaited = new Map<string, () => void>();
  let lists = 0;
  const informer = makeInformer(
    config,
    `/api/v1/namespaces/${NAMESPACE}/services`,
    async () => {
      lists++;
      return api.listNamespacedService({
        namespace: NAMESPACE,
        ...(labelSelector !== undefined && { labelSelector }),
      });
    },
    labelSelector,
  );
  informer.on("change", ({ metadata }) => {
    seen.add(metadata!.resourceVersion!);
    awaited.get(metadata!.resourceVersion!)?.();
  });
  return {
    informer,
    seen,
    lists: () => lists,
    sees: async (version) => {
      if (seen.has(version)) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      awaited.set(version, resolve);
      const late = setTimeout(() => reject(new Error(`no event of version ${version}`)), DEADLINE);
      await promise.finally(() => clearTimeout(late));
    },
    cached: () => versions(informer.list(NAMESPACE)),
  };
}

/** The versions by name, in the order of names. */
function versions(services: readonly V1Service[]): Map<string, string> {
  const entries = services.map(({ metadata }): [string, string] => [
    metadata!.name!,
    metadata!.resourceVersion!,
  ]);
  return new Map(entries.sort(([a], [b]) => a.localeCompare(b)));
}
