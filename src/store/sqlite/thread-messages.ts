/** What the database's thread and the rest say to each other. Each request gets one "done" or "failed", in order. */
import type { Revision } from "../store.ts";
import {
  StoreAccessError,
  StoreDamagedError,
  StoreLockedError,
  StoreVersionError,
  StoreWriteError,
} from "./errors.ts";
import type { JournalRow, JournalRowName } from "./journal.ts";

export type ThreadRequest =
  | { readonly type: "write"; readonly rows: PackedRows }
  | { readonly type: "forget"; readonly compacted: Revision; readonly rows: readonly JournalRowName[] }
  | { readonly type: "close" };

export type ThreadReply =
  | { readonly type: "rows"; readonly rows: readonly JournalRow[] }
  | { readonly type: "opened"; readonly compacted: Revision }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly error: ThreadError };

/**
 * Rows with all their values in one piece of memory: to copy every small array by itself takes several times as long,
 * on both sides.
 */
export interface PackedRows {
  readonly keys: readonly string[];
  /** Three numbers for each row: its revision, its createRevision, and where its value ends in `values`. */
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly values: Uint8Array<ArrayBuffer>;
}

export function packRows(rows: readonly JournalRow[]): PackedRows {
  const keys: string[] = [];
  const numbers = new Float64Array(3 * rows.length);
  let length = 0;
  for (const { value } of rows) length += value.length;
  const values = new Uint8Array(length);
  let end = 0;
  for (const [at, { key, revision, createRevision, value }] of rows.entries()) {
    keys.push(key);
    values.set(value, end);
    end += value.length;
    numbers.set([revision, createRevision, end], 3 * at);
  }
  return { keys, numbers, values };
}

export function* unpackRows({ keys, numbers, values }: PackedRows): Generator<JournalRow> {
  let start = 0;
  for (const [at, key] of keys.entries()) {
    const end = numbers[3 * at + 2]!;
    const value = values.subarray(start, end);
    yield { revision: numbers[3 * at]!, key, createRevision: numbers[3 * at + 1]!, value };
    start = end;
  }
}

/** An error, taken apart: classes and their fields do not survive the way between threads. */
export interface ThreadError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly pid: number | undefined;
  readonly isFinal: boolean;
}

export function takeApart(error: unknown): ThreadError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const pid = error instanceof StoreLockedError ? error.pid : undefined;
  const isFinal = error instanceof StoreWriteError && error.isFinal;
  return { name, message, stack, pid, isFinal };
}

/** The error that was taken apart, of the class it had if that is one of errors.ts. */
export function putTogether({ name, message, stack, pid, isFinal }: ThreadError): Error {
  switch (name) {
    case "StoreLockedError":
      return new StoreLockedError(message, pid);
    case "StoreVersionError":
      return new StoreVersionError(message);
    case "StoreDamagedError":
      return new StoreDamagedError(message);
    case "StoreAccessError":
      return new StoreAccessError(message);
    case "StoreWriteError":
      return new StoreWriteError(message, isFinal);
    default:
      return Object.assign(new Error(message), { name, stack });
  }
}
