/**
 * Tells UDP clients that they are refused, as the kernel would: by ICMP, which takes CAP_NET_RAW. Without that right the
 * client hears nothing, and its next datagram tries another backend.
 */
import { ip, ipFromBytes } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { portUnreachable } from "../../net/icmp/unreachable.ts";
import { hasCapability } from "../../sys/capability.ts";
import { type DatagramPeer, localAddress } from "../../sys/datagram.ts";
import { addressText, portOf } from "../../sys/inet-socket.ts";
import { RawSocket } from "../../sys/raw-socket.ts";
import { describeErrno, SystemError } from "../../sys/system-error.ts";

export class UdpRefusals implements Disposable {
  readonly #netns: string | undefined;
  readonly #log: Log;
  readonly #sockets = new Map<4 | 6, RawSocket>();
  #isAble: boolean | undefined;

  constructor(netns: string | undefined, log: Log) {
    this.#netns = netns;
    this.#log = log;
  }

  /** `at` is where the listener is bound. */
  refuse(client: DatagramPeer, at: { readonly address: string; readonly port: number }): void {
    this.#isAble ??= hasCapability("NET_RAW");
    if (!this.#isAble) return;
    const source = ip(addressText(client.address));
    const local = localAddress(client);
    const destination = local === undefined ? ip(at.address) : ipFromBytes(local);
    const ends = { source, sourcePort: portOf(client.address), destination, destinationPort: at.port };
    try {
      const result = this.#socket(source.family).send(portUnreachable(ends), source);
      if (result < 0) this.#log.debug({ err: describeErrno(-result) }, "a UDP client could not be refused");
    } catch (err) {
      if (!(err instanceof SystemError)) throw err;
      this.#log.debug({ err }, "UDP clients cannot be refused");
      this.#isAble = false;
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket[Symbol.dispose]();
    this.#sockets.clear();
  }

  #socket(family: 4 | 6): RawSocket {
    const socket = this.#sockets.get(family) ?? new RawSocket(family, undefined, this.#netns);
    this.#sockets.set(family, socket);
    return socket;
  }
}
