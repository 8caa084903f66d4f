/** The informers of one watch, and whether any of them has had news. */
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { IndexFunction } from "../client/cache.ts";
import type { Client } from "../client/client.ts";
import { type Informer, startInformer } from "../client/informer.ts";

export class Followers implements Disposable {
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #informers: Pick<Informer<KubeObject>, "synced">[] = [];
  #news = Promise.withResolvers<void>();
  readonly #wake = (): void => this.#news.resolve();

  constructor(signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    this.#signal.addEventListener("abort", this.#wake, { once: true });
  }

  /** Follows one kind, in all namespaces or one. */
  follow<T extends KubeObject, I extends string = never>(
    client: Client,
    kind: Kind<T>,
    namespace?: string,
    indexes?: Readonly<Record<I, IndexFunction<T>>>,
  ): Informer<T, I> {
    const informer = startInformer<T, I>({
      client,
      kind,
      signal: this.#signal,
      ...(namespace !== undefined && { namespace }),
      ...(indexes !== undefined && { indexes }),
    });
    informer.addHandler({ onAdd: this.#wake, onUpdate: this.#wake, onDelete: this.#wake });
    this.#informers.push(informer);
    return informer;
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
