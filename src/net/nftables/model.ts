/**
 * nf_tables objects as plain values: what the kernel is told, and what it tells back.
 *
 * The vocabulary is linux/netfilter/nf_tables.h; registers are the kernel's own numbers. A codec turns these values
 * into netlink messages and back (encode.ts, decode.ts); a program that wants to be readable builds them with
 * expressions.ts. Byte strings are in the byte order that the register holds: network order for packet fields, host
 * order for numbers the kernel makes itself (marks, numgen, ct state).
 */

/** NFPROTO_*: INET covers IPv4 and IPv6 in one table. */
export const Family = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
export type Family = (typeof Family)[keyof typeof Family];

/** NF_INET_*: hook numbers of the ip, ip6 and inet families. */
export const Hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export type Hook = (typeof Hook)[keyof typeof Hook];

/** The 4-byte registers NFT_REG32_00 to _15 are 8 to 23; the 16-byte NFT_REG_1 to _4 are 1 to 4 and overlay them. */
export type Register = number;
export const REG_VERDICT: Register = 0;

export interface Table {
  readonly family: Family;
  readonly name: string;
  /** NFT_TABLE_F_*. */
  readonly flags?: number;
  readonly handle?: bigint;
  readonly userdata?: Uint8Array;
}

export interface Chain {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  /** Present on base chains: where the kernel calls them. */
  readonly base?: {
    readonly type: "filter" | "nat" | "route";
    readonly hook: Hook;
    /** Lower runs first: NF_IP_PRI_*; dstnat is -100, srcnat 100. */
    readonly priority: number;
    readonly policy: "accept" | "drop";
  };
  readonly handle?: bigint;
  readonly userdata?: Uint8Array;
}

export type Verdict =
  | { readonly code: "accept" | "drop" | "continue" | "return" }
  | { readonly code: "jump" | "goto"; readonly chain: string };

/** One instruction of a rule; `type` is the kernel's expression name. */
export type Expression =
  /** Loads `length` bytes of the packet at `offset` from the start of a header. */
  | {
      readonly type: "payload";
      readonly base: "link" | "network" | "transport";
      readonly offset: number;
      readonly length: number;
      readonly dreg: Register;
    }
  /** Loads a property of the packet that is in no header. Numbers in host order; nfproto and l4proto are one byte. */
  | {
      readonly type: "meta";
      readonly key:
        | "mark"
        | "iif"
        | "oif"
        | "iifname"
        | "oifname"
        | "nfproto"
        | "l4proto"
        | "protocol"
        | "pkttype";
      readonly dreg: Register;
    }
  /** Sets a property: only mark here. */
  | { readonly type: "meta set"; readonly key: "mark"; readonly sreg: Register }
  /** Loads from the packet's connection. `direction` for the tuple keys. state and status are host order bit masks. */
  | {
      readonly type: "ct";
      readonly key:
        | "state"
        | "status"
        | "direction"
        | "mark"
        | "src ip"
        | "dst ip"
        | "src ip6"
        | "dst ip6"
        | "proto dst"
        | "protocol";
      readonly direction?: "original" | "reply";
      readonly dreg: Register;
    }
  /** Goes on only if the comparison holds. */
  | {
      readonly type: "cmp";
      readonly sreg: Register;
      readonly op: "==" | "!=" | "<" | "<=" | ">" | ">=";
      readonly value: Uint8Array;
    }
  /** dreg = (sreg & mask) ^ xor. */
  | {
      readonly type: "bitwise";
      readonly sreg: Register;
      readonly dreg: Register;
      readonly mask: Uint8Array;
      readonly xor: Uint8Array;
    }
  /** Looks `sreg` up. Goes on only if found (or, inverted, not found). With `dreg` the set is a map and its data is loaded; a verdict map's goes to register 0. */
  | {
      readonly type: "lookup";
      readonly set: string;
      readonly sreg: Register;
      readonly dreg?: Register;
      readonly invert?: boolean;
    }
  | { readonly type: "immediate"; readonly dreg: Register; readonly value: Uint8Array }
  | { readonly type: "verdict"; readonly verdict: Verdict }
  /** A number below `modulus` plus `offset`, host order, 4 bytes. */
  | {
      readonly type: "numgen";
      readonly mode: "random" | "incremental";
      readonly modulus: number;
      readonly offset: number;
      readonly dreg: Register;
    }
  /** Jenkins hash of `length` bytes from `sreg`, modulo `modulus`, plus `offset`. */
  | {
      readonly type: "jhash";
      readonly sreg: Register;
      readonly length: number;
      readonly modulus: number;
      readonly seed?: number;
      readonly offset: number;
      readonly dreg: Register;
    }
  /** Rewrites the connection's destination or source. Absent registers leave that part alone. */
  | {
      readonly type: "nat";
      readonly kind: "dnat" | "snat";
      readonly family: typeof Family.ip | typeof Family.ip6;
      readonly address?: Register;
      readonly port?: Register;
      /** NF_NAT_RANGE_*; the flags for address and port are set by the codec. */
      readonly flags?: number;
    }
  | { readonly type: "masquerade"; readonly flags?: number }
  /** Answers the sender: a TCP reset, or port unreachable of the packet's own family. */
  | { readonly type: "reject"; readonly with: "tcp reset" | "icmpx port-unreachable" }
  | { readonly type: "counter"; readonly packets?: bigint; readonly bytes?: bigint }
  /**
   * Asks the routing table about the packet's source or destination: the kind of address (RTN_*, host order, 4 bytes),
   * or the interface that leads there. With "iif" or "oif" only routes over the packet's own interface count.
   */
  | {
      readonly type: "fib";
      readonly result: "type" | "oif" | "oifname";
      /** In the order of the type's members. */
      readonly flags: readonly ("saddr" | "daddr" | "mark" | "iif" | "oif")[];
      readonly dreg: Register;
    }
  /**
   * Puts the key at `keySreg` (for a map with the data at `dataSreg`) into a dynamic set. "add" leaves an element that is
   * there as it is, "update" begins its timeout anew. A rule ends here if the set is full (and, of "delete", always goes on).
   */
  | {
      readonly type: "dynset";
      readonly op: "add" | "update" | "delete";
      readonly set: string;
      readonly keySreg: Register;
      readonly dataSreg?: Register;
      /** Milliseconds. @default {the set's} */
      readonly timeout?: number;
    }
  /**
   * Copies the packet's first `snaplen` bytes and its mark to whoever has bound nfnetlink_log's `group` (net/nflog), and
   * always goes on. It is told when `queueThreshold` packets wait, or after the listener's time-out.
   */
  | {
      readonly type: "log";
      readonly group: number;
      readonly snaplen: number;
      readonly queueThreshold: number;
    }
  /** An expression this library has no value for: its name and raw attributes, so that foreign rules survive a round trip. */
  | { readonly type: "unknown"; readonly name: string; readonly data: Uint8Array };

