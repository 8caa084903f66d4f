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
  | { readonly type: "write"; readonly rows: readonly JournalRow[] }
  | { readonly type: "forget"; readonly compacted: Revision; readonly rows: readonly JournalRowName[] }
  | { readonly type: "close" };

export type ThreadReply =
  | { readonly type: "rows"; readonly rows: readonly JournalRow[] }
  | { readonly type: "opened"; readonly compacted: Revision }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly error: ThreadError };

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
