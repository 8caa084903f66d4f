/**
 * The API's second listener: for pods, which cannot reach the first where that is on loopback.
 *
 * The Service `kubernetes` must lead somewhere. A packet that a pod sends to a virtual address cannot be translated to
 * 127.0.0.1: Linux drops it as a martian, unless route_localnet opens the loopback of the whole host to them. So the
 * API listens at the pods' own gateway too, an address of this node that only they use. It takes connections of pods
 * and of this node; others, who would have to make themselves a route to it, are closed before a word is said.
 */
import { createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { type Cidr, cidrContains, formatIp, parseIp } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import { callInNetns } from "../sys/netns.ts";
import { bindInNetns, listenOn } from "../sys/netns-listener.ts";

export interface PodListenerOptions {
  /** An address of the node that pods reach: their gateway. */
  readonly host: string;
  readonly port: number;
  /** The namespace that the address is in. @default {the caller's} */
  readonly netns?: string | undefined;
  /** Where pods have their addresses. */
  readonly podRanges: readonly Cidr[];
}

/** Hands accepted connections to `onConnection`. Throws SystemError (EADDRINUSE, EADDRNOTAVAIL). */
export async function listenForPods(
  { host, port, netns, podRanges }: PodListenerOptions,
  onConnection: (socket: Socket) => void,
  log: Log,
): Promise<Disposable> {
  const isAllowed = (text: string | undefined): boolean => {
    const address = text === undefined ? undefined : parseIp(text);
    if (address === undefined) return false;
    return podRanges.some((range) => cidrContains(range, address)) || isOwn(formatIp(address), netns);
  };
  const server = createServer((socket) => {
    if (isAllowed(socket.remoteAddress)) return onConnection(socket);
    log.warn({ client: socket.remoteAddress, host }, "refused a connection to the pods' entrance of the API");
    socket.destroy();
  });
  const fd = bindInNetns(netns, parseIp(host)!, port);
  await listenOn(server, fd);
  server.on("error", (err) => log.error({ err }, "the listener for pods failed"));
  return {
    [Symbol.dispose]() {
      // The connections are the API's: it ends them with its others.
      server.close();
    },
  };
}

/** Whether it is an address of this node: as a client of its own Service it shows one of them. */
function isOwn(address: string, netns: string | undefined): boolean {
  if (address.startsWith("127.") || address === "::1") return true;
  return Object.values(callInNetns(netns, networkInterfaces)).some((addresses) =>
    addresses?.some((one) => one.address === address),
  );
}
