/** The server: UDP and TCP on the same port of one address, in any network namespace. */
import type { Ip } from "../base/ip.ts";
import { ipBytes } from "../base/ip.ts";
import { bindSocket } from "../sys/bound-socket.ts";
import * as libc from "../sys/libc.ts";
import { SystemError } from "../sys/system-error.ts";
import { Exchange, type ExchangeLimits, type ExchangeParts } from "./exchange.ts";
import { type TcpLimits, TcpListener } from "./tcp-listener.ts";
import { listenInBatches, listenOneByOne } from "./udp-listener.ts";

export interface DnsServerOptions {
  readonly address: Ip;
  /** 0: any that is free for UDP and TCP. */
  readonly port: number;
  /** The namespace in which it listens. @default {the caller's} */
  readonly netns?: string | undefined;
  /** Whether names outside are looked up for the client with this address. */
  readonly mayRecurse: (address: string) => boolean;
  readonly limits?: ExchangeLimits & TcpLimits;
  /** How datagrams are read and written. @default {"batch" on 64-bit Linux} */
  readonly datagrams?: "batch" | "single";
}

export interface DnsServer extends AsyncDisposable {
  readonly address: Ip;
  readonly port: number;
}

/** The layout of the kernel's structs that batches know. */
const CAN_BATCH = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");

/** Throws SystemError (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export async function startDnsServer(options: DnsServerOptions, parts: ExchangeParts): Promise<DnsServer> {
  const { address, port, netns, mayRecurse, limits, datagrams = CAN_BATCH ? "batch" : "single" } = options;
  const exchange = new Exchange(parts, limits);
  await using stack = new AsyncDisposableStack();
  // First TCP, whose ports are fewer: others' connections use them too.
  const stream = bindPair(address, port, netns);
  const tcp = stack.use(new TcpListener({ fd: stream.fd, exchange, mayRecurse, ...(limits && { limits }) }));
  await tcp.listening();
  const listener = { address, port: stream.port, netns, exchange, mayRecurse };
  stack.use(datagrams === "batch" ? listenInBatches(listener) : await listenOneByOne(listener));
  const owned = stack.move();
  return {
    address,
    port: stream.port,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** A stream socket at a port that is free for datagrams too. */
function bindPair(address: Ip, port: number, netns: string | undefined): { fd: number; port: number } {
  for (let attempt = 0; ; attempt++) {
    const stream = bindSocket("stream", address, port, netns);
    try {
      libc.close(bindSocket("datagram", address, stream.port, netns).fd);
      return stream;
    } catch (error) {
      libc.close(stream.fd);
      if (!(error instanceof SystemError) || error.code !== "EADDRINUSE" || port !== 0 || attempt === 20)
        throw error;
    }
  }
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: Ip): boolean {
  return address.family === 4 ? ipBytes(address)[0] === 127 : address.value === 1n;
}
