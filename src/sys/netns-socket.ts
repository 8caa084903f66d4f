/**
 * TCP connections from inside a network namespace, without a process or thread in it.
 *
 * node:net makes its sockets a turn of the event loop after it was asked to, when the thread has long come back; so
 * the socket is made and told to connect here, and handed to node:net when the connection stands.
 */
import { Socket } from "node:net";
import type { Ip } from "../base/ip.ts";
import { formatIp, ipBytes } from "../base/ip.ts";
import * as libc from "./libc.ts";
import { callInNetns } from "./netns.ts";
import { pollWritable } from "./poll.ts";
import { EINPROGRESS, SystemError } from "./system-error.ts";

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(address: Ip, port: number): Uint8Array {
  const bytes = new Uint8Array(address.family === 4 ? 16 : 28);
  bytes[0] = address.family === 4 ? libc.AF_INET : libc.AF_INET6;
  bytes[2] = port >>> 8;
  bytes[3] = port;
  bytes.set(ipBytes(address), address.family === 4 ? 4 : 8);
  return bytes;
}

/**
 * A connected TCP socket whose other end and routes are those of `netns` (the own namespace without it).
 * Throws SystemError (ECONNREFUSED, EHOSTUNREACH, ...), or the signal's reason.
 */
export async function connectInNetns(
  netns: string | undefined,
  address: Ip,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const domain = address.family === 4 ? libc.AF_INET : libc.AF_INET6;
  const type = libc.SOCK_STREAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;
  const fd = callInNetns(netns, () => libc.socket(domain, type, 0));
  try {
    const started = libc.connect(fd, socketAddress(address, port));
    if (started !== -EINPROGRESS) throwErrno(-started, address, port);
    await writable(fd, signal);
    throwErrno(libc.getSocketOption(fd, libc.SOL_SOCKET, libc.SO_ERROR), address, port);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return new Socket({ fd });
}

function throwErrno(errno: number, address: Ip, port: number): void {
  if (errno > 0) throw new SystemError("connect", errno, [formatIp(address), port]);
}

async function writable(fd: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  const poll = pollWritable(fd, resolve);
  try {
    await promise;
  } finally {
    poll[Symbol.dispose]();
    signal.removeEventListener("abort", onAbort);
  }
}
