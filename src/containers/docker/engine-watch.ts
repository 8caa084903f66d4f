/**
 * Follows the containers of an engine: what each one is now, within milliseconds, whatever is lost on the way.
 *
 * It subscribes to events first and lists then, so nothing falls between. Events that end traffic are believed at
 * once; all others, and these afterwards, make it ask the engine. A list every half minute finds what no event told,
 * and then the stream of events is taken for dead and opened anew. When the engine goes, what is known stays: a
 * restarting engine is no reason to stop traffic.
 */
import type { Log } from "../../base/log.ts";
import { backoffDelay, type BackoffOptions, pause } from "../../base/backoff.ts";
import { EngineError, isGone } from "./engine-error.ts";
import type { Engine } from "./engine.ts";
import type { ContainerInspect, ContainerSummary, EngineEvent } from "./engine-types.ts";
import { effectOf } from "./event-effect.ts";
import { stopTimeout } from "./pod-of.ts";

export interface EngineWatchOptions {
  readonly engine: Engine;
  readonly log: Log;
  /** Something about this container is new, or it is gone. */
  readonly onChange: (id: string) => void;
  /** A network has come or gone (create, destroy), or a container has entered or left it (connect, disconnect). */
  readonly onNetworkEvent?: (action: string, networkId: string) => void;
  /** Called with each list of containers, which is complete when this is too: the engine's networks. */
  readonly listNetworks?: () => Promise<void>;
  /** After each complete pass over all containers: at the start, and when a connection was made again. */
  readonly onSynced: () => void;
  /** Milliseconds between looks at the whole list. @default 30000 */
  readonly relistInterval?: number;
  /** How long an event may come after what it tells, in milliseconds, before events are taken to be lost. @default 2000 */
  readonly eventDelay?: number;
  /**
   * After the stop time-out the engine kills: so many milliseconds later, a container that runs has ignored the signal.
   * @default 1000
   */
  readonly stopMargin?: number;
  /** Between attempts to reach the engine. @default 50 ms doubling to 5 s */
  readonly backoff?: BackoffOptions;
}

export interface WatchedContainer {
  readonly container: ContainerInspect;
  /** It was sent a signal that ends it, and has neither ended nor outlived its stop time-out. */
  readonly stopping: boolean;
  /** The oldest event that nobody has taken note of; what comes before a start, which the engine does not show, does not count. */
  readonly event: NotedEvent | undefined;
}

export interface NotedEvent {
  /** "start", "die", ... */
  readonly action: string;
  /** The engine's, in milliseconds since the epoch. */
  readonly time: number;
}

interface Entry {
  container: ContainerInspect;
  stopping: { readonly startedAt: string; readonly timer: NodeJS.Timeout } | undefined;
  /** Counts what events have told of it. */
  told: number;
}

/** Questions to the engine at the same time. */
const CONCURRENCY = 8;

export class EngineWatch implements Disposable {
  readonly #options: EngineWatchOptions;
  readonly #entries = new Map<string, Entry>();
  /** The events that led to what is not yet acknowledged. */
  readonly #noted = new Map<string, NotedEvent>();
  /** Questions under way by container; `again` when an event came after one was asked. */
  readonly #questions = new Map<string, { again: boolean; readonly done: Promise<void> }>();
  /** The containers that events told of since the last list. */
  readonly #heard = new Set<string>();
  /** Whether this connection's list is complete. */
  #listed = false;

  constructor(options: EngineWatchOptions) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    for (const { stopping } of this.#entries.values()) clearTimeout(stopping?.timer);
  }

  get(id: string): WatchedContainer | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const { container, stopping } = entry;
    return { container, stopping: stopping !== undefined, event: this.#noted.get(id) };
  }

