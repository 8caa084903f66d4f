/**
 * TCP clients that get no answer: those a kernel data plane would drop the packets of.
 *
 * A proxy is asked when the handshake is done already, so the nearest is to read and to write nothing, until the client
 * goes away or has waited as long as a dropped SYN would have let it (tcp_syn_retries 6: 127 s).
 */
import { EPOLLET, type EpollHandler, EPOLLRDHUP } from "../../sys/epoll.ts";
import { resetTcp } from "../../sys/inet-socket.ts";
import type { ListenerParts } from "./port-listener.ts";

const LONGEST_MS = 127_000;
/** Beyond these the one that has waited longest is reset: they are what an attacker would make. */
const MOST = 1024;

export class SilentConnections implements EpollHandler, Disposable {
  /** When each began to wait, the oldest first. */
  readonly #since = new Map<number, number>();
  readonly #parts: Pick<ListenerParts, "epoll" | "connections" | "now">;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: Pick<ListenerParts, "epoll" | "connections" | "now">) {
    this.#parts = parts;
  }

  /** Takes the descriptor over. */
  add(fd: number): void {
    const { epoll, connections, now } = this.#parts;
    const [oldest] = this.#since.keys();
    if (oldest !== undefined && this.#since.size >= MOST) this.#end(oldest);
    connections.add(this);
    this.#since.set(fd, now());
    epoll.add(fd, EPOLLRDHUP | EPOLLET, this);
    this.#timer ??= setInterval(() => this.#endOld(), LONGEST_MS / 8).unref();
  }

  /** The client has ended or reset its connection. */
  onEvents(fd: number): void {
    this.#end(fd);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#since.keys()) this.#end(fd);
  }

  #endOld(): void {
    for (const [fd, since] of this.#since) if (this.#parts.now() - since >= LONGEST_MS) this.#end(fd);
  }

  #end(fd: number): void {
    this.#since.delete(fd);
    this.#parts.epoll.forget(fd);
    resetTcp(fd);
    if (this.#since.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#parts.connections.delete(this);
  }
}
