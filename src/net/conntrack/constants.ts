/** Numbers of linux/netfilter/nfnetlink_conntrack.h. */

export const NFNL_SUBSYS_CTNETLINK = 1;
/** The multicast group of connections that end (linux/netfilter/nfnetlink_compat.h). */
export const NFNLGRP_CONNTRACK_DESTROY = 3;
export const IPCTNL_MSG_CT = { NEW: 0, GET: 1, DELETE: 2 } as const;

export const CTA = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  PROTOINFO: 4,
  TIMEOUT: 7,
  MARK: 8,
  COUNTERS_ORIG: 9,
  COUNTERS_REPLY: 10,
  ID: 12,
  ZONE: 18,
  FILTER: 25,
  STATUS_MASK: 26,
} as const;
export const CTA_TUPLE = { IP: 1, PROTO: 2 } as const;
export const CTA_IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const;
export const CTA_PROTO = {
  NUM: 1,
  SRC_PORT: 2,
  DST_PORT: 3,
  ICMP_ID: 4,
  ICMP_TYPE: 5,
  ICMP_CODE: 6,
  ICMPV6_ID: 7,
  ICMPV6_TYPE: 8,
  ICMPV6_CODE: 9,
} as const;
export const CTA_FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const;
/** CTA_FILTER_F_*: what of a tuple is compared (net/netfilter/nf_conntrack_netlink.c). */
export const CTA_FILTER_F = {
  IP_SRC: 0x01,
  IP_DST: 0x02,
  PROTO_NUM: 0x08,
  PROTO_SRC_PORT: 0x10,
  PROTO_DST_PORT: 0x20,
} as const;
export const CTA_PROTOINFO = { TCP: 1, SCTP: 3 } as const;
/** CTA_PROTOINFO_TCP_STATE and CTA_PROTOINFO_SCTP_STATE. */
export const CTA_PROTOINFO_STATE = 1;
export const CTA_COUNTERS = { PACKETS: 1, BYTES: 2 } as const;