  ids(): string[] {
    return Array.from(this.#entries.keys());
  }

  /** What follows from `event` has been done. */
  acknowledge(id: string, event: NotedEvent): void {
    if (this.#noted.get(id) === event) this.#noted.delete(id);
  }

  /** Until `signal` aborts. Rejects with an EngineError that waiting cannot mend. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, engine } = this.#options;
    const backoff = { limit: 5000, ...this.#options.backoff };
    let failures = 0;
    while (!signal.aborted) {
      const session = new AbortController();
      const end = (): void => session.abort();
      signal.addEventListener("abort", end, { once: true });
      try {
        await this.#session(session.signal, () => (failures = 0));
      } catch (err) {
        if (signal.aborted) break;
        if (err instanceof EngineError && err.permanent) throw err;
        // Once for each outage, not for each attempt.
        log[failures === 0 ? "warn" : "debug"](
          { err, engine: engine.address.text },
          "lost the container engine: its containers stay as they were last seen until it answers again",
        );
      } finally {
        end();
        signal.removeEventListener("abort", end);
      }
      await pause(backoffDelay(++failures, backoff), signal);
    }
  }

  /** One connection's life: subscribe, list, follow. */
  async #session(signal: AbortSignal, onConnected: () => void): Promise<void> {
    const { engine, onSynced, relistInterval = 30_000, eventDelay = 2000 } = this.#options;
    this.#listed = false;
    const now = await engine.connect();
    const events = await engine.events({ since: now / 1000, signal });
    const failed = Promise.withResolvers<never>();
    const following = this.#follow(events);
    following.catch(failed.reject);
    failed.promise.catch(() => undefined);
    await Promise.race([Promise.all([this.#options.listNetworks?.(), this.#list(true)]), failed.promise]);
    this.#listed = true;
    onConnected();
    onSynced();
    while (!signal.aborted) {
      await Promise.race([pause(relistInterval, signal), failed.promise]);
      if (signal.aborted) return;
      this.#heard.clear();
      await Promise.race([this.#options.listNetworks?.(), failed.promise]);
      const changed = await Promise.race([this.#list(false), failed.promise]);
      if (changed.length > 0) await Promise.race([pause(eventDelay, signal), failed.promise]);
      const missed = changed.filter((id) => !this.#heard.has(id));
      if (missed.length > 0 && !signal.aborted)
        throw new EngineError(
          "unreachable",
          `the container engine's events stopped arriving: of the change of ${missed[0]} it did not tell`,
        );
    }
  }

  async #follow(events: AsyncIterable<EngineEvent>): Promise<void> {
    for await (const event of events) this.#handle(event);
  }

  #handle(event: EngineEvent): void {
    if (event.Type === "network") this.#options.onNetworkEvent?.(event.Action, event.Actor.ID);
    const id = event.Type === "network" ? event.Actor.Attributes?.["container"] : event.Actor.ID;
    if (id === undefined || id === "") return;
    const entry = this.#entries.get(id);
    const effect = effectOf(event, entry?.container);
    if (effect.type === "none") return;
    this.#heard.add(id);
    this.#options.log.debug({ event: event.Action, container: id, effect: effect.type }, "container event");
    if (entry !== undefined) entry.told++;
    // A replayed event's time tells how long we were away.
    if (this.#listed && (event.Action === "start" || !this.#noted.has(id)))
      this.#noted.set(id, { action: event.Action, time: event.timeNano / 1e6 });
    // What is replayed until the list is complete may be older than what the engine has answered meanwhile.
    if (!this.#listed || effect.type === "ask") return this.#ask(id);
    if (effect.type === "gone") return this.#forget(id);
    if (effect.type === "stopping") this.#stop(id, entry!);
    else this.#set(id, entry!, effect.container);
    this.#ask(id);
  }

  /** Asks about a container because of an event. */
  #ask(id: string): void {
    this.#inspect(id).catch((err: unknown) => {
      // The list that follows, after half a minute or a new connection, asks again.
      this.#options.log.warn({ err, container: id }, "asking the engine about a container failed");
    });
  }

  #stop(id: string, entry: Entry): void {
    const { stopMargin = 1000 } = this.#options;
    clearTimeout(entry.stopping?.timer);
    const timer = setTimeout(
      () => {
        entry.stopping = undefined;
        if (this.#entries.get(id) !== entry) return;
        this.#options.log.info(
          { container: id },
          "a container outlived its stop signal: it gets traffic again",
        );
        this.#options.onChange(id);
      },
      stopTimeout(entry.container) * 1000 + stopMargin,
    ).unref();
    entry.stopping = { startedAt: entry.container.State.StartedAt, timer };
    this.#options.onChange(id);
  }

  #set(id: string, entry: Entry, container: ContainerInspect): void {
    entry.container = container;
    const { State } = container;
    if (entry.stopping !== undefined && (!State.Running || State.StartedAt !== entry.stopping.startedAt)) {
      clearTimeout(entry.stopping.timer);
      entry.stopping = undefined;
    }
    this.#changed(id);
  }

  #forget(id: string): void {
    const entry = this.#entries.get(id);
    const question = this.#questions.get(id);
    if (question !== undefined) question.again = true;
    this.#noted.delete(id);
    if (entry === undefined) return;
    clearTimeout(entry.stopping?.timer);
    this.#entries.delete(id);
    this.#changed(id);
  }

  /** Containers on this one's network have its address. */
  #changed(id: string): void {
    this.#options.onChange(id);
    for (const [other, { container }] of this.#entries)
      if (container.HostConfig.NetworkMode === `container:${id}`) this.#options.onChange(other);
  }

  /** Brings one container up to date. An answer that an event has overtaken is asked for again. */
  #inspect(id: string): Promise<void> {
    const asked = this.#questions.get(id);
    if (asked !== undefined) {
      asked.again = true;
      return asked.done;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const question = { again: true, done: promise };
    this.#questions.set(id, question);
    const work = async (): Promise<void> => {
      let answer: ContainerInspect | undefined;
      while (question.again) {
        question.again = false;
        answer = await this.#answer(id);
      }
      this.#questions.delete(id);
      if (answer === undefined) return this.#forget(id);
      let entry = this.#entries.get(id);
      if (entry === undefined) {
        entry = { container: answer, stopping: undefined, told: 0 };
        this.#entries.set(id, entry);
      }
      this.#set(id, entry, answer);
    };
    work().then(resolve, (error: unknown) => {
      this.#questions.delete(id);
      reject(error);
    });
    return promise;
  }

  async #answer(id: string): Promise<ContainerInspect | undefined> {
    try {
      return await this.#options.engine.inspect(id);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /**
   * Compares with the engine's list, asks about all that differ (`all`: about all), and forgets what is not there.
   * Returns those that had changed without an event.
   */
  async #list(all: boolean): Promise<string[]> {
    const before = new Map(Array.from(this.#entries, ([id, { told }]) => [id, told]));
    const summaries = await this.#options.engine.containers();
    const present = new Set(summaries.map(({ Id }) => Id));
    const missed: string[] = [];
    for (const [id, told] of before)
      if (!present.has(id) && this.#entries.get(id)?.told === told) {
        this.#forget(id);
        missed.push(id);
      }
    const open = summaries.filter(
      (summary) => all || differs(summary, this.#entries.get(summary.Id)?.container),
    );
    const next = open.values();
    const look = async (): Promise<void> => {
      for (const { Id } of next) if (await this.#lookAt(Id, before.get(Id))) missed.push(Id);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, look));
    return missed;
  }

  /** Whether it had changed without an event since it was last `told` of. */
  async #lookAt(id: string, told: number | undefined): Promise<boolean> {
    const before = this.#entries.get(id);
    const was = before && essence(before.container);
    try {
      await this.#inspect(id);
    } catch (err) {
      if (!(err instanceof EngineError) || err.failure !== "refused") throw err;
      this.#options.log.warn(
        { err, container: id },
        "the engine cannot tell of a container: it stays as it was",
      );
      return false;
    }
    const after = this.#entries.get(id);
    return (
      after !== undefined && was !== undefined && after.told === told && essence(after.container) !== was
    );
  }
}

/** Whether a list's entry shows that what is known of a container is old. */
function differs(summary: ContainerSummary, known: ContainerInspect | undefined): boolean {
  if (known === undefined) return true;
  const { State, Name } = known;
  if (summary.State !== State.Status || !summary.Names.includes(Name)) return true;
  const health = /\((?:health: )?(healthy|unhealthy|starting)\)/.exec(summary.Status)?.[1];
  const knownHealth = State.Health?.Status;
  if (State.Running && health !== undefined && health !== knownHealth) return true;
  return addresses(summary.NetworkSettings?.Networks) !== addresses(known.NetworkSettings.Networks);
}

/** All that a Pod depends on and that changes. */
function essence({ Name, State, NetworkSettings }: ContainerInspect): string {
  const { Status, Running, Paused, StartedAt, Health } = State;
  return JSON.stringify([
    Name,
    Status,
    Running,
    Paused,
    StartedAt,
    Health?.Status,
    addresses(NetworkSettings.Networks),
  ]);
}

function addresses(networks: ContainerInspect["NetworkSettings"]["Networks"]): string {
  return Object.entries(networks ?? {})
    .map(([name, { IPAddress = "", GlobalIPv6Address = "" }]) => `${name} ${IPAddress} ${GlobalIPv6Address}`)
    .sort()
    .join(",");
}
