/**
 * UDP: every client address and port is a flow, which keeps its backend until it has been idle for a while or the
 * backend is removed. Answers go back from the virtual address.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Backend, VirtualPort } from "../table.ts";
import type { ListenerParts, PortListener } from "./port-listener.ts";
import { backendName, Rotation } from "./rotation.ts";

/** How many datagrams a flow holds while its socket is being made. */
const MAX_HELD = 64;

export class UdpListener implements PortListener {
  readonly #port: VirtualPort;
  readonly #parts: ListenerParts;
  readonly #rotation: Rotation;
  readonly #socket: Socket;
  /** By client, the longest idle first. */
  readonly #flows = new Map<string, Flow>();

  constructor(port: VirtualPort, parts: ListenerParts) {
    this.#port = port;
    this.#parts = parts;
    this.#rotation = new Rotation(parts.random);
    this.#rotation.replace(port.backends);
    this.#socket = createSocket(isIPv6(port.address) ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.once("error", reject);
    this.#socket.bind({ address: this.#port.address, port: this.#port.port, exclusive: true }, resolve);
    try {
      await promise;
    } finally {
      this.#socket.off("error", reject);
    }
    this.#parts.connections.add(this);
    this.#socket.on("message", (datagram, client) => this.#receive(datagram, client));
    this.#socket.on("error", (err) => {
      const { service, portName, address, port } = this.#port;
      this.#parts.log.error({ err, service, portName, address, port }, "receiving datagrams failed");
    });
  }

  replace(backends: readonly Backend[]): boolean {
    if (!this.#rotation.replace(backends)) return false;
    for (const flow of this.#flows.values()) if (!this.#rotation.has(flow.backend)) flow.close();
    return true;
  }

  close(): void {
    this.#parts.connections.delete(this);
    for (const flow of this.#flows.values()) flow.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(datagram: Uint8Array, client: RemoteInfo): void {
    const name = `${client.address}|${client.port}`;
    const flow = this.#flows.get(name) ?? this.#open(client, name);
    // Moved to the end: the map stays in order of use.
    this.#flows.delete(name);
    this.#flows.set(name, flow);
    flow.send(datagram);
  }

  #open(client: RemoteInfo, name: string): Flow {
    if (this.#flows.size >= this.#parts.udpMaxFlows) this.#flows.values().next().value?.close();
    return new Flow(this.#rotation.take()!, {
      idleMs: this.#parts.udpIdleMs,
      answer: (datagram) => {
        const flow = this.#flows.get(name);
        if (flow !== undefined) this.#socket.send(datagram, client.port, client.address);
      },
      closed: (flow, error) => {
        if (this.#flows.get(name) === flow) this.#flows.delete(name);
        if (error === undefined) return;
        const { log } = this.#parts;
        log.debug({ err: error, backend: backendName(flow.backend) }, "a UDP backend could not be reached");
      },
    });
  }
}

interface FlowParts {
  readonly idleMs: number;
  answer(datagram: Uint8Array): void;
  closed(flow: Flow, error?: Error): void;
}

/** One client's datagrams to one backend, from a socket of their own. */
class Flow {
  readonly backend: Backend;
  readonly #parts: FlowParts;
  readonly #socket: Socket;
  readonly #idle: NodeJS.Timeout;
  /** Datagrams that wait for the socket; undefined once it is there. */
  #held: Uint8Array[] | undefined = [];
  #isClosed = false;

  constructor(backend: Backend, parts: FlowParts) {
    this.backend = backend;
    this.#parts = parts;
    this.#socket = createSocket(isIPv6(backend.address) ? "udp6" : "udp4");
    this.#idle = setTimeout(() => this.close(), parts.idleMs);
    // Refused by the backend's host (ICMP): the client's next datagram gets another backend.
    this.#socket.on("error", (error) => this.close(error));
    this.#socket.on("message", (datagram) => {
      this.#idle.refresh();
      parts.answer(datagram);
    });
    this.#socket.on("connect", () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const datagram of held) this.#transmit(datagram);
    });
    this.#socket.connect(backend.port, backend.address);
  }

  send(datagram: Uint8Array): void {
    this.#idle.refresh();
    if (this.#held === undefined) this.#transmit(datagram);
    else if (this.#held.length < MAX_HELD) this.#held.push(datagram);
  }

  close(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#idle);
    this.#socket.close();
    this.#parts.closed(this, error);
  }

  #transmit(datagram: Uint8Array): void {
    this.#socket.send(datagram, (error) => {
      if (error !== null) this.close(error);
    });
  }
}
