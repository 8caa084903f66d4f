/** Numbers of the DNS, by their names at IANA ("Domain Name System (DNS) Parameters"). */

/** Types of records (RFC 1035 section 3.2.2 and later ones), and of questions. */
export const Type = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  PX: 26,
  AAAA: 28,
  SRV: 33,
  KX: 36,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const;

const typeNames = new Map<number, string>(Object.entries(Type).map(([name, value]) => [value, name]));

/** "AAAA"; "TYPE4711" for one without a name here (RFC 3597 section 5). */
export function typeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`;
}

/** The only class that is served, the Internet. */
export const CLASS_IN = 1;

export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** In the OPT record only (RFC 6891 section 9). */
  BADVERS: 16,
} as const;

const rcodeNames = new Map<number, string>(Object.entries(Rcode).map(([name, value]) => [value, name]));

/** "NXDOMAIN"; "RCODE11" for one without a name here. */
export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? `RCODE${rcode}`;
}

/** Bits of the third and fourth byte of the header, as one number (RFC 1035 section 4.1.1, RFC 4035 section 3). */
export const Flag = {
  /** The message is an answer. */
  QR: 0x8000,
  /** Authoritative. */
  AA: 0x0400,
  /** Truncated. */
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
  OPCODE: 0x7800,
  RCODE: 0x000f,
} as const;

export const HEADER_LENGTH = 12;
/** What every client takes over UDP (RFC 1035 section 2.3.4). */
export const MIN_UDP_PAYLOAD = 512;
/** What passes every path without fragments (DNS flag day 2020): our own limit, whatever the client offers. */
export const SAFE_UDP_PAYLOAD = 1232;
/** TCP's length field has 16 bits (RFC 1035 section 4.2.2). */
export const MAX_MESSAGE = 65_535;
/** An OPT record without options: root name, type, class, TTL, length. */
export const OPT_LENGTH = 11;
/** The bit DO in the TTL field of OPT (RFC 3225). */
export const DNSSEC_OK = 0x8000;
