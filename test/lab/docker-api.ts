/** The engine's HTTP API over its socket: what a test does to containers a hundred times, without a process for each. */
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";

/** A line of `docker ps -a`, as the API has it. */
export interface ListedContainer {
  readonly Id: string;
  /** With a slash in front. */
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  /** "running", "paused", "exited", ... */
  readonly State: string;
  readonly HostConfig: { readonly NetworkMode: string };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly NetworkID: string }>>;
  };
}

/** A line of `docker network ls`. */
export interface ListedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface DockerAnswer {
  readonly status: number;
  readonly body: unknown;
}

export class DockerApi implements Disposable {
  readonly #socket: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Rejects only if the engine does not answer. */
  async call(method: string, path: string, body?: object): Promise<DockerAnswer> {
    const payload = body === undefined ? "" : JSON.stringify(body);
    const answer = await new Promise<{ status: number; said: string }>((resolve, reject) => {
      const sent = request(
        {
          socketPath: this.#socket,
          agent: this.#agent,
          method,
          path,
          headers: { "content-type": "application/json", "content-length": Buffer.byteLength(payload) },
        },
        (response) => {
          text(response).then((said) => resolve({ status: response.statusCode ?? 0, said }), reject);
        },
      );
      sent.once("error", reject);
      sent.end(payload);
    });
    return { status: answer.status, body: answer.said === "" ? undefined : JSON.parse(answer.said) };
  }

  /** Throws with the engine's words if it refuses. */
  async must(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.call(method, path, body);
    if (answer.status < 400) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${wordsOf(answer)}`);
  }

  async containers(): Promise<readonly ListedContainer[]> {
    return (await this.must("GET", "/containers/json?all=1")) as ListedContainer[];
  }

  async networks(): Promise<readonly ListedNetwork[]> {
    return (await this.must("GET", "/networks")) as ListedNetwork[];
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** What the engine says of a refusal. */
export function wordsOf({ body }: DockerAnswer): string {
  return typeof body === "object" && body !== null && "message" in body ? String(body.message) : String(body);
}
