/**
 * Userdata: bytes that the kernel keeps for user space and nft reads to show objects as they were written.
 *
 * A list of records: type u8, length u8, value (libnftnl/udata.h). Comments are NUL-terminated.
 */

/** NFTNL_UDATA_TABLE_COMMENT, _CHAIN_COMMENT and _RULE_COMMENT are all 0. */
const COMMENT = 0;
/** nft refuses longer ones (NFTNL_UDATA_COMMENT_MAXLEN). */
const MAX_COMMENT_LENGTH = 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One record. Throws RangeError if the value does not fit. */
export function userdataRecord(type: number, value: Uint8Array): Uint8Array {
  if (value.length > 255)
    throw new RangeError(`a userdata record holds at most 255 bytes, not ${value.length}`);
  const record = new Uint8Array(2 + value.length);
  record.set([type, value.length]);
  record.set(value, 2);
  return record;
}

/** The userdata that says only `comment`, for tables, chains and rules. Throws RangeError if it is too long for nft. */
export function commentUserdata(comment: string, type: number = COMMENT): Uint8Array {
  const value = encoder.encode(`${comment}\0`);
  if (value.length > MAX_COMMENT_LENGTH)
    throw new RangeError(`a comment has at most ${MAX_COMMENT_LENGTH - 1} bytes: ${JSON.stringify(comment)}`);
  return userdataRecord(type, value);
}

/** The records by type. Records that are cut short are left out: userdata is whatever somebody wrote. */
export function parseUserdata(bytes: Uint8Array): Map<number, Uint8Array> {
  const records = new Map<number, Uint8Array>();
  for (let at = 0; at + 2 <= bytes.length;) {
    const end = at + 2 + bytes[at + 1]!;
    if (end > bytes.length) break;
    records.set(bytes[at]!, bytes.subarray(at + 2, end));
    at = end;
  }
  return records;
}

/** The comment in userdata of a table, chain, rule or (with its type) set. */
export function userdataComment(bytes: Uint8Array, type: number = COMMENT): string | undefined {
  const value = parseUserdata(bytes).get(type);
  if (value === undefined) return undefined;
  const nul = value.indexOf(0);
  return decoder.decode(nul < 0 ? value : value.subarray(0, nul));
}
