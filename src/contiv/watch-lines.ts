/**
 * `?watch=true`: what there is, and then each change, a line each. An object's state is made of several kinds; a change of any of
 * them is told of the objects it shows in, once for all changes of a turn, and not at all where it shows in none.
 */
import { setImmediate as turnEnd } from "node:timers/promises";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { ipAddressKind } from "../api/ipaddress/kind.ts";
import type { Kind } from "../api/kind.ts";
import { CONTIV_NAME_ANNOTATION } from "../api/meta/contiv-name-annotation.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Namespace } from "../api/namespace/type.ts";
import { namespaceKind } from "../api/namespace/kind.ts";
import type { Network } from "../api/network/type.ts";
import { networkKind } from "../api/network/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import { pause } from "../base/backoff.ts";
import type { Client } from "../client/client.ts";
import type { Informer, InformerHandler } from "../client/informer.ts";
import { Followers } from "./followers.ts";
import type { ContivKind } from "./names.ts";
import { Picture } from "./picture.ts";
import { inspectAll } from "./by-kind.ts";
import { podIndex, serviceIndex, ServiceNews, sliceIndex } from "./service-news.ts";
import { readPicture, type Sides, takenBy } from "./sides.ts";
import type { WatchLine } from "./wire.ts";

type Line = WatchLine<unknown, unknown>;

/** Watching everything of a kind may take this part of the processor. */
const LOAD = 0.2;
/** Pauses below this are none, milliseconds. */
const AT_ONCE = 20;

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
  return plural === "serviceLBs"
    ? serviceLines(sides, namespace, signal)
    : wholeLines(sides, plural, namespace, signal);
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

/** Each change costs what it changes: there may be thousands of services. */
async function* serviceLines(
  { user, own }: Sides,
  namespace: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  using followers = new Followers(signal);
  const namespaces = followers.follow(own, namespaceKind);
  const networks = followers.follow(own, networkKind);
  const services = followers.follow(user, serviceKind, namespace, serviceIndex);
  const pods = followers.follow(user, podKind, namespace, podIndex);
  const slices = followers.follow(user, endpointSliceKind, namespace, sliceIndex);
  const news = new ServiceNews({ services, pods, slices });
  services.addHandler(news.onService);
  pods.addHandler(news.onPod);
  slices.addHandler(news.onSlice);
  /** What of them the views of services show. */
  const shownOf = ({ metadata, spec }: Namespace | Network): string =>
    JSON.stringify([metadata.annotations?.[CONTIV_NAME_ANNOTATION], spec]);
  const renamed: InformerHandler<Namespace | Network> = {
    onAdd: () => news.touchAll(),
    onUpdate: (now, old) => void (shownOf(now) !== shownOf(old) && news.touchAll()),
    onDelete: () => news.touchAll(),
  };
  namespaces.addHandler(renamed);
  networks.addHandler(renamed);
  await followers.synced();
  while (!signal.aborted) {
    const named = { namespaces: all(namespaces), networks: all(networks) };
    for (const { type, object } of news.take(named)) yield `{"type":"${type}","object":${object}}\n`;
    await followers.changed();
    // All that one commit of many objects, or one event of a container, brings in a turn is one change.
    await turnEnd();
  }
}

/** All is worked out anew after each turn with changes, but not for more than a part of the time. */
async function* wholeLines(
  sides: Sides,
  plural: Exclude<ContivKind, "serviceLBs">,
  namespace: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  using followers = new Followers(signal);
  const { user, own } = sides;
  const namespaces = followers.follow(own, namespaceKind);
  const networks = followers.follow(own, networkKind);
  const services = followers.follow(user, serviceKind, namespace);
  const pods = followers.follow(user, podKind, namespace);
  const addresses = plural === "networks" ? followers.follow(own, ipAddressKind) : undefined;
  const allPods = plural === "networks" ? followers.follow(own, podKind) : undefined;
  const picture = (): Picture =>
    new Picture({
      namespaces: all(namespaces),
      networks: all(networks),
      services: all(services),
      pods: all(pods),
      taken: takenBy(
        addresses === undefined ? [] : all(addresses),
        allPods === undefined ? [] : all(allPods),
      ),
    });
  let before = new Map<string, { readonly text: string; readonly object: Line["object"] }>();
  await followers.synced();
  while (!signal.aborted) {
    const started = performance.now();
    const now = new Map<string, { readonly text: string; readonly object: Line["object"] }>();
    const lines: string[] = [];
    for (const object of inspectAll(plural, picture(), namespace)) {
      const { key = "" } = object.Config;
      const text = JSON.stringify(object);
      now.set(key, { text, object });
      const old = before.get(key);
      if (old?.text !== text) lines.push(line(old === undefined ? "ADDED" : "MODIFIED", object));
    }
    for (const [key, { object }] of before) if (!now.has(key)) lines.push(line("DELETED", object));
    before = now;
    const rest = (performance.now() - started) * (1 / LOAD - 1);
    yield* lines;
    await followers.changed();
    await turnEnd();
    if (rest > AT_ONCE) await pause(rest, signal);
  }
}

function all<T extends KubeObject>(informer: Pick<Informer<T>, "list">): T[] {
  return [...informer.list().values()];
}

function line(type: Line["type"], object: Line["object"]): string {
  return `${JSON.stringify({ type, object } satisfies Line)}\n`;
}
