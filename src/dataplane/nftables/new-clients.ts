/** Hears of new clients from the rules that give them an endpoint (pickers.ts), over nfnetlink_log. */
import { L4_PROTOCOL } from "../../net/nftables/expressions.ts";
import type { LoggedPacket } from "../../net/nflog/nflog.ts";
import { bindGroup, decodeLogged } from "../../net/nflog/nflog.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import { latin1 } from "./keys.ts";
import { NEW_CLIENTS_GROUP, TOLD_BYTES } from "./pickers.ts";
import type { NewClient, NewClientListener, NewClientWatch } from "./port.ts";

/** 40,000 new clients may wait in it (measured on Linux 6.18) while the event loop does something else. */
const BUFFER_BYTES = 16 * 1024 * 1024;

/** Throws NetlinkError: EBUSY if somebody else has bound the group, others if the kernel has no nfnetlink_log. */
export async function watchNewClients(
  { onClients, onLost }: NewClientListener,
  netns?: string,
): Promise<NewClientWatch> {
  const socket = await NetlinkSocket.open(NETLINK_NETFILTER, {
    ...(netns === undefined ? {} : { netns }),
    hears: true,
    bufferBytes: BUFFER_BYTES,
  });
  try {
    for (const request of bindGroup(NEW_CLIENTS_GROUP, TOLD_BYTES)) socket.transact(request);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
  let next: number | undefined;
  const subscription = socket.subscribe(
    (event) => {
      if (event.type === "lost") return onLost();
      const clients: NewClient[] = [];
      let isLost = false;
      for (const message of event.messages) {
        const packet = decodeLogged(message);
        if (packet === undefined) continue;
        if (next !== undefined && packet.sequence !== next) isLost = true;
        next = (packet.sequence + 1) >>> 0;
        const client = newClient(packet);
        if (client !== undefined) clients.push(client);
      }
      if (clients.length > 0) onClients(clients);
      if (isLost) onLost();
    },
    { ref: false },
  );
  return { hear: () => subscription.hear(), [Symbol.dispose]: () => socket[Symbol.dispose]() };
}

const PROTOCOLS: ReadonlySet<number> = new Set(Object.values(L4_PROTOCOL));

/** What a logged packet says; undefined if it is none of ours (or has headers between those of IPv6 and its ports). */
export function newClient({ payload, mark }: LoggedPacket): NewClient | undefined {
  const version = (payload[0] ?? 0) >>> 4;
  if (version !== 4 && version !== 6) return undefined;
  const [source, length, protocolAt] = version === 4 ? [12, 4, 9] : [8, 16, 6];
  const ports = version === 4 ? (payload[0]! & 15) * 4 : 40;
  const protocol = payload[protocolAt];
  if (payload.length < ports + 4 || protocol === undefined || !PROTOCOLS.has(protocol)) return undefined;
  const destination = latin1(payload.subarray(source + length, source + 2 * length));
  const port = latin1(payload.subarray(ports + 2, ports + 4));
  return {
    client: latin1(payload.subarray(source, source + length)),
    destination: `${destination}${String.fromCharCode(protocol)}\0\0\0${port}\0\0`,
    turn: mark,
  };
}
