/** The pods of an API server in memory, for tests of what runs pods: only what the runtime asks of a Client. */
import { randomUUID } from "node:crypto";
import type { Binding } from "../../api/binding/type.ts";
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeList, KubeObject } from "../../api/meta/type.ts";
import type { Pod, PodSpec } from "../../api/pod/type.ts";
import type { Client, ListQuery, ObjectName, WatchEvent, WatchQuery } from "../../client/client.ts";

type PodEvent = {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Pod;
  readonly old: Pod | undefined;
};

export class FakePodApi implements Client {
  readonly #pods = new Map<string, Pod>();
  readonly #listeners = new Set<(event: PodEvent) => void>();
  #revision = 1;
  /** Objects of other kinds, by kind and name; there is no watch of them. */
  readonly others: Map<string, KubeObject> = new Map<string, KubeObject>();
  /** How many of the next writes fail with 500. */
  failures = 0;

  /** The pod as it is now; undefined if it is gone. */
  pod(name: string): Pod | undefined {
    return this.#pods.get(name);
  }

  /** As a user creates it; on node "node-a" unless `nodeName` says otherwise. */
  add(name: string, spec: PodSpec, metadata: Pod["metadata"] = {}): Pod {
    const pod: Pod = {
      metadata: { name, namespace: "default", uid: randomUUID(), ...metadata },
      spec: { nodeName: "node-a", ...spec },
    };
    return this.#put("ADDED", pod);
  }

  /** As `kubectl delete` does: with a grace period the pod is only marked, 0 removes it. */
  remove(name: string, graceSeconds: number): void {
    const pod = this.#pods.get(name)!;
    if (graceSeconds === 0) return this.#drop(pod);
    const metadata = {
      ...pod.metadata,
      deletionTimestamp: new Date(Date.now() + graceSeconds * 1000).toISOString(),
      deletionGracePeriodSeconds: graceSeconds,
    };
    this.#put("MODIFIED", { ...pod, metadata });
  }

  /** Resolves when `holds` is true of the pod; rejects with what it was when the time is over. */
  async until(
    name: string,
    holds: (pod: Pod | undefined) => boolean,
    milliseconds = 5000,
  ): Promise<Pod | undefined> {
    if (holds(this.pod(name))) return this.pod(name);
    const { promise, resolve, reject } = Promise.withResolvers<Pod | undefined>();
    const listener = (): void => {
      if (holds(this.pod(name))) resolve(this.pod(name));
    };
    const timer = setTimeout(() => {
      reject(new Error(`pod ${name} did not become so: ${JSON.stringify(this.pod(name), undefined, 1)}`));
    }, milliseconds);
    this.#listeners.add(listener);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  async get<T extends KubeObject>({ kind }: Kind<T>, { name }: ObjectName): Promise<T> {
    const object = kind === "Pod" ? this.#pods.get(name) : this.others.get(`${kind} ${name}`);
    if (object === undefined) throw notFound(name);
    return object as T;
  }

