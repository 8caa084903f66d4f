/**
 * A TCP socket bound inside a network namespace, for node:net's `listen({ fd })`: node binds by itself only after the
 * thread has come back from there (see netns-socket.ts).
 */
import { formatIp, type Ip, parseIp } from "../base/ip.ts";
import * as libc from "./libc.ts";
import { callInNetns } from "./netns.ts";
import { socketAddress } from "./netns-socket.ts";

const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/**
 * The descriptor of a bound socket, which whoever listens on it closes. "::" takes connections to IPv4 addresses too
 * (RFC 3493 section 3.7). Throws SystemError (EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT).
 */
export function bindInNetns(netns: string | undefined, address: Ip, port: number): number {
  const domain = address.family === 4 ? libc.AF_INET : libc.AF_INET6;
  const type = libc.SOCK_STREAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;
  const fd = callInNetns(netns, () => libc.socket(domain, type, 0));
  try {
    libc.setSocketOption(fd, libc.SOL_SOCKET, SO_REUSEADDR, 1);
    if (address.family === 6)
      libc.setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, formatIp(address) === "::" ? 0 : 1);
    libc.bind(fd, socketAddress(address, port));
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** {@link bindInNetns} to every address of the namespace, of both families where it has IPv6. */
export function bindToAllInNetns(netns: string | undefined, port: number): number {
  try {
    return bindInNetns(netns, parseIp("::")!, port);
  } catch (error) {
    // A kernel or namespace without IPv6. A port that is taken is taken in both.
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw error;
    return bindInNetns(netns, parseIp("0.0.0.0")!, port);
  }
}
