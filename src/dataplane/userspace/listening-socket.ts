/** Makes the socket that a VirtualPort is listened on. */
import { ip } from "../../base/ip.ts";
import { openTcpListener, openUdpSocket, setReusePort } from "../../sys/inet-socket.ts";
import { EADDRINUSE, SystemError } from "../../sys/system-error.ts";
import type { VirtualPort } from "../table.ts";

/**
 * `siblings` gives our sockets of the same protocol, family and port number, at other addresses. Throws SystemError.
 *
 * A node port at every address and another port at one of them exclude each other for the system, unless both say that
 * they share: then the one at the address gets what is meant for it. Only then do we say so, because any other program of
 * this user that says the same could take a part of our connections.
 */
export function openListeningSocket(port: VirtualPort, siblings: () => readonly number[]): number {
  const open = port.protocol === "TCP" ? openTcpListener : openUdpSocket;
  const address = ip(port.address);
  try {
    return open(address, port.port);
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== EADDRINUSE) throw error;
  }
  for (const fd of siblings()) setReusePort(fd);
  return open(address, port.port, { reusePort: true });
}
