/** TCP: accepts the connections to a virtual address, and finds each a backend. */
import { EPOLLIN, type EpollHandler } from "../../sys/epoll.ts";
import { addressText, newSocketAddressBuffer, portOf, resetTcp } from "../../sys/inet-socket.ts";
import * as libc from "../../sys/libc.ts";
import { EAGAIN, EMFILE, ENFILE, errnoName } from "../../sys/system-error.ts";
import type { Client } from "./balancer.ts";
import type { Chooser } from "./chooser.ts";
import type { ListenerParts, PortListener } from "./port-listener.ts";
import { SilentConnections } from "./silent-connections.ts";
import { TcpConnector } from "./tcp-connector.ts";

/** How many connections are accepted before other sockets have their turn. */
const ACCEPTS = 64;
/** How long nothing is accepted when there are no descriptors left. */
const PAUSE_MS = 100;

/** Where accept(2) writes the client's address: used up before the next call. */
const ADDRESS = newSocketAddressBuffer();

export class TcpListener implements PortListener, EpollHandler {
  readonly fd: number;
  chooser: Chooser;
  readonly #parts: ListenerParts;
  /** Accepted connections that no backend has answered yet. */
  readonly #connecting = new Set<TcpConnector>();
  readonly #silent: SilentConnections;
  #pause: NodeJS.Timeout | undefined;

  /** Owns `fd`, which listens. */
  constructor(fd: number, chooser: Chooser, parts: ListenerParts) {
    this.fd = fd;
    this.chooser = chooser;
    this.#parts = parts;
    this.#silent = new SilentConnections(parts);
    parts.epoll.add(fd, EPOLLIN, this);
  }

  onEvents(): void {
    const { needsClient } = this.chooser;
    for (let i = 0; i < ACCEPTS; i++) {
      const fd = libc.accept(
        this.fd,
        libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC,
        needsClient ? ADDRESS : undefined,
      );
      if (fd === -EAGAIN) return;
      if (fd === -EMFILE || fd === -ENFILE) return this.#pauseAccepting(-fd);
      // The connection has failed before it was accepted (accept(2), "Error handling"): the next one may be well.
      if (fd < 0) continue;
      this.#accept(fd, needsClient ? clientOf(ADDRESS.bytes) : undefined);
    }
  }

  moveFromRemoved(): void {
    for (const connector of this.#connecting)
      if (!this.chooser.has(connector.target)) connector.tryNext("it was removed");
  }

  close(): void {
    this.#stop();
    this.#silent[Symbol.dispose]();
    for (const connector of this.#connecting) connector[Symbol.dispose]();
  }

  handOver(): void {
    this.#stop();
  }

  flows(): [] {
    return [];
  }

  #stop(): void {
    clearTimeout(this.#pause);
    this.#parts.epoll.remove(this.fd);
    libc.close(this.fd);
  }

  #accept(fd: number, client: Client | undefined): void {
    const choice = this.chooser.choiceFor(client);
    if (choice === "drop") return this.#silent.add(fd);
    const target = choice.pick(client);
    if (target === undefined) {
      if (choice.whenEmpty === "drop") this.#silent.add(fd);
      else resetTcp(fd);
      return;
    }
    const connector = new TcpConnector(fd, this.#parts, {
      next: (tried) => {
        const now = this.chooser.choiceFor(client);
        return now === "drop" ? undefined : now.pick(client, tried);
      },
      failed: (failed, reason) =>
        this.#parts.log.debug(
          { backend: failed.name, reason, ...this.#names() },
          "a backend could not be reached",
        ),
      done: () => this.#connecting.delete(connector),
    });
    this.#connecting.add(connector);
    connector.start(target);
  }

  #pauseAccepting(errno: number): void {
    if (this.#pause === undefined) {
      const fields = { err: errnoName(errno), ...this.#names() };
      this.#parts.log.error(fields, "no descriptors left: raise the limit on open files (ulimit -n)");
    }
    this.#parts.epoll.modify(this.fd, 0);
    this.#pause = setTimeout(() => this.#parts.epoll.modify(this.fd, EPOLLIN), PAUSE_MS);
  }

  #names(): object {
    const { service, portName, address, port } = this.chooser.port;
    return { service, portName, address, port };
  }
}

function clientOf(socketAddress: Uint8Array): Client {
  return { address: addressText(socketAddress), port: portOf(socketAddress) };
}
