/** The columns of `kubectl get events` (printers/internalversion printEvent). */
import { since } from "../columns/age.ts";
import { column, wideColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Event } from "./type.ts";

export const eventColumns: readonly Column<Event>[] = [
  column("Last Seen", "Time since it was last seen.", lastSeen),
  column("Type", "Normal or Warning.", ({ type }) => type ?? ""),
  column("Reason", "Why, as one word.", ({ reason }) => reason ?? ""),
  column("Object", "The object that it happened to.", ({ involvedObject: { kind = "", name = "" } }) =>
    name === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
  ),
  wideColumn("Subobject", "The part of the object.", ({ involvedObject }) => involvedObject.fieldPath ?? ""),
  wideColumn("Source", "Who reports it.", sourceOf),
  column("Message", "What happened.", ({ message }) => (message ?? "").trim()),
  wideColumn("First Seen", "Time since it was first seen.", (event, now) =>
    since(event.firstTimestamp ?? event.eventTime, now),
  ),
  { ...wideColumn("Count", "How often it was seen.", countOf), type: "string" },
  wideColumn("Name", "The event's name.", ({ metadata }) => metadata.name ?? ""),
];

function lastSeen(event: Event, now: number): string {
  if (event.series !== undefined) return since(event.series.lastObservedTime, now);
  return since(event.lastTimestamp ?? event.firstTimestamp ?? event.eventTime, now);
}

/** An event of the newer API that happened once has no count. */
function countOf({ series, count = 0 }: Event): number {
  return series === undefined ? count || 1 : (series.count ?? 0);
}

function sourceOf({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component ?? reportingComponent ?? "";
  const host = source?.component === undefined ? (reportingInstance ?? "") : (source.host ?? "");
  return host === "" ? component : `${component}, ${host}`;
}
