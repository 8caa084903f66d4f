/**
 * A client of a container engine over HTTP: the questions that we ask of Docker's Engine API, its events, and the making
 * and removing of networks. Containers are nobody's business but the user's.
 *
 * Ours, on node:http: docs/decisions/0004-docker-client.md says why.
 */
import { type ClientRequest, type IncomingMessage, Agent, request } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { LineSplitter } from "../../client/http/json-lines.ts";
import type { EngineAddress } from "./engine-address.ts";
import { EngineError } from "./engine-error.ts";
import { connectFailure, refusal, tooNew, tooOld } from "./engine-failure.ts";
import { tlsOptions } from "./engine-tls.ts";
import type {
  ContainerInspect,
  ContainerSummary,
  EngineEvent,
  EngineInfo,
  EngineVersion,
  NetworkCreate,
  NetworkInspect,
  NetworkSummary,
} from "./engine-types.ts";

/** The newest version of the Engine API that we know (Docker 29), and the oldest that has all we read (Docker 1.12). */
export const NEWEST_API = "1.52";
export const OLDEST_API = "1.24";
/** From here on a network may go without IPv4 (Docker 28). Before, the engine takes an IPv4 subnet of its own choice. */
const IPV4_OPTIONAL_API = "1.48";

export interface EngineOptions {
  /** Milliseconds until an unanswered question is an error. @default 10000 */
  readonly timeout?: number;
  /** As `timeout`, for what the engine does slowly when it is busy: making and removing networks. @default 60000 */
  readonly workTimeout?: number;
}

export interface EventQuery {
  /** Events from this time on, in seconds since the epoch, by the engine's clock. */
  readonly since: number;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** Refusals and failures are EngineError. */
export interface Engine extends Disposable {
  readonly address: EngineAddress;
  /**
   * Agrees with the engine on a version of the API; called by the first question too, and again after an engine was
   * replaced. Gives the engine's clock in milliseconds since the epoch, cut to a second.
   */
  connect(): Promise<number>;
  version(): Promise<EngineVersion>;
  info(): Promise<EngineInfo>;
  /** All containers, those that do not run included. */
  containers(): Promise<ContainerSummary[]>;
  inspect(id: string): Promise<ContainerInspect>;
  networks(): Promise<NetworkSummary[]>;
  /** With the containers that run on it. `id` may be a name. */
  inspectNetwork(id: string): Promise<NetworkInspect>;
  /** Gives the id of the network. */
  createNetwork(network: NetworkCreate): Promise<string>;
  /** Refused with 403 while containers run on it. */
  removeNetwork(id: string): Promise<void>;
  /** Resolves when the engine has accepted. The stream ends with an error when the connection does. */
  events(query: EventQuery): Promise<AsyncIterable<EngineEvent>>;
}

export function openEngine(address: EngineAddress, options: EngineOptions = {}): Engine {
  return new HttpEngine(address, options.timeout ?? 10_000, options.workTimeout ?? 60_000);
}

interface Call {
  readonly signal?: AbortSignal;
  /** Milliseconds until the head of the answer. */
  readonly timeout: number;
  /** A connection of its own, for an answer without end. */
  readonly stream?: boolean;
  /** @default "GET" */
  readonly method?: "GET" | "POST" | "DELETE";
  /** JSON. */
  readonly body?: string;
}

class HttpEngine implements Engine {
  readonly address: EngineAddress;
  readonly #timeout: number;
  readonly #workTimeout: number;
  readonly #agent: Agent;
  /** The version of the API agreed upon: "v1.41". */
  #version: string | undefined;

  constructor(address: EngineAddress, timeout: number, workTimeout: number) {
    this.address = address;
    this.#timeout = timeout;
    this.#workTimeout = workTimeout;
    const isSecure = address.type === "tcp" && address.tls !== undefined;
    const settings = { keepAlive: true, maxSockets: 8 };
    this.#agent = isSecure ? new SecureAgent({ ...settings, ...tlsOptions(address) }) : new Agent(settings);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async connect(): Promise<number> {
    // Connections from before may be to an engine that is gone.
    this.#version = undefined;
    const answer = await this.#send("/_ping", { timeout: this.#timeout });
    answer.resume();
    const version = String(answer.headers["api-version"] ?? "");
    if (answer.statusCode !== 200) throw refusal(this.address, "/_ping", answer.statusCode ?? 0, "");
    if (compareVersions(version, OLDEST_API) < 0) throw tooOld(this.address, version, OLDEST_API);
    this.#version = `v${compareVersions(version, NEWEST_API) < 0 ? version : NEWEST_API}`;
    const date = Date.parse(answer.headers.date ?? "");
    return Number.isNaN(date) ? Math.floor(Date.now() / 1000) * 1000 : date;
  }

  version(): Promise<EngineVersion> {
    return this.#get("/version");
  }

  info(): Promise<EngineInfo> {
    return this.#get("/info");
  }

  containers(): Promise<ContainerSummary[]> {
    return this.#get("/containers/json?all=1");
  }

  inspect(id: string): Promise<ContainerInspect> {
    return this.#get(`/containers/${encodeURIComponent(id)}/json`);
  }

  networks(): Promise<NetworkSummary[]> {
    return this.#get("/networks");
  }

  inspectNetwork(id: string): Promise<NetworkInspect> {
    return this.#get(`/networks/${encodeURIComponent(id)}`);
  }

