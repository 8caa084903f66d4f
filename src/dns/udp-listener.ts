/** DNS over UDP: in batches by the kernel's own calls, or a datagram at a time by node's. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Ip } from "../base/ip.ts";
import { formatIp, ipFromBytes } from "../base/ip.ts";
import { SAFE_UDP_PAYLOAD } from "../net/dns/constants.ts";
import { bindSocket } from "../sys/bound-socket.ts";
import { type Datagram, DatagramBatchSocket } from "../sys/datagram-batch.ts";
import type { Exchange } from "./exchange.ts";

export interface UdpListenerOptions {
  readonly address: Ip;
  /** 0: any free one. */
  readonly port: number;
  readonly netns?: string | undefined;
  readonly exchange: Exchange;
  readonly mayRecurse: (address: string) => boolean;
}

export interface UdpListener extends AsyncDisposable {
  readonly port: number;
}

/** Questions that wait while the event loop does something else: some thousands. */
const QUEUE_BYTES = 1 << 20;
/** Answers are no longer; room for the largest limit that may be configured. */
const OUT_BYTES = 4096;
/** Clients whose right is remembered. */
const MAX_KNOWN = 4096;

/** Needs koffi's view of 64-bit Linux. Throws SystemError. */
export function listenInBatches(options: UdpListenerOptions): UdpListener {
  const { address, port, netns, exchange, mayRecurse } = options;
  const socket = new DatagramBatchSocket(address, port, {
    netns,
    queueBytes: QUEUE_BYTES,
    sendBytes: OUT_BYTES,
  });
  const known = new Map<string, boolean>();
  const isKnown = (datagram: Datagram): boolean => {
    // The bytes of the address: its text costs more than the whole answer.
    const key = datagram.source.toString("latin1", 4, address.family === 4 ? 8 : 24);
    const found = known.get(key);
    if (found !== undefined) return found;
    const may = mayRecurse(sourceText(datagram, address.family));
    if (known.size >= MAX_KNOWN || !may) known.clear();
    // A client that may not could be one that may in a moment.
    if (may) known.set(key, may);
    return may;
  };
  const handle = (datagram: Datagram, out: Buffer): number => {
    const later = (): { client: string; reply: (answer: Buffer) => void } => {
      const destination = Buffer.from(datagram.source.subarray(0, datagram.sourceLength));
      return {
        client: sourceText(datagram, address.family),
        reply: (answer) => {
          if (!closed) socket.send(answer, destination);
        },
      };
    };
    return Math.max(0, exchange.take(datagram.bytes, datagram.length, out, "udp", isKnown(datagram), later));
  };
  let closed = false;
  socket.listen(handle);
  return {
    port: socket.port,
    async [Symbol.asyncDispose]() {
      closed = true;
      socket[Symbol.dispose]();
    },
  };
}

function sourceText({ source }: Datagram, family: Ip["family"]): string {
  return formatIp(ipFromBytes(family === 4 ? source.subarray(4, 8) : source.subarray(8, 24)));
}

/** Throws SystemError. */
export async function listenOneByOne(options: UdpListenerOptions): Promise<UdpListener> {
  const { address, exchange, mayRecurse } = options;
  const bound = bindSocket("datagram", address, options.port, options.netns);
  const socket: Socket = createSocket(address.family === 4 ? "udp4" : "udp6");
  const out = Buffer.alloc(Math.max(OUT_BYTES, SAFE_UDP_PAYLOAD));
  let closed = false;
  socket.on("message", (message: Buffer, from: RemoteInfo) => {
    const reply = (answer: Buffer): void => {
      if (!closed) socket.send(answer, from.port, from.address, () => {});
    };
    const later = (): { client: string; reply: typeof reply } => ({ client: from.address, reply });
    const length = exchange.take(message, message.length, out, "udp", mayRecurse(from.address), later);
    if (length > 0) reply(Buffer.from(out.subarray(0, length)));
  });
  // What an answer met on its way is nobody's error any more.
  socket.on("error", () => {});
  // A descriptor is listened on at once, within the call.
  const listening = once(socket, "listening");
  socket.bind({ fd: bound.fd });
  await listening;
  return {
    port: bound.port,
    async [Symbol.asyncDispose]() {
      closed = true;
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}
