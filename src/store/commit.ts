/** What a commit does, worked out before anything is written: the same rules for every implementation. */
import { ConflictError, type Entry, type Operation, type Revision, type StoreEvent } from "./store.ts";

/**
 * The events of one commit at `revision`, in the order of its operations; empty if it changes nothing.
 * `lookup` tells what a key holds just before it. Throws ConflictError, or RangeError for a key that occurs twice.
 */
export function planCommit(
  operations: readonly Operation[],
  revision: Revision,
  lookup: (key: string) => Entry | undefined,
): readonly StoreEvent[] {
  const events: StoreEvent[] = [];
  const seen = operations.length > 1 ? new Set<string>() : undefined;
  for (const operation of operations) {
    const { key, expect } = operation;
    if (seen?.has(key) === true) throw new RangeError(`a commit names the key ${JSON.stringify(key)} twice`);
    seen?.add(key);
    const previous = lookup(key);
    if (expect !== undefined && expect !== (previous?.modRevision ?? 0))
      throw new ConflictError(key, expect, previous);
    if (operation.type === "check") continue;
    if (operation.type === "delete") {
      if (previous !== undefined) events.push({ type: "delete", previous, revision });
      continue;
    }
    const createRevision = previous?.createRevision ?? revision;
    const entry: Entry = { key, value: ownBytes(operation.value), createRevision, modRevision: revision };
    events.push(
      previous === undefined ? { type: "put", entry, revision } : { type: "put", entry, previous, revision },
    );
  }
  return events;
}

/** The key that an event is about. */
export function eventKey(event: StoreEvent): string {
  return event.type === "put" ? event.entry.key : event.previous.key;
}

/**
 * The same bytes, copied if they are a small piece of a large buffer (Node's shared pool, a whole request body):
 * the store would keep all of that alive for as long as the entry.
 */
function ownBytes(value: Uint8Array): Uint8Array {
  return value.buffer.byteLength <= 2 * value.byteLength ? value : Uint8Array.from(value);
}
