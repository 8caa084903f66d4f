/** TCP listeners of node's inside a network namespace, through sockets that are bound there (bound-socket.ts). */
import type { AddressInfo, Server } from "node:net";
import { formatIp, type Ip, parseIp } from "../base/ip.ts";
import { bindSocket } from "./bound-socket.ts";

/**
 * The descriptor of a bound socket, which whoever listens on it closes. "::" takes connections to IPv4 addresses too.
 * Throws SystemError (EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT).
 */
export function bindInNetns(netns: string | undefined, address: Ip, port: number): number {
  return bindSocket("stream", address, port, netns, formatIp(address) === "::").fd;
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

/** Lets `server` (of HTTP, too) listen on a bound socket, which is its own from here on. Rejects with listen(2)'s error. */
export async function listenOn(server: Server, fd: number): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ fd }, resolve);
  await promise;
  server.off("error", reject);
  return server.address() as AddressInfo;
}
