/** Resource records as values, and the forms of their data. */
import { ipBytes, parseIp } from "../../base/ip.ts";
import { Type } from "./constants.ts";
import type { NameKey } from "./name.ts";

/** The data of a record: bytes and names in their order. Names are what compression is about. */
export type Rdata = readonly (Uint8Array | NameKey)[];

export interface ResourceRecord {
  readonly owner: NameKey;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdata: Rdata;
}

/** Types whose names senders may compress: those that every receiver knows (RFC 3597 section 4). */
export const COMPRESSIBLE: ReadonlySet<number> = new Set<number>([
  Type.NS,
  Type.CNAME,
  Type.SOA,
  Type.PTR,
  Type.MX,
  Type.MINFO,
]);

/**
 * Where names are in the data of the types in which receivers must expect compressed ones (RFC 3597 section 4): bytes
 * before the names, and how many names; what follows is bytes again.
 */
export const NAMES_IN_RDATA: ReadonlyMap<number, { readonly before: number; readonly names: number }> =
  new Map(
    (
      [
        [0, 1, [Type.NS, Type.MD, Type.MF, Type.CNAME, Type.MB, Type.MG, Type.MR, Type.PTR, Type.DNAME]],
        [0, 2, [Type.SOA, Type.MINFO, Type.RP]],
        [2, 1, [Type.MX, Type.AFSDB, Type.RT, Type.KX]],
        [2, 2, [Type.PX]],
        [6, 1, [Type.SRV]],
      ] as const
    ).flatMap(([before, names, types]) =>
      types.map((type): [number, { before: number; names: number }] => [type, { before, names }]),
    ),
  );

/** A or AAAA with its data; undefined if `text` is no address. */
export function addressData(text: string): { readonly type: number; readonly rdata: Rdata } | undefined {
  const ip = parseIp(text);
  return ip && { type: ip.family === 4 ? Type.A : Type.AAAA, rdata: [ipBytes(ip)] };
}

/** RFC 2782. */
export function srvData(priority: number, weight: number, port: number, target: NameKey): Rdata {
  return [Uint8Array.of(priority >>> 8, priority, weight >>> 8, weight, port >>> 8, port), target];
}

/** Strings of at most 255 bytes, as TXT and HINFO have them. */
export function stringsData(...strings: readonly string[]): Rdata {
  return [
    Buffer.concat(strings.map((text) => Buffer.from(String.fromCharCode(text.length) + text, "latin1"))),
  ];
}

export interface SoaNumbers {
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** For how long, in seconds, the absence of a name may be remembered (RFC 2308 section 4). */
  readonly minimum: number;
}

export function soaData(server: NameKey, mailbox: NameKey, numbers: SoaNumbers): Rdata {
  const bytes = new DataView(new ArrayBuffer(20));
  const { serial, refresh, retry, expire, minimum } = numbers;
  for (const [i, value] of [serial, refresh, retry, expire, minimum].entries()) bytes.setUint32(4 * i, value);
  return [server, mailbox, new Uint8Array(bytes.buffer)];
}
