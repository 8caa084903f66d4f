/**
 * Writes the Pods of containers to the API: one container at a time, the newest state only, until it is there.
 *
 * A container that was told to stop has its Pod deleted with the stop time-out as grace period, so that for everyone
 * it is terminating: no new connections, while those it has go on. When it ends, the Pod is replaced by one that has
 * ended (`docker ps -a` shows those too); when it does not end after all, by one that runs.
 */
import { ApiError } from "../../api/api-error.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { hasEnded } from "../../api/pod/ended.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import type { Log } from "../../base/log.ts";
import type { Client } from "../../client/client.ts";
import { type Informer, startInformer } from "../../client/informer.ts";
import type { WatchedContainer } from "./engine-watch.ts";
import { CONTAINER_ID_ANNOTATION, RUNTIME_MARK, RUNTIME_NAME } from "./marks.ts";
import { metadataChange, mirroredContainer, mustReplace, statusChange } from "./pod-change.ts";
import { fallbackPodName } from "./pod-name.ts";
import { podOf, type PodContext, stopTimeout } from "./pod-of.ts";

export interface PodWriterOptions {
  readonly client: Client;
  readonly log: Log;
  readonly context: PodContext;
  readonly signal: AbortSignal;
  /** Somebody has changed or removed the Pod of this container. */
  readonly onForeignChange: (containerId: string) => void;
}

const FIELD_MANAGER = { fieldManager: "fairlead" };

export class PodWriter {
  readonly #options: PodWriterOptions;
  readonly #pods: Informer<Pod, "container">;
  /** By container: the status that was last asked for and the version it gave, for servers that change what they are given. */
  readonly #written = new Map<string, string>();

