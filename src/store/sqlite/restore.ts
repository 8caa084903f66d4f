/** A journal's rows turned back into the state and the history that they are the record of. */
import type { VersionedState } from "../memory/versioned-state.ts";
import type { Entry, StoreEvent } from "../store.ts";
import { StoreDamagedError } from "./errors.ts";
import type { JournalContent, JournalRow, JournalRowName } from "./journal.ts";

/**
 * Fills an empty state. Returns the rows that no longer mean anything: what a compaction that was cut short has left.
 * Throws StoreDamagedError if the rows cannot have been written by a store.
 */
export function restore(
  state: VersionedState,
  { compacted, rows }: JournalContent,
): readonly JournalRowName[] {
  const leftOver: JournalRowName[] = [];
  const atCompaction = new Map<string, Entry>();
  let next = 0;
  for (; next < rows.length && rows[next]!.revision <= compacted; next++) {
    const row = rows[next]!;
    const previous = atCompaction.get(row.key);
    if (previous !== undefined) leftOver.push({ revision: previous.modRevision, key: row.key });
    if (row.createRevision !== 0) atCompaction.set(row.key, entryOf(row));
    else {
      atCompaction.delete(row.key);
      leftOver.push({ revision: row.revision, key: row.key });
    }
  }
  state.load(atCompaction.values(), compacted);
  while (next < rows.length) {
    const { revision } = rows[next]!;
    if (revision !== state.revision + 1)
      throw new StoreDamagedError(
        `the store's log goes from revision ${state.revision} to ${revision}: put a backup in its place`,
      );
    const events: StoreEvent[] = [];
    for (; next < rows.length && rows[next]!.revision === revision; next++)
      events.push(eventOf(rows[next]!, state));
    state.apply(events);
  }
  return leftOver;
}

function entryOf({ key, value, createRevision, revision }: JournalRow): Entry {
  return { key, value, createRevision, modRevision: revision };
}

function eventOf(row: JournalRow, state: VersionedState): StoreEvent {
  const { key, revision } = row;
  const previous = state.get(key);
  if (row.createRevision === 0) {
    if (previous === undefined)
      throw new StoreDamagedError(
        `the store's log deletes ${key} at revision ${revision}, where it was not: put a backup in its place`,
      );
    return { type: "delete", previous, revision };
  }
  const entry = entryOf(row);
  return previous === undefined
    ? { type: "put", entry, revision }
    : { type: "put", entry, previous, revision };
}