  async createNetwork({ EnableIPv4, ...network }: NetworkCreate): Promise<string> {
    const path = await this.#path("/networks/create");
    const knowsIpv4 = compareVersions(this.#version?.slice(1) ?? "", IPV4_OPTIONAL_API) >= 0;
    const body = JSON.stringify({ ...network, ...(knowsIpv4 && EnableIPv4 === false && { EnableIPv4 }) });
    const call = { timeout: this.#workTimeout, method: "POST", body } as const;
    const answer = await this.#send(path, call);
    if (answer.statusCode !== 201) await this.#refuse(path, answer);
    return (this.#parse(await this.#body(answer), path) as { readonly Id: string }).Id;
  }

  async removeNetwork(id: string): Promise<void> {
    const path = await this.#path(`/networks/${encodeURIComponent(id)}`);
    const answer = await this.#send(path, { timeout: this.#workTimeout, method: "DELETE" });
    // Podman answers 200 with a body.
    if (answer.statusCode !== 204 && answer.statusCode !== 200) await this.#refuse(path, answer);
    await this.#body(answer);
  }

  async events({ since, signal }: EventQuery): Promise<AsyncIterable<EngineEvent>> {
    // By type only: a filter by label would leave out the events of networks, which have none.
    const filters = encodeURIComponent(JSON.stringify({ type: ["container", "network"] }));
    const path = await this.#path(`/events?since=${since}&filters=${filters}`);
    const answer = await this.#send(path, { signal, timeout: this.#timeout, stream: true });
    if (answer.statusCode !== 200) await this.#refuse(path, answer);
    return this.#readEvents(answer, signal);
  }

  async *#readEvents(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<EngineEvent, void> {
    const lines = new LineSplitter();
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>)
        for (const line of lines.push(chunk)) yield this.#parse(line, "/events") as EngineEvent;
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof EngineError ? error : connectFailure(this.address, error);
    }
    if (!signal.aborted)
      throw new EngineError("unreachable", `the container engine at ${this.address.text} ended its events`);
  }

  async #get<T>(question: string): Promise<T> {
    const path = await this.#path(question);
    const answer = await this.#send(path, { timeout: this.#timeout });
    if (answer.statusCode !== 200) return this.#refuse(path, answer);
    return this.#parse(await this.#body(answer), path) as T;
  }

  async #path(question: string): Promise<string> {
    if (this.#version === undefined) await this.connect();
    return `/${this.#version}${question}`;
  }

  async #refuse(path: string, answer: IncomingMessage): Promise<never> {
    const body = await this.#body(answer);
    let text = body.trim();
    try {
      text = (JSON.parse(body) as { message?: string }).message ?? text;
    } catch {
      // Not the engine's own error: a proxy's, say. Its text is what there is to tell.
    }
    if (/client version .* is too old/i.test(text)) throw tooNew(this.address, text);
    throw refusal(this.address, path, answer.statusCode ?? 0, text);
  }

  #parse(text: string, path: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new EngineError(
        "refused",
        `${this.address.text} answered ${path} with what is not JSON: ${JSON.stringify(text.slice(0, 80))}`,
        { cause: error, remedy: "check that DOCKER_HOST names a container engine" },
      );
    }
  }

  async #body(answer: IncomingMessage): Promise<string> {
    const timer = setTimeout(
      () => answer.destroy(new Error("the answer stopped half-way")),
      this.#timeout,
    ).unref();
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
      return Buffer.concat(chunks).toString("utf8");
    } catch (error) {
      throw connectFailure(this.address, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The head of the answer. A kept connection that the engine closed meanwhile is tried again with a new one. */
  async #send(path: string, call: Call): Promise<IncomingMessage> {
    for (;;) {
      const sent = this.#request(path, call);
      try {
        return await answerTo(sent, call.timeout);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (sent.reusedSocket && (code === "ECONNRESET" || code === "EPIPE")) continue;
        throw connectFailure(this.address, error);
      }
    }
  }

  #request(path: string, { signal, stream, method = "GET", body }: Call): ClientRequest {
    const { address } = this;
    const common = {
      path,
      method,
      headers: {
        host: address.type === "unix" ? "docker" : address.host,
        ...(body !== undefined && {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        }),
      },
      agent: stream === true ? false : this.#agent,
      ...(signal !== undefined && { signal }),
    };
    let sent: ClientRequest;
    if (address.type === "unix") sent = request({ ...common, socketPath: address.path });
    else {
      const { host, port, tls } = address;
      sent =
        tls === undefined
          ? request({ ...common, host, port })
          : secureRequest({ ...common, host, port, ...tlsOptions(address) });
      // A stream may be silent for hours: the kernel finds out whether the other side is still there.
      sent.on("socket", (socket) => socket.setKeepAlive(true, 10_000));
    }
    sent.end(body);
    return sent;
  }
}

function answerTo(sent: ClientRequest, timeout: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => sent.destroy(new Error(`no answer within ${timeout / 1000} s`)),
      timeout,
    ).unref();
    sent.on("response", (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    sent.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** By number, part by part: "1.9" is below "1.24". What is no version is below all. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => (/^\d+(\.\d+)*$/.test(text) ? text.split(".").map(Number) : []));
  for (let i = 0; i < Math.max(left!.length, right!.length); i++) {
    const difference = (left![i] ?? -1) - (right![i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
