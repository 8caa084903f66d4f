/** The socket filter that lets pass what ctnetlink tells of translated connections alone. */
import type { FilterInstruction } from "../../sys/socket-filter.ts";
import { CTA } from "./constants.ts";
import { IPS_DST_NAT } from "./model.ts";

/** Opcodes of linux/bpf_common.h. */
const LOAD_NUMBER = 0x00;
const LOAD_NUMBER_TO_X = 0x01;
const LOAD_WORD = 0x20;
const LOAD_WORD_AT_X = 0x40;
const A_TO_X = 0x07;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;
/** SKF_AD_OFF + SKF_AD_NLATTR: where from A on the attribute with the number in X is; 0 if there is none (linux/filter.h). */
const FIND_ATTRIBUTE = 0xfffff000 + 12;

/** Behind struct nlmsghdr and struct nfgenmsg. */
const ATTRIBUTES = 20;
/** Of struct nlattr. */
const HEADER = 4;
const ALL_OF_IT = 0xffffffff;

/** Messages without a status pass, too. */
export const translatedConnections: readonly FilterInstruction[] = [
  { code: LOAD_NUMBER_TO_X, k: CTA.STATUS },
  { code: LOAD_NUMBER, k: ATTRIBUTES },
  { code: LOAD_WORD, k: FIND_ATTRIBUTE },
  { code: JUMP_IF_EQUAL, k: 0, ifTrue: 3 },
  { code: A_TO_X, k: 0 },
  { code: LOAD_WORD_AT_X, k: HEADER },
  { code: JUMP_IF_ANY_BIT, k: IPS_DST_NAT, ifFalse: 1 },
  { code: RETURN, k: ALL_OF_IT },
  { code: RETURN, k: 0 },
];
