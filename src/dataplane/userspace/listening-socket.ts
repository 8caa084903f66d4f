/** Makes the socket that a VirtualPort is listened on. */
import { ip } from "../../base/ip.ts";
import { openTcpListener, openUdpSocket, setReusePort } from "../../sys/inet-socket.ts";
import { EADDRINUSE, SystemError } from "../../sys/system-error.ts";
import type { VirtualPort } from "../table.ts";

/**
 * `siblings` gives our sockets of the same protocol, family and port number, at other addresses. Throws SystemError.
 *
 * A node port at every address and another port at one of them exclude each other for the system, unless they share:
 * then the one at the address gets what is meant for it. They share only for that moment, or any program of this user
 * could take a part of our connections.
 */
export function openListeningSocket(port: VirtualPort, siblings: () => readonly number[]): number {
  const open = port.protocol === "TCP" ? openTcpListener : openUdpSocket;
  const address = ip(port.address);
  try {
    return open(address, port.port);
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== EADDRINUSE) throw error;
  }
  const sharing = siblings();
  for (const fd of sharing) setReusePort(fd, true);
  try {
    const fd = open(address, port.port, { reusePort: true });
    setReusePort(fd, false);
    return fd;
  } finally {
    for (const fd of sharing) setReusePort(fd, false);
  }
}
