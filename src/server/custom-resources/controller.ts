/**
 * Serves what CustomResourceDefinitions define: accepts their names, puts their kinds into the catalog, says so in their
 * status, and empties them when they go (apiextensions-apiserver pkg/controller: status, establish, finalizer).
 */
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../../api/api-error.ts";
import { customResourceDefinitionKind } from "../../api/customresourcedefinition/kind.ts";
import {
  CLEANUP_FINALIZER,
  type CustomResourceDefinition,
  type CustomResourceDefinitionStatus,
} from "../../api/customresourcedefinition/type.ts";
import type { Kind } from "../../api/kind.ts";
import type { ChangingCatalog } from "../../api/kind-catalog.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Log } from "../../base/log.ts";
import type { CallContext, RegistryWatch } from "../registry.ts";
import type { OwnedRegistry } from "../registry/create-registry.ts";
import { formatTime } from "../registry/metadata.ts";
import { statusOf, withCondition } from "./names.ts";
import { kindsOf, type ServedKinds } from "./served-kinds.ts";

const SYSTEM: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };

export interface CustomResourceParts {
  readonly registry: OwnedRegistry;
  readonly catalog: ChangingCatalog;
  readonly builtin: readonly Kind[];
  readonly served: ServedKinds;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Ends when disposed. */
export async function startCustomResources(parts: CustomResourceParts): Promise<AsyncDisposable> {
  const controller = new CustomResources(parts);
  await controller.start();
  return controller;
}

class CustomResources implements AsyncDisposable {
  readonly #parts: CustomResourceParts;
  readonly #definitions = new Map<string, CustomResourceDefinition>();
  /** Watches over the last objects of definitions that are going, which finalizers keep, by the definition's name. */
  readonly #draining = new Map<string, RegistryWatch<KubeObject>>();
  readonly #running = new Set<Promise<void>>();
  #watch: RegistryWatch<CustomResourceDefinition> | undefined;
  #disposed = false;

  constructor(parts: CustomResourceParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { registry } = this.#parts;
    const { items, resourceVersion } = await registry.list(customResourceDefinitionKind, {});
    for (const definition of items) this.#definitions.set(definition.metadata.name!, definition);
    await this.#reconcile();
    this.#watch = await registry.watch(customResourceDefinitionKind, { resourceVersion });
    this.#run(this.#follow(this.#watch));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#watch?.close();
    for (const watch of this.#draining.values()) watch.close();
    await Promise.all(this.#running);
  }

  #run(work: Promise<void>): void {
    const done = work
      .catch((err: unknown) => {
        if (!this.#disposed)
          this.#parts.log.error({ err }, "serving custom resources has stopped; restart fairlead");
      })
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  async #follow(watch: RegistryWatch<CustomResourceDefinition>): Promise<void> {
    for await (const events of watch) {
      for (const { type, object } of events) {
        if (type === "DELETED") this.#definitions.delete(object.metadata.name!);
        else this.#definitions.set(object.metadata.name!, object);
      }
      await this.#reconcile();
    }
  }

  async #reconcile(): Promise<void> {
    const { catalog, served, builtin, clock } = this.#parts;
    const all = [...this.#definitions.values()];
    const changed: CustomResourceDefinition[] = [];
    for (const definition of all) {
      if (definition.metadata.deletionTimestamp !== undefined) {
        if (this.#markTerminating(definition)) changed.push(definition);
        continue;
      }
      const { group } = definition.spec;
      const others = [...this.#definitions.values()].filter(
        (other) => other.metadata.uid !== definition.metadata.uid && other.spec.group === group,
      );
      const status = statusOf(definition, others, builtin, formatTime(clock()));
      if (isDeepStrictEqual(status, definition.status)) continue;
      this.#definitions.set(definition.metadata.name!, { ...definition, status });
      changed.push(definition);
    }
    // First, so that what says it is established is.
    catalog.replace(served.kinds([...this.#definitions.values()]));
    for (const { metadata } of changed)
      await this.#writeStatus(metadata.name!, metadata.uid!, this.#definitions.get(metadata.name!)!.status!);
    for (const definition of this.#definitions.values())
      if (isGoing(definition) && !this.#draining.has(definition.metadata.name!))
        await this.#empty(definition);
  }

  /** Whether it was not marked before. */
  #markTerminating(definition: CustomResourceDefinition): boolean {
    if (!isGoing(definition)) return false;
    const { status } = definition;
    if (status?.conditions.some(({ type }) => type === "Terminating") === true) return false;
    const conditions = withCondition(
      status?.conditions ?? [],
      {
        type: "Terminating",
        status: "True",
        reason: "InstanceDeletionInProgress",
        message: "CustomResource deletion is in progress",
      },
      formatTime(this.#parts.clock()),
    );
    this.#definitions.set(definition.metadata.name!, {
      ...definition,
      status: { acceptedNames: { plural: "", kind: "" }, storedVersions: [], ...status, conditions },
    });
    return true;
  }

  /** Deletes the objects of a definition that is going, and lets it go when the last one has. */
  async #empty(definition: CustomResourceDefinition): Promise<void> {
    const { registry, clock } = this.#parts;
    const name = definition.metadata.name!;
    const { stored } = kindsOf(definition);
    await registry.deleteCollection(stored, {}, {}, SYSTEM);
    const { items, resourceVersion } = await registry.list(stored, {});
    if (items.length > 0) {
      // Their finalizers keep them: again when the next one is gone.
      const watch = await registry.watch(stored, { resourceVersion });
      this.#draining.set(name, watch);
      this.#run(this.#drain(name, watch));
      return;
    }
    await this.#update(name, definition.metadata.uid!, (current) => {
      const finalizers = (current.metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
      const { finalizers: _before, ...metadata } = current.metadata;
      return { ...current, metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers } };
    });
    // It may have other finalizers: then it stays, and says that this part is done.
    const left = this.#definitions.get(name);
    if (left === undefined || (left.metadata.finalizers ?? []).every((one) => one === CLEANUP_FINALIZER))
      return;
    const conditions = withCondition(
      left.status?.conditions ?? [],
      {
        type: "Terminating",
        status: "False",
        reason: "InstanceDeletionCompleted",
        message: "removed all instances",
      },
      formatTime(clock()),
    );
    await this.#writeStatus(name, definition.metadata.uid!, { ...left.status!, conditions });
  }

  async #drain(name: string, watch: RegistryWatch<KubeObject>): Promise<void> {
    for await (const events of watch) if (events.some(({ type }) => type === "DELETED")) break;
    this.#draining.delete(name);
    const definition = this.#definitions.get(name);
    if (!this.#disposed && definition !== undefined && isGoing(definition)) await this.#empty(definition);
  }

  async #writeStatus(name: string, uid: string, status: CustomResourceDefinitionStatus): Promise<void> {
    await this.#update(name, uid, (current) => ({ ...current, status }), "status");
  }

  /** What has gone in the meantime, or is another one, needs no update. */
  async #update(
    name: string,
    uid: string,
    change: (current: CustomResourceDefinition) => CustomResourceDefinition,
    subresource?: "status",
  ): Promise<void> {
    const ours = (current: CustomResourceDefinition): CustomResourceDefinition =>
      current.metadata.uid === uid ? change(current) : current;
    const options = subresource === undefined ? {} : { subresource };
    try {
      const kind = customResourceDefinitionKind;
      await this.#parts.registry.writer.update(kind, { name }, ours, { ...options, trusted: true }, SYSTEM);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "NotFound") throw error;
    }
  }
}

function isGoing({ metadata }: CustomResourceDefinition): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(CLEANUP_FINALIZER);
}
