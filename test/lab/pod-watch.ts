/** Waiting for a Pod to become what a test expects: woken by the API's watch, with a deadline that tells what it was instead. */
import { podKind } from "../../src/api/pod/kind.ts";
import type { Pod } from "../../src/api/pod/type.ts";
import type { Client } from "../../src/client/client.ts";
import { type Informer, startInformer } from "../../src/client/informer.ts";

const DEADLINE = 10_000;

export class PodWatch implements AsyncDisposable {
  readonly #end = new AbortController();
  readonly #pods: Informer<Pod>;
  readonly #looks = new Set<() => void>();

  constructor(client: Client) {
    this.#pods = startInformer<Pod>({ client, kind: podKind, signal: this.#end.signal });
    const look = (): void => {
      for (const again of this.#looks) again();
    };
    this.#pods.addHandler({ onAdd: look, onUpdate: look, onDelete: look });
  }

  get synced(): Promise<void> {
    return this.#pods.synced;
  }

  get(name: string, namespace = "default"): Pod | undefined {
    return this.#pods.get(namespace, name);
  }

  all(): Pod[] {
    return Array.from(this.#pods.list().values());
  }

  /** The Pod (undefined: there is none) as soon as `expected` holds for it. */
  until<T extends Pod | undefined>(
    name: string,
    expected: (pod: Pod | undefined) => boolean,
    { namespace = "default", deadline = DEADLINE }: { namespace?: string; deadline?: number } = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const pod = this.get(name, namespace);
        if (!expected(pod)) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve(pod as T);
      };
      const timer = setTimeout(() => {
        this.#looks.delete(look);
        const is = JSON.stringify(this.get(name, namespace), undefined, 1);
        reject(
          new Error(`after ${deadline / 1000} s the Pod ${namespace}/${name} is not as expected, but ${is}`),
        );
      }, deadline);
      this.#looks.add(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#pods.done;
  }
}

/** The condition Ready: "True", or the reason why not. */
export function readyOf(pod: Pod | undefined): string | undefined {
  const ready = pod?.status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" ? "True" : ready?.reason;
}
