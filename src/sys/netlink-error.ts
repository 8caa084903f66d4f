/** What the kernel answers to netlink requests: acknowledgements, refusals with their reasons, ends of dumps. */
import { align4, HEADER_LENGTH, hostU16, hostU32, NLM_F_ACK_TLVS, NLM_F_CAPPED } from "./netlink-message.ts";
import { describeErrno, errnoName } from "./system-error.ts";

/** NLMSGERR_ATTR_*: the extended acknowledgement. */
const ATTRIBUTE_MESSAGE = 1;
const ATTRIBUTE_OFFSET = 2;

/** One refused message of a request. */
export interface Refusal {
  /** Positive. */
  readonly errno: number;
  /** "EEXIST". */
  readonly code: string;
  /** The extended acknowledgement's text, if the kernel gave one. */
  readonly text: string | undefined;
  /** Where in the refused message the kernel points to, in bytes from its start. */
  readonly offset: number | undefined;
  /** Which message of the request it was, counted from 0. */
  readonly index: number;
  /** nlmsg_type of it. */
  readonly type: number;
}

/**
 * The kernel refused a request. The fields are of the first refusal; an nf_tables batch can have several, all in
 * `refusals` (the batch as a whole then had no effect). nf_tables reports a failed commit against message 0.
 */
export class NetlinkError extends Error implements Refusal {
  override readonly name = "NetlinkError";
  readonly errno: number;
  readonly code: string;
  readonly text: string | undefined;
  readonly offset: number | undefined;
  readonly index: number;
  readonly type: number;
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly [Refusal, ...Refusal[]], messageCount: number) {
    const [first] = refusals;
    const more = refusals.length > 1 ? `, and ${refusals.length - 1} more` : "";
    const text = first.text === undefined ? "" : `: ${first.text}`;
    super(
      `the kernel refused netlink message ${first.index} of ${messageCount} (type 0x${first.type.toString(16)}): ` +
        `${describeErrno(first.errno)}${text}${more}`,
    );
    this.errno = first.errno;
    this.code = first.code;
    this.text = first.text;
    this.offset = first.offset;
    this.index = first.index;
    this.type = first.type;
    this.refusals = refusals;
  }
}

/** The tables changed while they were dumped, so the answer mixes two states. Ask again. */
export class NetlinkDumpInterruptedError extends Error {
  override readonly name = "NetlinkDumpInterruptedError";

  constructor() {
    super("the kernel's tables changed while they were read: ask again");
  }
}

/** Answers were lost (receive buffer overrun) or never came: what the request did is not known. Read the state back. */
export class NetlinkAnswerLostError extends Error {
  override readonly name = "NetlinkAnswerLostError";
}

/** Reads NLMSG_ERROR at `at` (its nlmsghdr) in `bytes`; undefined if it is a plain acknowledgement. */
export function readRefusal(bytes: Uint8Array, at: number, index: number): Refusal | undefined {
  const errno = -(hostU32(bytes, at + HEADER_LENGTH) | 0);
  if (errno === 0) return undefined;
  const end = at + hostU32(bytes, at);
  const flags = hostU16(bytes, at + 6);
  const request = at + HEADER_LENGTH + 4;
  let text: string | undefined;
  let offset: number | undefined;
  if ((flags & NLM_F_ACK_TLVS) !== 0) {
    const echoed = (flags & NLM_F_CAPPED) === 0 ? hostU32(bytes, request) : HEADER_LENGTH;
    for (const { type, start, stop } of attributes(bytes, request + align4(echoed), end)) {
      if (type === ATTRIBUTE_MESSAGE)
        text = Buffer.from(bytes.subarray(start, stop)).toString().replace(/\0.*$/s, "");
      if (type === ATTRIBUTE_OFFSET) offset = hostU32(bytes, start);
    }
  }
  return { errno, code: errnoName(errno), text, offset, index, type: hostU16(bytes, request + 4) };
}

/** Reads the result in NLMSG_DONE at `at`: a dump that could not be finished has a negative errno there. */
export function readDone(bytes: Uint8Array, at: number, index: number, type: number): Refusal | undefined {
  if (hostU32(bytes, at) < HEADER_LENGTH + 4) return undefined;
  const result = hostU32(bytes, at + HEADER_LENGTH) | 0;
  if (result >= 0) return undefined;
  return { errno: -result, code: errnoName(-result), text: undefined, offset: undefined, index, type };
}

function* attributes(
  bytes: Uint8Array,
  from: number,
  end: number,
): Generator<{ type: number; start: number; stop: number }> {
  for (let at = from; at + 4 <= end;) {
    const length = hostU16(bytes, at);
    if (length < 4 || at + length > end) return;
    yield { type: hostU16(bytes, at + 2) & 0x3fff, start: at + 4, stop: at + length };
    at += align4(length);
  }
}
