/** A registry over memory for tests, with words for what tests say often. Not imported by the product. */
import type { TestContext } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { fixedCatalog } from "../../api/kind-catalog.ts";
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { cidr } from "../../base/ip.ts";
import { createMemoryStore } from "../../store/memory/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { createServiceRanges, type ServiceRanges } from "../allocation/ranges.ts";
import type { CallContext, RegistryEvent, RegistryWatch } from "../registry.ts";
import { createRegistry, type OwnedRegistry } from "./create-registry.ts";

export const ALICE: CallContext = { user: { name: "alice", groups: ["system:masters"] } };
/** 2026-01-02T03:04:05Z */
export const NOW = 1767323045000;

export interface Fixture {
  readonly store: Store;
  readonly ranges: ServiceRanges;
  readonly registry: OwnedRegistry;
}

export interface FixtureOptions {
  readonly serviceCidrs?: readonly string[];
  readonly nodePorts?: { readonly first: number; readonly last: number };
  readonly store?: Store;
}

export async function startRegistry(t: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
  const store = options.store ?? createMemoryStore({ retention: { intervalMs: 0 } });
  const ranges = createServiceRanges({
    serviceCidrs: (options.serviceCidrs ?? ["10.96.0.0/24"]).map(cidr),
    nodePorts: options.nodePorts ?? { first: 30000, last: 32767 },
  });
  const registry = await createRegistry({
    store,
    kinds: fixedCatalog(kinds),
    ranges,
    clock: () => NOW,
    serviceCidrDeletionDelay: 0,
  });
  t.after(async () => {
    await registry[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });
  return { store, ranges, registry };
}

export function service(name: string, spec: ServiceSpec = {}): Service {
  return { metadata: { name }, spec: { ports: [{ port: 80 }], selector: { app: name }, ...spec } };
}

/** The refusal as "code reason: message"; or what was answered. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    return `no refusal but ${JSON.stringify(await work)}`;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return `${error.code} ${error.reason}: ${error.message}`;
  }
}

/** The next `count` events as "ADDED web@7". */
export async function events<T extends KubeObject>(
  watch: RegistryWatch<T>,
  count: number,
): Promise<string[]> {
  const seen: RegistryEvent<T>[] = [];
  while (seen.length < count) {
    const next = await watch.next();
    if (next.done === true) break;
    seen.push(...next.value);
  }
  return seen.map(
    ({ type, object }) => `${type} ${object.metadata.name ?? ""}@${object.metadata.resourceVersion}`,
  );
}

/** Waits until `check` holds after some change of the store. */
export async function eventually(store: Store, check: () => Promise<boolean>): Promise<void> {
  using watch = store.watch("/registry/", store.revision);
  while (!(await check())) {
    const next = await Promise.race([watch.next(), deadline()]);
    if (next === "late") throw new Error("it did not become true within 5 seconds");
  }
}

async function deadline(): Promise<"late"> {
  return new Promise((resolve) => setTimeout(resolve, 5000, "late").unref());
}
