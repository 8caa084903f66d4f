/** Connections that the kernel tracks, as plain values (linux/netfilter/nfnetlink_conntrack.h). */

/** AF_INET, AF_INET6. */
export const ConntrackFamily = { ipv4: 2, ipv6: 10 } as const;
export type ConntrackFamily = (typeof ConntrackFamily)[keyof typeof ConntrackFamily];

/** The addresses of one direction. Addresses are 4 or 16 bytes in network order. */
export interface Tuple {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** IPPROTO_*. */
  readonly protocol: number;
  /** Of protocols that have ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** CTA_PROTO_ICMP_ID, _TYPE, _CODE (and their ICMPv6 twins): what an ICMP tuple has in place of ports. */
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number };
}

/** In one direction. */
export interface Carried {
  readonly packets: number;
  readonly bytes: number;
}

export interface Connection {
  readonly family: ConntrackFamily;
  /** As its first packet was sent: before any translation. */
  readonly original: Tuple;
  /** As answers to it are sent: `source` is where the connection really ends. */
  readonly reply: Tuple;
  /** IPS_* bits. */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
  /** CTA_ID: differs between two connections that had the same tuple one after the other. */
  readonly id: number;
  /** What was carried so far, packets with all their headers from the IP header on; if the kernel counts it. */
  readonly carried?: { readonly original: Carried; readonly reply: Carried };
  /** Seconds until the kernel forgets it, if nothing comes. */
  readonly timeout?: number;
}

/** Which connections are meant. What is absent matches everything. */
export interface ConnectionFilter {
  readonly protocol?: number;
  /** Destination of the original direction, 4 or 16 bytes. */
  readonly originalDestination?: Uint8Array;
  readonly originalDestinationPort?: number;
  /** Source of the reply direction: where the connection really ends. */
  readonly replySource?: Uint8Array;
  readonly replySourcePort?: number;
  readonly zone?: number;
  /** IPS_* bits that must all be set. */
  readonly status?: number;
}

/** IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h): the destination of its packets is translated. */
export const IPS_DST_NAT = 0x20;
