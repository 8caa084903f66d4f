/** One client's datagrams to one backend, from a socket of their own. */
import type { DatagramPeer } from "../../sys/datagram.ts";
import { type EpollHandler, EPOLLIN } from "../../sys/epoll.ts";
import { connectUdp } from "../../sys/inet-socket.ts";
import * as libc from "../../sys/libc.ts";
import { callInNetns } from "../../sys/netns.ts";
import { EAGAIN } from "../../sys/system-error.ts";
import type { ListenerParts } from "./port-listener.ts";
import type { Target } from "./target.ts";

/** How many answers are passed on before other sockets have their turn. */
const ANSWERS = 64;

export interface FlowEvents {
  /** `length` bytes of the parts' datagram buffer are an answer. */
  answer(flow: UdpFlow, length: number): void;
  /** The flow has ended by itself: idle (0), or with an errno that the system gave, of a refusal for one. */
  ended(flow: UdpFlow, errno: number): void;
}

export class UdpFlow implements EpollHandler {
  /** The listener's name for the client. */
  readonly key: string;
  readonly client: DatagramPeer;
  readonly target: Target;
  readonly #fd: number;
  readonly #parts: Pick<ListenerParts, "epoll" | "datagrams">;
  readonly #events: FlowEvents;
  readonly #idle: NodeJS.Timeout;
  #isClosed = false;

  /** Throws SystemError if there is no descriptor or no route. */
  constructor(
    key: string,
    client: DatagramPeer,
    target: Target,
    parts: Pick<ListenerParts, "epoll" | "datagrams" | "netns" | "udpIdleMs">,
    events: FlowEvents,
  ) {
    this.key = key;
    this.client = client;
    this.target = target;
    this.#parts = parts;
    this.#events = events;
    this.#fd = callInNetns(parts.netns, () => connectUdp(target.socketAddress));
    this.#idle = setTimeout(() => this.#end(0), parts.udpIdleMs);
    parts.epoll.add(this.#fd, EPOLLIN, this);
  }

  /** Sends the first `length` bytes of the parts' datagram buffer. What the system has no room for is lost: that is UDP. */
  send(length: number): void {
    this.#idle.refresh();
    const sent = libc.sendPart(this.#fd, this.#parts.datagrams.data, length, libc.MSG_DONTWAIT);
    if (sent < 0 && sent !== -EAGAIN) this.#end(-sent);
  }

  onEvents(): void {
    const { datagrams } = this.#parts;
    for (let i = 0; i < ANSWERS && !this.#isClosed; i++) {
      const length = libc.receive(this.#fd, datagrams.data, libc.MSG_DONTWAIT);
      if (length === -EAGAIN) break;
      if (length < 0) return this.#end(-length);
      this.#events.answer(this, length);
    }
    if (!this.#isClosed) this.#idle.refresh();
  }

  /** Without a word to the listener. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#idle);
    this.#parts.epoll.forget(this.#fd);
    libc.close(this.#fd);
  }

  #end(errno: number): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.ended(this, errno);
  }
}
