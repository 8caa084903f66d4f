/**
 * UDP: every client address and port is a flow, which keeps its backend until it has been idle for a while or the
 * backend is removed. Answers go back from the address that was asked.
 */
import type { DatagramPeer } from "../../sys/datagram.ts";
import { type EpollHandler, EPOLLIN } from "../../sys/epoll.ts";
import { addressText, portOf } from "../../sys/inet-socket.ts";
import * as libc from "../../sys/libc.ts";
import { describeErrno, ECONNREFUSED, SystemError } from "../../sys/system-error.ts";
import type { Client } from "./balancer.ts";
import type { Chooser, CompiledChoice } from "./chooser.ts";
import type { PortMemory } from "./handover.ts";
import type { ListenerParts, PortListener } from "./port-listener.ts";
import type { Target } from "./target.ts";
import { UdpFlow } from "./udp-flow.ts";

/** How many datagrams are passed on before other sockets have their turn. */
const DATAGRAMS = 64;

export class UdpListener implements PortListener, EpollHandler, Disposable {
  readonly fd: number;
  chooser: Chooser;
  readonly #parts: ListenerParts;
  /** By client, the longest idle first. */
  readonly #flows = new Map<string, UdpFlow>();
  /** Which backend clients had in the process that this one follows, by name, who have not sent anything since. */
  readonly #inherited: Map<string, { readonly backend: string; readonly at: number }>;
  #isOpen = true;
  #isHandedOver = false;

  /** Owns `fd`, which is bound. */
  constructor(fd: number, chooser: Chooser, parts: ListenerParts, inherited: readonly PortMemory[] = []) {
    const flows = inherited.filter(({ kind }) => kind === "flows").flatMap(({ clients }) => clients);
    const now = parts.now();
    this.#inherited = new Map(flows.map(([client, backend, age]) => [client, { backend, at: now - age }]));
    this.fd = fd;
    this.chooser = chooser;
    this.#parts = parts;
    parts.connections.add(this);
    parts.epoll.add(fd, EPOLLIN, this);
  }

  onEvents(): void {
    const { datagrams } = this.#parts;
    for (let i = 0; i < DATAGRAMS && this.#isOpen; i++) {
      const length = datagrams.receive(this.fd);
      // Nothing left, or an error of an earlier answer, which is its client's affair.
      if (length < 0) return;
      const key = datagrams.senderKey();
      const flow = this.#flows.get(key) ?? this.#open(key, datagrams.peer());
      if (flow === undefined) continue;
      // Moved to the end: the map stays in order of use.
      this.#flows.delete(key);
      this.#flows.set(key, flow);
      flow.send(length);
    }
  }

  moveFromRemoved(): void {
    for (const flow of this.#flows.values()) {
      const choice = this.chooser.choiceFor(this.#clientOf(flow.client));
      if (choice === "drop" || !choice.has(flow.target)) this.#cut(flow);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#parts.connections.delete(this);
    for (const flow of this.#flows.values()) this.#cut(flow);
    if (!this.#isHandedOver) this.#parts.epoll.remove(this.fd);
    libc.close(this.fd);
  }

  flows(): (readonly [client: string, backend: string, age: number])[] {
    const now = this.#parts.now();
    return [
      ...Array.from(this.#inherited, ([client, { backend, at }]) => [client, backend, now - at] as const),
      ...Array.from(this.#flows.values(), ({ key, target }) => [key, target.name, 0] as const),
    ];
  }

  /** What clients send from now on is the other process's; answers that are under way still go back from here. */
  handOver(): void {
    this.#isHandedOver = true;
    this.#parts.epoll.remove(this.fd);
    if (this.#flows.size === 0) this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #cut(flow: UdpFlow): void {
    flow.close();
    this.#flows.delete(flow.key);
  }

  /** Undefined if the client gets no backend. A datagram that is not answered is a dropped one. */
  #open(key: string, peer: DatagramPeer): UdpFlow | undefined {
    const client = this.#clientOf(peer);
    const choice = this.chooser.choiceFor(client);
    if (choice === "drop") return undefined;
    const target = this.#inheritedTarget(key, choice) ?? choice.pick(client);
    if (target === undefined) {
      if (choice.whenEmpty === "refuse") this.#parts.refusals.refuse(peer, this.chooser.port);
      return undefined;
    }
    const [oldest] = this.#flows.values();
    if (oldest !== undefined && this.#flows.size >= this.#parts.udpMaxFlows) this.#cut(oldest);
    try {
      return new UdpFlow(key, peer, target, this.#parts, {
        answer: (flow, length) => void this.#parts.datagrams.answer(this.fd, length, flow.client),
        ended: (flow, errno) => {
          // The client's next datagram may get another backend.
          if (this.#flows.get(key) === flow) this.#flows.delete(key);
          if (this.#isHandedOver && this.#flows.size === 0) this.close();
          if (errno === ECONNREFUSED) this.#parts.refusals.refuse(peer, this.chooser.port);
          if (errno !== 0) this.#tellFailure(target, describeErrno(errno));
        },
      });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#tellFailure(target, error.message);
      return undefined;
    }
  }

  #inheritedTarget(key: string, { targets }: CompiledChoice): Target | undefined {
    const had = this.#inherited.get(key);
    this.#inherited.delete(key);
    if (had === undefined || this.#parts.now() - had.at > this.#parts.udpIdleMs) return undefined;
    return targets.find(({ name }) => name === had.backend);
  }

  #clientOf({ address }: DatagramPeer): Client | undefined {
    return this.chooser.needsClient ? { address: addressText(address), port: portOf(address) } : undefined;
  }

  #tellFailure({ name }: Target, reason: string): void {
    const { service, portName, address, port } = this.chooser.port;
    const fields = { backend: name, reason, service, portName, address, port };
    this.#parts.log.debug(fields, "a UDP backend could not be reached");
  }
}
