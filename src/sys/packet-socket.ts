/** Frames sent out of an interface as they are (packet(7)). Hears nothing. */
import * as libc from "./libc.ts";
import { callInNetns } from "./netns.ts";
import { SystemError } from "./system-error.ts";

const AF_PACKET = 17;
/** struct sockaddr_ll of linux/if_packet.h. */
const ADDRESS_BYTES = 20;

export class PacketSocket implements Disposable {
  readonly #fd: number;

  /** `link`: the interface's index. Needs CAP_NET_RAW. Throws SystemError. */
  constructor(link: number, netns?: string) {
    const type = libc.SOCK_RAW | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;
    // Of protocol 0 nothing is received.
    this.#fd = callInNetns(netns, () => libc.socket(AF_PACKET, type, 0));
    const address = new DataView(new ArrayBuffer(ADDRESS_BYTES));
    address.setUint16(0, AF_PACKET, true);
    address.setInt32(4, link, true);
    try {
      libc.bind(this.#fd, new Uint8Array(address.buffer));
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /** From the Ethernet header on. Throws SystemError: ENETDOWN, ENOBUFS. */
  send(frame: Uint8Array): void {
    const result = libc.send(this.#fd, frame, 0);
    if (result < 0) throw new SystemError("send", -result, [this.#fd]);
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}
