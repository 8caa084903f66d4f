/** The Journal contract: where a durable store writes down its commits. One implementation on disk, one in the tests. */
import type { Revision } from "../store.ts";

/** One operation of one commit, as it is written down. */
export interface JournalRow {
  readonly revision: Revision;
  readonly key: string;
  readonly value: Uint8Array;
  /** 0: the key was deleted. */
  readonly createRevision: Revision;
}

/** Names one row. */
export type JournalRowName = Pick<JournalRow, "revision" | "key">;

export interface Journal {
  /** Writes rows, all or none; resolves when they are durable. Throws StoreWriteError. */
  write(rows: readonly JournalRow[]): Promise<void>;
  /** Notes that history at and below `compacted` is gone and removes these rows. Throws StoreWriteError. */
  forget(compacted: Revision, rows: readonly JournalRowName[]): Promise<void>;
  close(): Promise<void>;
}

/** What a journal holds when it is opened. */
export interface JournalContent {
  /** 0: never compacted. */
  readonly compacted: Revision;
  /** In ascending order of revision. */
  readonly rows: readonly JournalRow[];
}
