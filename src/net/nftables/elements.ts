/**
 * Elements of sets as netlink messages, and back. This is the hot path: nothing is allocated for an element written,
 * and reading gives views.
 */
import { hostU16, NetlinkFormatError } from "../../sys/netlink-message.ts";
import { AttributeReader } from "../netlink/parser.ts";
import type { NetlinkWriter } from "../netlink/writer.ts";
import {
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
} from "./constants.ts";
import { decodeVerdict } from "./decode-expression.ts";
import { encodeVerdict } from "./encode-expression.ts";
import type { SetElement, Verdict } from "./model.ts";

/** A list of elements is one attribute, so shorter than 64 KiB; a new message is begun when it is longer than this. */
const MAX_LIST_BYTES = 0xf000;

/**
 * Writes the list of `elements` from index `from` on, as far as one message holds; where the next message goes on.
 * `withData` is false for deletions: the key is enough.
 */
export function encodeElementList(
  writer: NetlinkWriter,
  table: string,
  set: string,
  elements: readonly SetElement[],
  from: number,
  withData: boolean,
): number {
  writer.string(NFTA_SET_ELEM_LIST.TABLE, table);
  writer.string(NFTA_SET_ELEM_LIST.SET, set);
  writer.startNested(NFTA_SET_ELEM_LIST.ELEMENTS);
  let at = from;
  for (; at < elements.length && writer.nestedLength < MAX_LIST_BYTES; at++) {
    const element = elements[at]!;
    writer.startNested(NFTA_LIST_ELEM);
    if (element.intervalEnd === true) writer.u32be(NFTA_SET_ELEM.FLAGS, NFT_SET_ELEM_INTERVAL_END);
    writer.startNested(NFTA_SET_ELEM.KEY).bytes(NFTA_DATA.VALUE, element.key).endNested();
    if (element.keyEnd !== undefined)
      writer.startNested(NFTA_SET_ELEM.KEY_END).bytes(NFTA_DATA.VALUE, element.keyEnd).endNested();
    if (withData) {
      if (element.timeout !== undefined) writer.u64be(NFTA_SET_ELEM.TIMEOUT, BigInt(element.timeout));
      if (element.expiration !== undefined)
        writer.u64be(NFTA_SET_ELEM.EXPIRATION, BigInt(element.expiration));
      if (element.data !== undefined)
        writer.startNested(NFTA_SET_ELEM.DATA).bytes(NFTA_DATA.VALUE, element.data).endNested();
      else if (element.verdict !== undefined) {
        writer.startNested(NFTA_SET_ELEM.DATA);
        encodeVerdict(writer, element.verdict);
        writer.endNested();
      }
    }
    writer.endNested();
  }
  writer.endNested();
  return at;
}

/** Where an element's parts are in `bytes`. One object is used for all elements of a message. */
export interface ElementView {
  readonly bytes: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** Equal to dataEnd if the element has no data bytes. */
  readonly dataStart: number;
  readonly dataEnd: number;
  /** Where the last key of a box is; equal if there is none. */
  readonly boxStart: number;
  readonly boxEnd: number;
  readonly intervalEnd: boolean;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  readonly expiration: number | undefined;
  readonly verdict: Verdict | undefined;
}

class Cursor implements ElementView {
  readonly bytes: Uint8Array;
  keyStart = 0;
  keyEnd = 0;
  dataStart = 0;
  dataEnd = 0;
  boxStart = 0;
  boxEnd = 0;
  intervalEnd = false;
  timeout: number | undefined = undefined;
  expiration: number | undefined = undefined;
  verdict: Verdict | undefined = undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  clear(): void {
    this.keyStart = this.keyEnd = this.dataStart = this.dataEnd = this.boxStart = this.boxEnd = 0;
    this.timeout = this.expiration = undefined;
    this.intervalEnd = false;
    this.verdict = undefined;
  }
}

/** Calls `visit` with each element of the NFTA_SET_ELEM_LIST_ELEMENTS that `list` stands on. */
export function visitElements(list: AttributeReader, visit: (element: ElementView) => void): void {
  const bytes = list.buffer;
  const cursor = new Cursor(bytes);
  for (let at = list.start; at + 4 <= list.end;) {
    const end = attributeEnd(bytes, at, list.end);
    cursor.clear();
    for (let inner = at + 4; inner + 4 <= end;) {
      const innerEnd = attributeEnd(bytes, inner, end);
      const type = bytes[inner + 2]!;
      if (type === NFTA_SET_ELEM.KEY) {
        cursor.keyStart = inner + 8;
        cursor.keyEnd = attributeEnd(bytes, inner + 4, innerEnd);
      } else if (type === NFTA_SET_ELEM.FLAGS)
        cursor.intervalEnd = (bytes[innerEnd - 1]! & NFT_SET_ELEM_INTERVAL_END) !== 0;
      else if (type === NFTA_SET_ELEM.DATA) {
        const dataEnd = attributeEnd(bytes, inner + 4, innerEnd);
        if (bytes[inner + 6] === NFTA_DATA.VALUE) {
          cursor.dataStart = inner + 8;
          cursor.dataEnd = dataEnd;
        } else cursor.verdict = decodeVerdict(new AttributeReader(bytes, inner + 8, dataEnd));
      } else if (type === NFTA_SET_ELEM.KEY_END) {
        cursor.boxStart = inner + 8;
        cursor.boxEnd = attributeEnd(bytes, inner + 4, innerEnd);
      } else if (type === NFTA_SET_ELEM.TIMEOUT) cursor.timeout = milliseconds(bytes, inner, innerEnd);
      else if (type === NFTA_SET_ELEM.EXPIRATION) cursor.expiration = milliseconds(bytes, inner, innerEnd);
      inner = (innerEnd + 3) & ~3;
    }
    visit(cursor);
    at = (end + 3) & ~3;
  }
}

/** The number in the attribute at `start`, network order. */
function milliseconds(bytes: Uint8Array, start: number, end: number): number {
  let number = 0;
  for (let at = start + 4; at < end; at++) number = number * 256 + bytes[at]!;
  return number;
}

function attributeEnd(bytes: Uint8Array, at: number, limit: number): number {
  const length = hostU16(bytes, at);
  if (length < 4 || at + length > limit)
    throw new NetlinkFormatError(`an attribute says it is ${length} bytes long, ${limit - at} are left`, at);
  return at + length;
}

/** The element with bytes of its own. */
export function copyElement(view: ElementView): SetElement {
  return {
    key: view.bytes.slice(view.keyStart, view.keyEnd),
    ...(view.intervalEnd ? { intervalEnd: true } : {}),
    ...(view.dataEnd > view.dataStart ? { data: view.bytes.slice(view.dataStart, view.dataEnd) } : {}),
    ...(view.boxEnd > view.boxStart ? { keyEnd: view.bytes.slice(view.boxStart, view.boxEnd) } : {}),
    ...(view.timeout === undefined ? {} : { timeout: view.timeout }),
    ...(view.expiration === undefined ? {} : { expiration: view.expiration }),
    ...(view.verdict === undefined ? {} : { verdict: view.verdict }),
  };
}
