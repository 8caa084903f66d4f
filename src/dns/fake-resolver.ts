/** For tests: a server on loopback that answers what it is told to, over UDP and TCP. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Flag, Type } from "../net/dns/constants.ts";
import { MessageWriter } from "../net/dns/message-writer.ts";
import { lowerName, name } from "../net/dns/name.ts";
import { addressData, type ResourceRecord, soaData } from "../net/dns/record.ts";
import { Query } from "../net/dns/query.ts";
import type { ServerAddress } from "./resolv-conf.ts";

export interface FakeAnswer {
  readonly rcode?: number;
  readonly answers?: readonly ResourceRecord[];
  readonly authority?: readonly ResourceRecord[];
  readonly flags?: number;
  /** Of the bytes, before they are sent. */
  readonly change?: (bytes: Buffer) => Buffer;
}

/** undefined: no answer at all. */
export type FakeZone = (query: Query, transport: "udp" | "tcp") => FakeAnswer | undefined;

export interface FakeResolver extends AsyncDisposable {
  readonly at: ServerAddress;
  /** Questions that came. */
  readonly asked: string[];
}

export function address(owner: string, ttl: number, text: string): ResourceRecord {
  return { owner: name(owner), ttl, ...addressData(text)! };
}

export function soa(owner: string, ttl: number, minimum: number): ResourceRecord {
  const numbers = { serial: 1, refresh: 1, retry: 1, expire: 1, minimum };
  return {
    owner: name(owner),
    type: Type.SOA,
    ttl,
    rdata: soaData(name("ns.test"), name("root.test"), numbers),
  };
}

export async function fakeResolver(zone: FakeZone): Promise<FakeResolver> {
  const asked: string[] = [];
  const answer = (message: Buffer, transport: "udp" | "tcp"): Buffer | undefined => {
    const query = new Query();
    query.parse(message, message.length);
    asked.push(`${transport} ${query.type}`);
    const found = zone(query, transport);
    if (found === undefined) return undefined;
    const writer = new MessageWriter().begin(
      message.readUInt16BE(0),
      Flag.QR | (found.flags ?? 0) | (found.rcode ?? 0),
    );
    writer.question(lowerName(query.key), query.type);
    for (const record of found.answers ?? []) writer.record("answer", record);
    for (const record of found.authority ?? []) writer.record("authority", record);
    const bytes = writer.take();
    message.copy(bytes, 12, 12, query.questionEnd);
    return found.change?.(bytes) ?? bytes;
  };
  const tcp = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const bytes = answer(chunk.subarray(2), "tcp");
      if (bytes === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length, 0);
      socket.end(Buffer.concat([length, bytes]));
    });
  }).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const { port } = tcp.address() as AddressInfo;
  // Ports of streams are many and change fast; the same number is nearly always free for datagrams.
  const udp = createSocket("udp4");
  udp.on("message", (message, from) => {
    const bytes = answer(message, "udp");
    if (bytes !== undefined) udp.send(bytes, from.port, from.address);
  });
  udp.bind(port, "127.0.0.1");
  await once(udp, "listening");
  return {
    at: { address: "127.0.0.1", port },
    asked,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => udp.close(resolve));
      await new Promise((resolve) => tcp.close(resolve));
    },
  };
}
