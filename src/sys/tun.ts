/**
 * A network interface whose other end is this process (tun(4)): what is written here comes in on the interface, what
 * the host sends out of it is read here. Whole IP packets, nothing around them.
 *
 * A written packet has been through all of the host's packet path when the call returns.
 */
import { closeSync, constants, openSync } from "node:fs";
import koffi from "koffi";
import { callInNetns } from "./netns.ts";
import { EAGAIN, SystemError } from "./system-error.ts";

/** Of linux/if_tun.h. */
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFNAMSIZ = 16;
/** struct ifreq. */
const IFREQ_LENGTH = 40;
const LARGEST_PACKET = 65_535;

const libc = koffi.load(null);
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)") as (
  fd: number,
  request: number,
  argument: Uint8Array,
) => number;
type Transfer = (fd: number, buffer: Uint8Array, length: number) => number;
const read = libc.func("long read(int fd, void *buffer, size_t length)") as Transfer;
const write = libc.func("long write(int fd, const void *buffer, size_t length)") as Transfer;

export class Tun implements Disposable {
  readonly name: string;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(LARGEST_PACKET);

  /**
   * Makes the interface, down and without addresses, in `netns` (the own namespace without it); disposed it is gone.
   * Needs CAP_NET_ADMIN. Throws SystemError, or node's error if there is no /dev/net/tun.
   */
  constructor(name: string, netns?: string) {
    const flags = constants.O_RDWR | constants.O_NONBLOCK;
    // The device belongs to the namespace that the file was opened in.
    this.#fd = callInNetns(netns, () => openSync("/dev/net/tun", flags));
    this.name = name;
    const request = new Uint8Array(IFREQ_LENGTH);
    request.set(Buffer.from(name).subarray(0, IFNAMSIZ - 1));
    new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_TUN | IFF_NO_PI, true);
    if (ioctl(this.#fd, TUNSETIFF, request) < 0) {
      const errno = koffi.errno();
      closeSync(this.#fd);
      throw new SystemError("ioctl", errno, [this.#fd, "TUNSETIFF", name]);
    }
  }

  /** Lets `packet`, from its IP header on, come in. Throws SystemError (EIO: the interface is down). */
  write(packet: Uint8Array): void {
    if (write(this.#fd, packet, packet.length) < 0)
      throw new SystemError("write", koffi.errno(), [this.name, packet]);
  }

  /** The next packet that the host sent out of the interface, or undefined if there is none at the moment. */
  read(): Uint8Array | undefined {
    const length = read(this.#fd, this.#buffer, this.#buffer.length);
    if (length >= 0) return this.#buffer.slice(0, length);
    const errno = koffi.errno();
    if (errno === EAGAIN) return undefined;
    throw new SystemError("read", errno, [this.name]);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
