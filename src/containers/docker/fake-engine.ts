/** An engine in memory, for tests: its containers are changed by hand, its events told by hand, its answers held back. */
import { container, type ContainerParts, event } from "./container-fixture.ts";
import type { Engine } from "./engine.ts";
import { type EngineAddress, engineAddress } from "./engine-address.ts";
import { EngineError } from "./engine-error.ts";
import type { ContainerInspect, ContainerSummary, EngineEvent } from "./engine-types.ts";

interface Stream {
  readonly queue: EngineEvent[];
  wake: PromiseWithResolvers<void>;
  broken: boolean;
}

export class FakeEngine implements Engine {
  readonly address: EngineAddress = engineAddress({});
  readonly containersById: Map<string, ContainerInspect> = new Map();
  /** How often each question was asked. */
  readonly asked = { connect: 0, events: 0, containers: 0, inspect: 0 };
  /** Thrown by every question while it is set. */
  failure: EngineError | undefined;
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
    const one = event(action, attributes, { Actor: { ID: id, Attributes: attributes } });
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

  networks(): Promise<never> {
    return Promise.reject(new Error("nobody asks for networks here"));
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
