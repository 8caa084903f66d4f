/**
 * `?watch=true`: what there is, and then each change, a line each. An object's state is made of several kinds; a change of any of
 * them is told of the objects it shows in, once for all changes of a turn, and not at all where it shows in none.
 */
import { setImmediate as turnEnd } from "node:timers/promises";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { ipAddressKind } from "../api/ipaddress/kind.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { namespaceKind } from "../api/namespace/kind.ts";
import { networkKind } from "../api/network/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Client } from "../client/client.ts";
import { type Informer, startInformer } from "../client/informer.ts";
import type { ContivKind } from "./names.ts";
import { Picture } from "./picture.ts";
import { inspectAll } from "./by-kind.ts";
import { readPicture, type Sides, takenBy } from "./sides.ts";
import type { WatchLine } from "./wire.ts";

type Line = WatchLine<unknown, unknown>;

/** Follows one kind, in all namespaces or one. */
interface Followed<T extends KubeObject> {
  all(): readonly T[];
}

/**
 * Lines without their ends. Throws ApiError 403 before the first if the user may not see what they are made of. Ends when
 * `signal` aborts.
 */
export async function watchLines(
  sides: Sides,
  plural: ContivKind,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<string>> {
  // Informers would ask for ever; whoever may not is told so at once.
  await readPicture(sides, plural, namespace);
  for (const kind of followedKinds(plural)) await tryWatch(sides.user, kind, namespace);
  return linesOf(sides, plural, namespace, signal);
}

/** What is followed with the user's rights. */
function followedKinds(plural: ContivKind): readonly Kind[] {
  return [serviceKind, podKind, ...(plural === "serviceLBs" ? [endpointSliceKind] : [])];
}

/** Throws ApiError 403 if the client may not watch. */
async function tryWatch(client: Client, kind: Kind, namespace: string | undefined): Promise<void> {
  const opened = new AbortController();
  const events = client.watch(kind, {
    resourceVersion: "0",
    signal: opened.signal,
    // Once whoever opens it has come to wait for events.
    onOpen: () => setImmediate(() => opened.abort()),
    ...(namespace !== undefined && { namespace }),
  });
  for await (const _event of events) break;
}

async function* linesOf(
  sides: Sides,
  plural: ContivKind,
  namespace: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  using followers = new Followers(signal);
  const { user, own } = sides;
  const namespaces = followers.follow(own, namespaceKind);
  const networks = followers.follow(own, networkKind);
  const services = followers.follow(user, serviceKind, namespace);
  const pods = followers.follow(user, podKind, namespace);
  const slices = plural === "serviceLBs" ? followers.follow(user, endpointSliceKind, namespace) : undefined;
  const addresses = plural === "networks" ? followers.follow(own, ipAddressKind) : undefined;
  const allPods = plural === "networks" ? followers.follow(own, podKind) : undefined;
  const picture = (): Picture =>
    new Picture({
      namespaces: namespaces.all(),
      networks: networks.all(),
      services: services.all(),
      pods: pods.all(),
      slices: slices?.all() ?? [],
      taken: takenBy(addresses?.all() ?? [], allPods?.all() ?? []),
    });
  let before = new Map<string, { readonly text: string; readonly object: Line["object"] }>();
  await followers.synced();
  while (!signal.aborted) {
    const now = new Map<string, { readonly text: string; readonly object: Line["object"] }>();
    for (const object of inspectAll(plural, picture(), namespace)) {
      const { key = "" } = object.Config;
      const text = JSON.stringify(object);
      now.set(key, { text, object });
      const old = before.get(key);
      if (old?.text !== text) yield line(old === undefined ? "ADDED" : "MODIFIED", object);
    }
    for (const [key, { object }] of before) if (!now.has(key)) yield line("DELETED", object);
    before = now;
    await followers.changed();
    // All that one commit of many objects, or one event of a container, brings in a turn is one change.
    await turnEnd();
  }
}

function line(type: Line["type"], object: Line["object"]): string {
  return `${JSON.stringify({ type, object } satisfies Line)}\n`;
}

/** The informers of one watch, and whether any of them has had news. */
class Followers implements Disposable {
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #informers: Pick<Informer<KubeObject>, "synced">[] = [];
  #news = Promise.withResolvers<void>();
  readonly #wake = (): void => this.#news.resolve();

  constructor(signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    signal.addEventListener("abort", this.#wake, { once: true });
  }

  follow<T extends KubeObject>(client: Client, kind: Kind<T>, namespace?: string): Followed<T> {
    const informer = startInformer({
      client,
      kind,
      signal: this.#signal,
      ...(namespace !== undefined && { namespace }),
    });
    informer.addHandler({ onAdd: this.#wake, onUpdate: this.#wake, onDelete: this.#wake });
    this.#informers.push(informer);
    return { all: () => [...informer.list().values()] };
  }

  /** When all that there is has come, or there is no more to wait for. */
  async synced(): Promise<void> {
    await Promise.allSettled(this.#informers.map(({ synced }) => synced));
  }

  /** When there was news since the last time. */
  async changed(): Promise<void> {
    await this.#news.promise;
    this.#news = Promise.withResolvers();
    // An abort that came in between wakes for good.
    if (this.#signal.aborted) this.#news.resolve();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
