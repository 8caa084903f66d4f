/** A watch that is under way: its events in order, each taken once. */
import type { IncomingMessage } from "node:http";
import { watchLines } from "../api-fixture.ts";

export interface WatchEvent<T> {
  readonly type: string;
  readonly object: T;
}

export class Watching<T> implements AsyncDisposable {
  readonly #path: string;
  readonly #response: IncomingMessage;
  readonly #events: WatchEvent<T>[] = [];
  #ended: string | undefined;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #done: Promise<void>;

  constructor(response: IncomingMessage, path: string) {
    this.#path = path;
    this.#response = response;
    this.#done = this.#read();
  }

  /** The next event. Throws if there is none within `limit` milliseconds, or if the watch ends. */
  async next(limit: number): Promise<WatchEvent<T>> {
    const end = performance.now() + limit;
    while (this.#events.length === 0) {
      if (this.#ended !== undefined) throw new Error(`the watch of ${this.#path} ended: ${this.#ended}`);
      await this.#more(end, limit);
    }
    return this.#events.shift()!;
  }

  /** Takes events until one is as wanted, and returns it. */
  async until(limit: number, wanted: (event: WatchEvent<T>) => boolean): Promise<WatchEvent<T>> {
    const end = performance.now() + limit;
    for (;;) {
      const event = await this.next(Math.max(0, end - performance.now()));
      if (event.type === "ERROR") throw new Error(`the watch failed: ${JSON.stringify(event.object)}`);
      if (wanted(event)) return event;
    }
  }

  async #more(end: number, limit: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`no event of ${this.#path} within ${Math.round(limit)} ms`)),
      Math.max(0, end - performance.now()),
    );
    try {
      await Promise.race([this.#wake.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(): Promise<void> {
    let why = "by the server";
    try {
      for await (const event of watchLines(this.#response)) {
        this.#events.push(event as unknown as WatchEvent<T>);
        this.#awake();
      }
    } catch (error) {
      why = (error as Error).message;
    }
    this.#ended = why;
    this.#awake();
  }

  #awake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#response.destroy();
    await this.#done;
  }
}
