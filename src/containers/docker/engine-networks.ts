/**
 * The networks of an engine as they were last listed, brought up to date by events. Several questions at once are one
 * list; what was made or removed by us while one was under way is not lost to it.
 */
import type { Engine } from "./engine.ts";
import type { NetworkSummary } from "./engine-types.ts";

export interface EngineNetworksOptions {
  readonly engine: Pick<Engine, "networks">;
  /** Networks have come, gone or changed; `undefined` in place of one that is not there. */
  readonly onChange: (before: NetworkSummary | undefined, after: NetworkSummary | undefined) => void;
}

export class EngineNetworks {
  readonly #options: EngineNetworksOptions;
  readonly #byId = new Map<string, NetworkSummary>();
  /** What was made (or removed: undefined) by us since the list under way was asked for. */
  readonly #ours = new Map<string, NetworkSummary | undefined>();
  /** Legs of containers that no network was found for since the last list. */
  readonly #unknown = new Set<string>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #known = false;

  constructor(options: EngineNetworksOptions) {
    this.#options = options;
  }

  /** Whether the networks have been listed. */
  get known(): boolean {
    return this.#known;
  }

  all(): readonly NetworkSummary[] {
    return [...this.#byId.values()];
  }

  /** The network of a container's leg: by its id, or, of a container that has never run, by its name. */
  find(name: string, id: string | undefined): NetworkSummary | undefined {
    if (id !== undefined && id !== "") return this.#byId.get(id);
    return this.all().find((network) => network.Name === name || network.Id === name);
  }

  /** As find(), after a look at the engine's list where the network is not known yet: a container may be quicker than it. */
  async learn(name: string, id: string | undefined): Promise<void> {
    const key = `${name} ${id ?? ""}`;
    if (this.find(name, id) !== undefined || this.#unknown.has(key)) return;
    await this.refresh();
    if (this.find(name, id) === undefined) this.#unknown.add(key);
  }

  /** Lists them: resolves after a list that was asked for after this call. */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  /** We have made it. */
  put(network: NetworkSummary): void {
    if (this.#running !== undefined) this.#ours.set(network.Id, network);
    this.#set(network.Id, network);
  }

  /** We have removed it. */
  forget(id: string): void {
    if (this.#running !== undefined) this.#ours.set(id, undefined);
    this.#set(id, undefined);
  }

  #start(): Promise<void> {
    this.#running = this.#list().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #list(): Promise<void> {
    this.#ours.clear();
    const listed = new Map((await this.#options.engine.networks()).map((network) => [network.Id, network]));
    for (const [id, network] of this.#ours)
      if (network === undefined) listed.delete(id);
      else listed.set(id, network);
    this.#known = true;
    this.#unknown.clear();
    for (const id of this.#byId.keys()) if (!listed.has(id)) this.#set(id, undefined);
    for (const [id, network] of listed) this.#set(id, network);
  }

  #set(id: string, after: NetworkSummary | undefined): void {
    const before = this.#byId.get(id);
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    if (after === undefined) this.#byId.delete(id);
    else this.#byId.set(id, after);
    this.#options.onChange(before, after);
  }
}
