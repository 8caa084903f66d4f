/** GET of a collection: versions, pages and selectors (apiserver storage/etcd3 GetList; apimachinery ListOptions). */
import { Turns } from "../../base/turns.ts";
import { type FieldError, forbiddenField, notSupported } from "../../api/field-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import {
  badRequest,
  expired,
  invalid,
  tooLargeResourceVersion,
  tooOldResourceVersion,
} from "../../api/status-errors.ts";
import {
  CompactedError,
  type Entry,
  FutureRevisionError,
  type Revision,
  type Store,
} from "../../store/store.ts";
import type { RegistryList, RegistryListQuery } from "../registry.ts";
import { type ContinuePoint, decodeContinue, encodeContinue } from "./continue-token.ts";
import { type Selection, selectionOf } from "./selection.ts";
import { decodeEntry } from "./stored-object.ts";

/** With a selector a page of the store may hold few matches: read this many times the limit at once. */
const READ_AHEAD = 4;

const PAGES_COMPACTED =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
  "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
  "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or " +
  "deleted between the time the first chunk was returned and now may show up in the list.";

/** A list before it is known in which form it is wanted. */
export interface EntryList {
  /** In order of key. */
  readonly entries: readonly Entry[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Throws ApiError: 400, 410, 422 or 504. */
export async function listObjects<T extends KubeObject>(
  store: Store,
  kind: Kind<T>,
  query: RegistryListQuery,
): Promise<RegistryList<T>> {
  const { entries, ...metadata } = await listEntries(store, kind, query);
  const turns = new Turns();
  const items: T[] = [];
  for (const entry of entries) {
    items.push(decodeEntry(kind, entry));
    if (turns.over) await turns.next();
  }
  return { ...metadata, items };
}

/**
 * The entries of the objects that match. Without selectors none of them is parsed. What is not parsed yet is parsed in
 * short turns; the list stays true at its one revision. Throws ApiError: 400, 410, 422 or 504.
 */
export async function listEntries<T extends KubeObject>(
  store: Store,
  kind: Kind<T>,
  query: RegistryListQuery,
): Promise<EntryList> {
  const selection = selectionOf(kind, query);
  checkVersionMatch(query);
  const point =
    query.continue === undefined || query.continue === "" ? undefined : decodeContinue(query.continue);
  const revision = point === undefined ? exactRevision(store, query) : point.revision;
  try {
    if (selection.key !== undefined && revision === undefined && point === undefined)
      return await one(store, kind, selection);
    return await page(store, kind, selection, query.limit ?? 0, revision, point);
  } catch (error) {
    if (error instanceof FutureRevisionError) throw tooLargeResourceVersion(error.requested, error.current);
    if (!(error instanceof CompactedError)) throw error;
    if (point === undefined) throw tooOldResourceVersion(error.requested, error.compacted);
    const refusal = expired(PAGES_COMPACTED);
    refusal.status.metadata.continue = encodeContinue({ revision: undefined, after: point.after });
    throw refusal;
  }
}

async function one<T extends KubeObject>(
  store: Store,
  kind: Kind<T>,
  { key, matches }: Selection<T>,
): Promise<EntryList> {
  // Read before the object: a list may be older than what it shows, never newer.
  const resourceVersion = String(store.revision);
  const entry = await store.get(key!);
  const entries = entry !== undefined && matches!(decodeEntry(kind, entry)) ? [entry] : [];
  return { entries, resourceVersion: String(Math.max(Number(resourceVersion), entry?.modRevision ?? 0)) };
}

async function page<T extends KubeObject>(
  store: Store,
  kind: Kind<T>,
  { prefix, matches }: Selection<T>,
  limit: number,
  at: Revision | undefined,
  point: ContinuePoint | undefined,
): Promise<EntryList> {
  let entries: readonly Entry[] = [];
  let after = point === undefined ? undefined : prefix + point.after;
  let revision = at;
  for (;;) {
    const read = limit === 0 ? undefined : matches === undefined ? limit : limit * READ_AHEAD;
    const result = await store.list(prefix, {
      ...(revision !== undefined && { revision }),
      ...(read !== undefined && { limit: read }),
      ...(after !== undefined && { after }),
    });
    revision ??= result.revision;
    let last = result.entries.length;
    if (matches === undefined) entries = result.entries;
    else {
      const found: Entry[] = [...entries];
      last = await take(kind, result.entries, matches, limit, found);
      entries = found;
    }
    const remaining = result.remaining + result.entries.length - last;
    after = result.entries[last - 1]?.key ?? after;
    const full = limit > 0 && entries.length >= limit;
    if (remaining === 0 || full) {
      const resourceVersion = String(revision);
      if (remaining === 0) return { entries, resourceVersion };
      const token = encodeContinue({ revision, after: after!.slice(prefix.length) });
      // With a selector nobody knows how many of the rest match.
      return matches === undefined
        ? { entries, resourceVersion, continue: token, remainingItemCount: remaining }
        : { entries, resourceVersion, continue: token };
    }
  }
}

/** Appends matches to `found` up to `limit`; returns how many entries were looked at. */
async function take<T extends KubeObject>(
  kind: Kind<T>,
  entries: readonly Entry[],
  matches: (object: T) => boolean,
  limit: number,
  found: Entry[],
): Promise<number> {
  const turns = new Turns();
  for (const [i, entry] of entries.entries()) {
    if (limit > 0 && found.length >= limit) return i;
    if (matches(decodeEntry(kind, entry))) found.push(entry);
    if (turns.over) await turns.next();
  }
  return entries.length;
}

/** The revision that the query insists on; undefined: the newest will do. */
function exactRevision(store: Store, query: RegistryListQuery): Revision | undefined {
  const { resourceVersion: text = "", resourceVersionMatch: match, limit = 0 } = query;
  if (text === "" || text === "0") return undefined;
  const revision = parseResourceVersion(text);
  if (revision > store.revision) throw tooLargeResourceVersion(revision, store.revision);
  // A limit with a version and no word on matching is the older form of "Exact".
  return match === "Exact" || (match === undefined && limit > 0) ? revision : undefined;
}

/** Throws ApiError 400. */
export function parseResourceVersion(text: string): Revision {
  const revision = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(revision))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return revision;
}

function checkVersionMatch(query: RegistryListQuery): void {
  const { resourceVersion = "", resourceVersionMatch: match } = query;
  const continued = (query.continue ?? "") !== "";
  if (continued && resourceVersion !== "" && resourceVersion !== "0")
    throw badRequest("specifying resource version is not allowed when using continue");
  if (match === undefined) return;
  const field = "resourceVersionMatch";
  const errors: FieldError[] = [];
  if (resourceVersion === "")
    errors.push(
      forbiddenField(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    );
  if (continued)
    errors.push(forbiddenField(field, "resourceVersionMatch is forbidden when continue is provided"));
  if (!["Exact", "NotOlderThan"].includes(match))
    errors.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
  else if (match === "Exact" && resourceVersion === "0")
    errors.push(forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
}
