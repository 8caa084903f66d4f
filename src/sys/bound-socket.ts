/**
 * Sockets bound inside a network namespace. node:net and node:dgram bind a turn of the event loop after they were asked
 * to, when the thread has long come back; so the socket is made and bound here, and they are given the descriptor.
 */
import koffi from "koffi";
import type { Ip } from "../base/ip.ts";
import * as libc from "./libc.ts";
import { socketAddress } from "./netns-socket.ts";
import { callInNetns } from "./netns.ts";
import { SystemError } from "./system-error.ts";

const getsockname = koffi.load(null).func("int getsockname(int fd, void *address, void *addressLength)") as (
  fd: number,
  address: Uint8Array,
  addressLength: Uint8Array,
) => number;

const SOCK_DGRAM = 2;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/**
 * A non-blocking socket bound to `address` and `port` (0: any free one); a stream does not listen yet. The caller owns
 * the descriptor. With `bothFamilies`, "::" takes connections to IPv4 addresses too (RFC 3493 section 3.7). Throws
 * SystemError (EADDRINUSE, EACCES, EADDRNOTAVAIL, EAFNOSUPPORT).
 */
export function bindSocket(
  kind: "datagram" | "stream",
  address: Ip,
  port: number,
  netns?: string,
  bothFamilies: boolean = false,
): BoundSocket {
  const domain = address.family === 4 ? libc.AF_INET : libc.AF_INET6;
  const type = (kind === "stream" ? libc.SOCK_STREAM : SOCK_DGRAM) | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;
  const fd = callInNetns(netns, () => libc.socket(domain, type, 0));
  try {
    if (address.family === 6) libc.setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, bothFamilies ? 0 : 1);
    // Connections of the one before may still be closing. Any free port must not be one that another socket is bound to.
    if (kind === "stream" && port !== 0) libc.setSocketOption(fd, libc.SOL_SOCKET, SO_REUSEADDR, 1);
    libc.bind(fd, socketAddress(address, port));
    return { fd, port: boundPort(fd) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function boundPort(fd: number): number {
  const address = new Uint8Array(28);
  if (getsockname(fd, address, Uint8Array.of(address.length, 0, 0, 0)) < 0)
    throw new SystemError("getsockname", koffi.errno(), [fd]);
  return (address[2]! << 8) | address[3]!;
}
