/**
 * An engine in memory, for tests: its containers are changed by hand, its events told by hand, its answers held back. Its
 * networks are made and removed as Docker does, with its words where it refuses, and with events.
 */
import { container, type ContainerParts, event } from "./container-fixture.ts";
import type { Engine } from "./engine.ts";
import { type EngineAddress, engineAddress } from "./engine-address.ts";
import { EngineError } from "./engine-error.ts";
import type {
  ContainerInspect,
  ContainerSummary,
  EngineEvent,
  NetworkCreate,
  NetworkInspect,
  NetworkSummary,
} from "./engine-types.ts";
import { overlapping } from "./network-wanted.ts";

interface Stream {
  readonly queue: EngineEvent[];
  wake: PromiseWithResolvers<void>;
  broken: boolean;
}

export class FakeEngine implements Engine {
  readonly address: EngineAddress = engineAddress({});
  readonly containersById: Map<string, ContainerInspect> = new Map();
  readonly networksById: Map<string, NetworkInspect> = new Map();
  /** How often each question was asked. */
  readonly asked = { connect: 0, events: 0, containers: 0, inspect: 0, networks: 0, create: 0, remove: 0 };
  /** Thrown by every question while it is set. */
  failure: EngineError | undefined;
  /** Thrown by createNetwork while it is set; for some names only. */
  refuseCreate: EngineError | undefined;
  /** Docker 20.10 makes networks with a range for containers whatever they share addresses with. */
  checksOverlaps = true;
  refuseName: (name: string) => EngineError | undefined = () => undefined;
  /** Awaited before an answer about one container leaves; what it says was true when it was asked. */
  hold: Promise<void> | undefined;
  /** Called when the list has been made up and before it is answered. */
  afterList: () => void = () => {};
  readonly #streams = new Set<Stream>();

  [Symbol.dispose](): void {}

  /** A container is there, or is another now. */
  put(parts: ContainerParts & { readonly id: string }): void {
    this.containersById.set(parts.id, container({ name: parts.id, ...parts }));
  }

  /** All streams hear it. */
  tell(id: string, action: string, attributes: Readonly<Record<string, string>> = {}): void {
    this.#tell(event(action, attributes, { Actor: { ID: id, Attributes: attributes } }));
  }

  #tell(one: EngineEvent): void {
    for (const stream of this.#streams) {
      stream.queue.push(one);
      stream.wake.resolve();
    }
  }

  /** Ends all streams, as a lost connection does. */
  cut(): void {
    for (const stream of this.#streams) {
      stream.broken = true;
      stream.wake.resolve();
    }
  }

  async connect(): Promise<number> {
    this.asked.connect++;
    this.#check();
    return 0;
  }

  async events({ signal }: { readonly signal: AbortSignal }): Promise<AsyncIterable<EngineEvent>> {
    this.asked.events++;
    this.#check();
    const stream: Stream = { queue: [], wake: Promise.withResolvers(), broken: false };
    this.#streams.add(stream);
    signal.addEventListener("abort", () => stream.wake.resolve(), { once: true });
    return this.#read(stream, signal);
  }

  async *#read(stream: Stream, signal: AbortSignal): AsyncGenerator<EngineEvent, void> {
    try {
      while (!signal.aborted) {
        yield* stream.queue.splice(0);
        if (stream.broken) throw new EngineError("unreachable", "the stream was cut");
        await stream.wake.promise;
        stream.wake = Promise.withResolvers();
      }
    } finally {
      this.#streams.delete(stream);
    }
  }

  async containers(): Promise<ContainerSummary[]> {
    this.asked.containers++;
    this.#check();
    const list = Array.from(this.containersById.values(), ({ Id, Name, State, NetworkSettings }) => {
      const health = State.Health?.Status === undefined ? "" : ` (${State.Health.Status})`;
      return { Id, Names: [Name], State: State.Status, Status: `Up${health}`, NetworkSettings };
    });
    this.afterList();
    return list;
  }

  async inspect(id: string): Promise<ContainerInspect> {
    this.asked.inspect++;
    this.#check();
    const found = this.containersById.get(id);
    await this.hold;
    if (found === undefined) throw new EngineError("refused", `no container ${id}`, { status: 404 });
    return found;
  }

  version(): Promise<never> {
    return Promise.reject(new Error("nobody asks for the version here"));
  }

  info(): Promise<never> {
    return Promise.reject(new Error("nobody asks for information here"));
  }

  async networks(): Promise<NetworkSummary[]> {
    this.asked.networks++;
    this.#check();
    // As Docker does since API 1.28: not who is on it.
    return Array.from(this.networksById.values(), (network) => ({ ...network, Containers: {} }));
  }

  async inspectNetwork(id: string): Promise<NetworkInspect> {
    this.#check();
    return this.#network(id);
  }

  async createNetwork(network: NetworkCreate): Promise<string> {
    this.asked.create++;
    this.#check();
    const refused = this.refuseCreate ?? this.refuseName(network.Name);
    if (refused !== undefined) throw refused;
    const { CheckDuplicate, EnableIPv4: _, ...rest } = network;
    const all = [...this.networksById.values()];
    if (CheckDuplicate && all.some(({ Name }) => Name === network.Name))
      throw refusal(409, `network with name ${network.Name} already exists`);
    if (this.checksOverlaps && overlapping(all, network).length > 0)
      throw refusal(403, "Pool overlaps with other one on this address space");
    const id = (++this.#made).toString(16).padStart(64, "0");
    this.networksById.set(id, {
      Id: id,
      Created: `2026-01-02T03:04:05.${this.#made}Z`,
      ...rest,
      Containers: {},
    });
    this.#tellOfNetwork(id, "create");
    return id;
  }

  async removeNetwork(id: string): Promise<void> {
    this.asked.remove++;
    this.#check();
    const { Name, Containers } = this.#network(id);
    if (Object.keys(Containers ?? {}).length > 0)
      throw refusal(403, `error while removing network: network ${Name} id ${id} has active endpoints`);
    this.#tellOfNetwork(id, "destroy");
    this.networksById.delete(id);
  }

  /** A container runs on a network, or has left it. */
  attach(networkId: string, containerId: string, isOn: boolean): void {
    const network = this.#network(networkId);
    const { [containerId]: _, ...others } = network.Containers ?? {};
    const Containers = isOn ? { ...others, [containerId]: { Name: containerId } } : others;
    this.networksById.set(networkId, { ...network, Containers });
    this.#tellOfNetwork(networkId, isOn ? "connect" : "disconnect", { container: containerId });
  }

  #made = 0;

  #network(id: string): NetworkInspect {
    const found = this.networksById.get(id);
    if (found === undefined) throw refusal(404, `network ${id} not found`);
    return found;
  }

  #tellOfNetwork(id: string, action: string, more: Readonly<Record<string, string>> = {}): void {
    const Attributes = { name: this.#network(id).Name, type: "bridge", ...more };
    this.#tell(event(action, {}, { Type: "network", Actor: { ID: id, Attributes } }));
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function refusal(status: number, said: string): EngineError {
  return new EngineError("refused", `refused with ${status}: ${said}`, { status, said });
}
