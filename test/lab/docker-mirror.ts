/** A mirror of a test's engine that writes to a real registry in memory. */
import { fixedCatalog } from "../../src/api/kind-catalog.ts";
import { kinds } from "../../src/api/kinds.ts";
import { cidr } from "../../src/base/ip.ts";
import type { Client } from "../../src/client/client.ts";
import { createInProcessClient } from "../../src/client/in-process.ts";
import {
  createDockerRuntime,
  type DockerRuntimeOptions,
  type PodWritten,
} from "../../src/containers/docker/runtime.ts";
import { createServiceRanges } from "../../src/server/allocation/ranges.ts";
import { createRegistry } from "../../src/server/registry/create-registry.ts";
import { createMemoryStore } from "../../src/store/memory/memory-store.ts";
import type { DockerEngine } from "./docker-engine.ts";
import { PodWatch } from "./pod-watch.ts";

export const NODE = "n1";

export interface TestApi extends AsyncDisposable {
  readonly client: Client;
  readonly pods: PodWatch;
}

export async function testApi(): Promise<TestApi> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(createMemoryStore());
  const nodePorts = { first: 30000, last: 32767 };
  const ranges = createServiceRanges({ serviceCidrs: [cidr("100.1.1.0/24")], nodePorts });
  const registry = stack.use(await createRegistry({ store, kinds: fixedCatalog(kinds), ranges }));
  const client = createInProcessClient(registry, "system:fairlead");
  const pods = stack.use(new PodWatch(client));
  await pods.synced;
  const owned = stack.move();
  return { client, pods, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export interface RunningMirror extends AsyncDisposable {
  readonly written: PodWritten[];
  /** Ends it; the Pods stay. */
  stop(): Promise<void>;
}

/** Resolves when the first pass is done. */
export async function startMirror(
  engine: DockerEngine,
  client: Client,
  options: Partial<DockerRuntimeOptions> = {},
): Promise<RunningMirror> {
  const end = new AbortController();
  const written: PodWritten[] = [];
  const runtime = createDockerRuntime({
    nodeName: NODE,
    nodeAddresses: ["192.0.2.1"],
    environment: { DOCKER_HOST: engine.dockerHost },
    ...options,
  })({ client, onPodWritten: (one) => written.push(one) });
  const synced = Promise.withResolvers<void>();
  const done = runtime.run(end.signal, synced.resolve);
  await Promise.race([synced.promise, done]);
  const stop = async (): Promise<void> => {
    end.abort();
    await done;
  };
  return { written, stop, [Symbol.asyncDispose]: stop };
}
