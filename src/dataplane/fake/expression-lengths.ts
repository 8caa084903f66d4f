/** How many bytes each property takes in a register. */
import type { Expression } from "../../net/nftables/model.ts";

type KeyOf<T extends Expression["type"]> = Extract<Expression, { type: T; key: string }>["key"];

/** nft_meta_get_init of net/netfilter/nft_meta.c. */
export const META_LENGTHS: Readonly<Record<KeyOf<"meta">, number>> = {
  mark: 4,
  iif: 4,
  oif: 4,
  iifname: 16,
  oifname: 16,
  nfproto: 1,
  l4proto: 1,
  protocol: 2,
  pkttype: 1,
};

/** nft_ct_get_init of net/netfilter/nft_ct.c. */
export const CT_LENGTHS: Readonly<Record<KeyOf<"ct">, number>> = {
  state: 4,
  status: 4,
  direction: 1,
  mark: 4,
  "src ip": 4,
  "dst ip": 4,
  "src ip6": 16,
  "dst ip6": 16,
  "proto dst": 2,
  protocol: 1,
};
