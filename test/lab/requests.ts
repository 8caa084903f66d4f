/**
 * Requests made from inside a network namespace without a process in it: who answered, which source it saw, or why not.
 * What upstream's tests do with `kubectl exec POD -- curl` or `nc`.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import type { lookup as dnsLookup } from "node:dns";
import { request } from "node:http";
import { ip } from "../../src/base/ip.ts";
import { connectInNetns } from "../../src/sys/netns-socket.ts";
import { callInNetns } from "../../src/sys/netns.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Outcome {
  /** The body; undefined if there was no answer. */
  readonly said: string | undefined;
  /** "ECONNREFUSED", "time-out", "HTTP 404", ...; undefined if it was answered. */
  readonly error: string | undefined;
}

/** As upstream's `curl -g -q -s --connect-timeout 2`. Milliseconds. */
const TIMEOUT = 2000;
export const TIME_OUT = "time-out";

/** A new connection and GET `path`. Never rejects. `netns`: a name or a path. */
export async function httpGet(
  netns: string,
  { host, port }: Target,
  path: string = "/hostname",
  timeout: number = TIMEOUT,
): Promise<Outcome> {
  const signal = AbortSignal.timeout(timeout);
  try {
    const socket = await connectInNetns(netns, ip(host), port, signal);
    try {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      const headers = { host: `${host.includes(":") ? `[${host}]` : host}:${port}`, connection: "close" };
      const call = request({ createConnection: () => socket, path, headers, signal }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("error", reject);
        response.on("end", () => {
          const error = response.statusCode === 200 ? undefined : `HTTP ${response.statusCode}`;
          resolve({ said: text, error });
        });
      });
      call.on("error", reject);
      call.end();
      return await promise;
    } finally {
      socket.destroy();
    }
  } catch (error) {
    return failed(error, signal);
  }
}

function failed(error: unknown, signal?: AbortSignal): Outcome {
  if (signal?.aborted === true) return { said: undefined, error: TIME_OUT };
  const { code, message } = error as NodeJS.ErrnoException;
  return { said: undefined, error: code ?? message };
}

/** A UDP socket in a namespace, with one source port, connected to its target so that it hears refusals. */
export class UdpClient implements Disposable {
  readonly #socket: UdpSocket;
  #waiting: ((outcome: Outcome) => void) | undefined;

  constructor(netns: string, target: Target, localPort: number = 0) {
    const family = target.host.includes(":") ? 6 : 4;
    // node:dgram makes its socket when it binds, after a look-up; one that answers at once lets all of it happen here.
    const lookup: typeof dnsLookup = ((
      host: string,
      _: unknown,
      done: (error: null, address: string, family: number) => void,
    ) => done(null, host, family)) as never;
    this.#socket = callInNetns(netns, () => {
      const socket = createSocket({ type: `udp${family}`, lookup });
      socket.on("error", (error) => this.#tell(failed(error)));
      socket.bind({ port: localPort, address: family === 6 ? "::" : "0.0.0.0", exclusive: true });
      socket.connect(target.port, target.host);
      return socket;
    });
    this.#socket.on("message", (message) => this.#tell({ said: message.toString(), error: undefined }));
  }

  /** Sends one datagram and gives its answer. Never rejects. One at a time. */
  async ask(text: string = "hostname", timeout: number = TIMEOUT): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const timer = setTimeout(() => resolve({ said: undefined, error: TIME_OUT }), timeout);
    this.#waiting = resolve;
    try {
      this.#socket.send(text, (error) => {
        if (error !== null) resolve(failed(error));
      });
      return await promise;
    } catch (error) {
      return failed(error);
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #tell(outcome: Outcome): void {
    this.#waiting?.(outcome);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** One datagram from a new source port, and its answer. Never rejects. */
export async function udpAsk(
  netns: string,
  target: Target,
  text: string = "hostname",
  timeout: number = TIMEOUT,
): Promise<Outcome> {
  let client: UdpClient;
  try {
    client = new UdpClient(netns, target);
  } catch (error) {
    return failed(error);
  }
  using owned = client;
  return await owned.ask(text, timeout);
}

export type Ask = (netns: string, target: Target, what?: string, timeout?: number) => Promise<Outcome>;

/** HTTP paths and UDP commands have the same words. */
export const ASK: Readonly<Record<"TCP" | "UDP", Ask>> = {
  TCP: (netns, target, what = "hostname", timeout) => httpGet(netns, target, `/${what}`, timeout),
  UDP: udpAsk,
};