  constructor(options: PodWriterOptions) {
    const { client, log, signal, context } = options;
    this.#options = options;
    this.#pods = startInformer<Pod, "container">({
      client,
      kind: podKind,
      log,
      signal,
      labelSelector: `${RUNTIME_MARK}=${RUNTIME_NAME}`,
      fieldSelector: `spec.nodeName=${context.nodeName}`,
      indexes: { container: (pod) => [mirroredContainer(pod) ?? ""] },
    });
    const tell = (pod: Pod): void => {
      const id = this.#isOurs(pod) ? mirroredContainer(pod) : undefined;
      if (id !== undefined) options.onForeignChange(id);
    };
    this.#pods.addHandler({ onAdd: tell, onUpdate: tell, onDelete: tell });
  }

  /** Resolves when the Pods that there are are known. */
  get synced(): Promise<void> {
    return this.#pods.synced;
  }

  get done(): Promise<void> {
    return this.#pods.done;
  }

  /** The containers that have Pods. */
  containerIds(): string[] {
    const ours = Array.from(this.#pods.list().values()).filter((pod) => this.#isOurs(pod));
    return ours.map((pod) => mirroredContainer(pod)).filter((id) => id !== undefined);
  }

  /** Brings the Pod of container `id` to `watched`; undefined: there is to be none. True if anything was written. */
  async write(id: string, watched: WatchedContainer | undefined): Promise<boolean> {
    const pods = Array.from(this.#pods.byIndex("container", id).values()).filter((pod) => this.#isOurs(pod));
    if (watched === undefined) return this.#removeAll(id, pods);
    const before = { namespace: pods[0]?.metadata.namespace, stopping: watched.stopping };
    const wanted = podOf(watched.container, this.#options.context, before);
    // Nobody is going to look at it: the engine removes it in a moment.
    if (hasEnded(wanted) && watched.container.HostConfig.AutoRemove === true)
      return this.#removeAll(id, pods);

    let current = pods.find((pod) => isNamedFor(pod, wanted, watched));
    let written = await this.#removeAll(
      id,
      pods.filter((pod) => pod !== current),
    );
    if (current !== undefined && watched.stopping && current.metadata.deletionTimestamp === undefined) {
      await this.#delete(current, Math.max(1, stopTimeout(watched.container)));
      return true;
    }
    if (current !== undefined && mustReplace(current, wanted, watched.stopping)) {
      await this.#delete(current, 0);
      current = undefined;
    }
    if (current === undefined) {
      current = await this.#create(wanted, watched);
      written = true;
    }
    const metadata = metadataChange(current, wanted);
    if (metadata !== undefined) {
      current = await this.#options.client.update(podKind, { ...current, metadata }, FIELD_MANAGER);
      this.#pods.observe(current);
      written = true;
    }
    return (await this.#writeStatus(id, current, wanted)) || written;
  }

  /** The selector by field is the server's business; that we touch nothing of another node is ours. */
  #isOurs(pod: Pod): boolean {
    return pod.spec?.nodeName === this.#options.context.nodeName;
  }

  async #writeStatus(id: string, current: Pod, wanted: Pod): Promise<boolean> {
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    const status = statusChange(current, wanted, now);
    if (status === undefined) return false;
    const text = JSON.stringify(wanted.status);
    if (this.#written.get(id) === `${current.metadata.resourceVersion} ${text}`) return false;
    const result = await this.#options.client.update(
      podKind,
      { ...current, status },
      { ...FIELD_MANAGER, subresource: "status" },
    );
    this.#written.set(id, `${result.metadata.resourceVersion} ${text}`);
    this.#pods.observe(result);
    return true;
  }

  async #removeAll(id: string, pods: readonly Pod[]): Promise<boolean> {
    for (const pod of pods) await this.#delete(pod, 0);
    if (pods.length > 0) this.#written.delete(id);
    return pods.length > 0;
  }

  async #delete(pod: Pod, gracePeriodSeconds: number): Promise<void> {
    const { namespace = "default", name = "", uid } = pod.metadata;
    try {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await this.#options.client.delete(
        podKind,
        { namespace, name },
        { gracePeriodSeconds, ...preconditions },
      );
    } catch (error) {
      // Gone, or another Pod of that name by now (the uid differs).
      if (!(error instanceof ApiError && (error.code === 404 || error.code === 409))) throw error;
    }
    if (gracePeriodSeconds === 0) this.#pods.forget(pod);
  }

  async #create(wanted: Pod, watched: WatchedContainer): Promise<Pod> {
    const { status: _, ...pod } = wanted;
    const made = await this.#createNamed(pod, watched);
    this.#pods.observe(made);
    return made;
  }

  async #createNamed(pod: Pod, { container }: WatchedContainer): Promise<Pod> {
    const { client, log } = this.#options;
    try {
      return await this.#createInNamespace(pod);
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === "AlreadyExists")) throw error;
      const { namespace = "default", name = "" } = pod.metadata;
      const other = await client.get(podKind, { namespace, name });
      const isOnNode = this.#isOurs(other);
      // Somebody took our label off it.
      if (isOnNode && other.metadata.annotations?.[CONTAINER_ID_ANNOTATION] === container.Id) return other;
      // A container that had this name before: its Pod is about to go, and this is tried again.
      if (isOnNode && mirroredContainer(other) !== undefined) throw error;
      const fallback = fallbackPodName(container);
      if (fallback === name) throw error;
      log.info({ pod: `${namespace}/${name}`, fallback }, "the Pod's name is taken by somebody else's");
      return this.#createNamed(
        { ...pod, metadata: { ...pod.metadata, name: fallback } },
        { container, event: undefined, stopping: false },
      );
    }
  }

  /** The namespace that a container's label or network names is made if there is none. */
  async #createInNamespace(pod: Pod): Promise<Pod> {
    const { client } = this.#options;
    try {
      return await client.create(podKind, pod, FIELD_MANAGER);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
      const { namespace = "default" } = pod.metadata;
      await client
        .create(namespaceKind, { metadata: { name: namespace } }, FIELD_MANAGER)
        .catch((err: unknown) => {
          if (!(err instanceof ApiError && err.reason === "AlreadyExists")) throw err;
        });
      return client.create(podKind, pod, FIELD_MANAGER);
    }
  }
}

function isNamedFor(pod: Pod, wanted: Pod, { container }: WatchedContainer): boolean {
  const { namespace, name } = pod.metadata;
  return (
    namespace === wanted.metadata.namespace &&
    (name === wanted.metadata.name || name === fallbackPodName(container))
  );
}