export interface Rule {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  readonly expressions: readonly Expression[];
  readonly handle?: bigint;
  /** Shown by nft as a comment if it is one (NFTNL_UDATA_RULE_COMMENT). */
  readonly comment?: string;
}

/** How nft names key and data types; only for people who list the set (NFTA_SET_KEY_TYPE, concatenations shift by 6 bits). */
export const Datatype = {
  verdict: -1,
  integer: 4,
  ipv4_addr: 7,
  ipv6_addr: 8,
  inet_proto: 12,
  inet_service: 13,
  mark: 19,
  ifname: 41,
} as const;

export interface SetDefinition {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  /** A map has data: bytes of `dataLength`, or verdicts. */
  readonly kind: "set" | "map" | "verdict map";
  /** nft's type names of the key's parts, in order. Each part is padded to 4 bytes in the key. */
  readonly keyTypes: readonly (keyof typeof Datatype)[];
  /** Bytes of a key, padding included. */
  readonly keyLength: number;
  readonly dataTypes?: readonly (keyof typeof Datatype)[];
  readonly dataLength?: number;
  /** NFT_SET_*: constant, interval, timeout, eval(dynamic), concat. `map` is set by the codec. */
  readonly flags: {
    readonly interval?: boolean;
    readonly timeout?: boolean;
    readonly dynamic?: boolean;
    readonly constant?: boolean;
  };
  /** A hint of the final size; for dynamic sets the limit. */
  readonly size?: number;
  /** Default lifetime of an element in milliseconds. */
  readonly timeout?: number;
  readonly comment?: string;
  readonly handle?: bigint;
  /** How many elements it has, as newer kernels tell (6.18 does, 6.1 does not). */
  readonly count?: number;
}

export interface SetElement {
  readonly key: Uint8Array;
  /** In interval sets of concatenations: the last key of a box, whose first is `key`; each part is a range of its own. */
  readonly keyEnd?: Uint8Array;
  /** In interval sets: this element ends (is the first key past) an interval. */
  readonly intervalEnd?: boolean;
  readonly data?: Uint8Array;
  readonly verdict?: Verdict;
  /** Milliseconds for which it stays, counted from when it was added or last updated. @default {the set's} */
  readonly timeout?: number;
  /** Milliseconds that are left of it. */
  readonly expiration?: number;
}

/** One step of a transaction. All steps of a batch happen at once, or none. */
export type Command =
  | { readonly op: "add table"; readonly table: Table }
  | { readonly op: "delete table"; readonly table: Pick<Table, "family" | "name"> }
  | { readonly op: "add chain"; readonly chain: Chain }
  | { readonly op: "delete chain"; readonly chain: Pick<Chain, "family" | "table" | "name"> }
  | { readonly op: "flush chain"; readonly chain: Pick<Chain, "family" | "table" | "name"> }
  | { readonly op: "add rule"; readonly rule: Rule }
  | {
      readonly op: "delete rule";
      readonly rule: Pick<Rule, "family" | "table" | "chain"> & { readonly handle: bigint };
    }
  | { readonly op: "add set"; readonly set: SetDefinition }
  | { readonly op: "delete set"; readonly set: Pick<SetDefinition, "family" | "table" | "name"> }
  | {
      readonly op: "add elements" | "delete elements";
      readonly set: Pick<SetDefinition, "family" | "table" | "name" | "kind">;
      readonly elements: readonly SetElement[];
    };