  async list<T extends KubeObject>({ kind }: Kind<T>, query: ListQuery = {}): Promise<KubeList<T>> {
    const others = Array.from(this.others).filter(([key]) => key.startsWith(`${kind} `));
    const items =
      kind === "Pod"
        ? Array.from(this.#pods.values()).filter((pod) => selects(query, pod))
        : others.map(([, object]) => object);
    return { metadata: { resourceVersion: String(this.#revision) }, items: items as T[] };
  }

  async *watch<T extends KubeObject>({ kind }: Kind<T>, query: WatchQuery): AsyncGenerator<WatchEvent<T>> {
    const queue: WatchEvent<T>[] = [];
    let wake: () => void = () => {};
    const listener = ({ type, object, old }: PodEvent): void => {
      if (kind !== "Pod") return;
      const was = old !== undefined && selects(query, old);
      const is = type !== "DELETED" && selects(query, object);
      const seen = is ? (was ? "MODIFIED" : "ADDED") : was ? "DELETED" : undefined;
      if (seen !== undefined) queue.push({ type: seen, object: object as KubeObject as T });
      wake();
    };
    const onAbort = (): void => wake();
    this.#listeners.add(listener);
    query.signal.addEventListener("abort", onAbort);
    try {
      while (!query.signal.aborted) {
        const event = queue.shift();
        if (event === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield event;
      }
    } finally {
      this.#listeners.delete(listener);
      query.signal.removeEventListener("abort", onAbort);
    }
  }

  async patch<T extends KubeObject>(
    _kind: Kind<T>,
    { name }: ObjectName,
    type: string,
    patch: unknown,
  ): Promise<T> {
    const pod = this.#pods.get(name);
    if (type !== "merge") throw new TypeError(`this fake knows merge patches only, not ${type}`);
    if (this.failures > 0) {
      this.failures -= 1;
      throw new ApiError({ apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure", code: 500 });
    }
    const uid = (patch as Pod).metadata.uid;
    if (pod === undefined || (uid !== undefined && uid !== pod.metadata.uid)) throw notFound(name);
    return this.#put("MODIFIED", merge(pod, patch) as Pod) as KubeObject as T;
  }

  async delete<T extends KubeObject>(
    _kind: Kind<T>,
    { name }: ObjectName,
    options: Parameters<Client["delete"]>[2] = {},
  ): Promise<void> {
    const pod = this.#pods.get(name);
    if (pod === undefined || pod.metadata.uid !== options.preconditions?.uid) throw notFound(name);
    if (options.gracePeriodSeconds !== 0) throw new TypeError("a runtime deletes with grace 0");
    this.#drop(pod);
  }

  create<T extends KubeObject>(): Promise<T> {
    throw new Error("not used by the runtime");
  }

  update<T extends KubeObject>(): Promise<T> {
    throw new Error("not used by the runtime");
  }

  /** pods/binding: once, and only the pod that is meant. */
  async createSubresource<T extends KubeObject>(
    { plural }: Kind<T>,
    { name }: ObjectName,
    subresource: string,
    body: KubeObject,
  ): Promise<KubeObject> {
    if (subresource !== "binding") throw new TypeError(`this fake knows no ${plural}/${subresource}`);
    const { metadata, target } = body as Binding;
    const pod = this.#pods.get(name);
    if (pod === undefined) throw notFound(name);
    const { spec, metadata: before } = pod;
    const refused = (metadata.uid ?? before.uid) !== before.uid || (spec?.nodeName ?? "") !== "";
    if (refused || (spec?.schedulingGates ?? []).length > 0)
      throw new ApiError({ apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure", code: 409 });
    const annotations = { ...before.annotations, ...metadata.annotations };
    this.#put("MODIFIED", {
      ...pod,
      metadata: { ...before, annotations },
      spec: { containers: [], ...spec, nodeName: target.name! },
    });
    return { apiVersion: "v1", kind: "Status", metadata: {} };
  }

  #put(type: "ADDED" | "MODIFIED", pod: Pod): Pod {
    this.#revision += 1;
    const name = pod.metadata.name!;
    const object = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(this.#revision) } };
    const old = this.#pods.get(name);
    this.#pods.set(name, object);
    this.#tell({ type, object, old });
    return object;
  }

  #drop(pod: Pod): void {
    this.#revision += 1;
    this.#pods.delete(pod.metadata.name!);
    const object = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(this.#revision) } };
    this.#tell({ type: "DELETED", object, old: pod });
  }

  #tell(event: PodEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function selects({ fieldSelector = "" }: ListQuery, pod: Pod): boolean {
  const nodeName = /^spec\.nodeName=(.*)$/.exec(fieldSelector)?.[1];
  return nodeName === undefined || (pod.spec?.nodeName ?? "") === nodeName;
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

function notFound(name: string): ApiError {
  const message = `pods "${name}" not found`;
  return new ApiError({
    apiVersion: "v1",
    kind: "Status",
    metadata: {},
    status: "Failure",
    reason: "NotFound",
    message,
    code: 404,
  });
}
