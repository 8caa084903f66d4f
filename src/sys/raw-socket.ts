/** Raw IP sockets (raw(7)): packets sent as this host with any header, and copies of all that the host takes in. */
import koffi from "koffi";
import type { Ip, IpFamily } from "../base/ip.ts";
import { ipFromBytes } from "../base/ip.ts";
import * as libc from "./libc.ts";
import { socketAddress } from "./netns-socket.ts";
import { callInNetns } from "./netns.ts";
import { EAGAIN, SystemError } from "./system-error.ts";

const IPPROTO_RAW = 255;
const LARGEST_PACKET = 65_535;

const recvfrom = koffi
  .load(null)
  .func(
    "long recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)",
  ) as (
  fd: number,
  buffer: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: Uint8Array,
) => number;

/** What came in: with its IP header in IPv4, without in IPv6 (RFC 3542, section 3). */
export interface RawPacket {
  readonly source: Ip;
  readonly bytes: Uint8Array;
}

export class RawSocket implements Disposable {
  readonly #fd: number;
  readonly #family: IpFamily;
  readonly #buffer = new Uint8Array(LARGEST_PACKET);

  /**
   * Hears the packets of IP protocol number `protocol`; with `local`, only those to that address of the host.
   * Needs CAP_NET_RAW. Throws SystemError.
   */
  constructor(family: IpFamily, protocol: number = IPPROTO_RAW, netns?: string, local?: Ip) {
    const domain = family === 4 ? libc.AF_INET : libc.AF_INET6;
    const type = libc.SOCK_RAW | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;
    this.#family = family;
    this.#fd = callInNetns(netns, () => libc.socket(domain, type, protocol));
    if (local !== undefined) libc.bind(this.#fd, socketAddress(local, 0));
  }

  /**
   * Sends `packet`, from its IP header on, towards `destination`; for sockets of IPPROTO_RAW, the default.
   * 0, or the negative errno of a refusal: -EPERM if a packet filter dropped it.
   */
  send(packet: Uint8Array, destination: Ip): number {
    const connected = libc.connect(this.#fd, socketAddress(destination, 0));
    return connected < 0 ? connected : Math.min(libc.send(this.#fd, packet, 0), 0);
  }

  /** The next packet, or undefined if there is none at the moment. Throws SystemError. */
  receive(): RawPacket | undefined {
    const address = new Uint8Array(28);
    const addressLength = Uint8Array.of(address.length, 0, 0, 0);
    const length = recvfrom(this.#fd, this.#buffer, this.#buffer.length, 0, address, addressLength);
    if (length < 0) {
      const errno = koffi.errno();
      if (errno === EAGAIN) return undefined;
      throw new SystemError("recvfrom", errno, [this.#fd]);
    }
    const source = ipFromBytes(this.#family === 4 ? address.subarray(4, 8) : address.subarray(8, 24));
    return { source, bytes: this.#buffer.slice(0, length) };
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}
