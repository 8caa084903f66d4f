/** Tells people, as Events of their Services, what the table had to leave out: contested ports and unreadable annotations. */
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import type { Log } from "../base/log.ts";
import type { EventRecorder } from "../client/recorder.ts";
import type { ServiceTracker } from "../dataplane/service-table.ts";

export interface ServiceReports {
  /** Tells of what is new since the last call. */
  look(): void;
}

export interface ServiceReportsParts {
  readonly tracker: Pick<ServiceTracker, "conflicts" | "problems">;
  /** By "namespace/name". */
  readonly serviceByKey: (key: string) => Service | undefined;
  readonly events: EventRecorder;
  readonly log: Log;
}

export function createServiceReports({
  tracker,
  serviceByKey,
  events,
  log,
}: ServiceReportsParts): ServiceReports {
  /** What has been told and still holds: it is told again only after it was gone. */
  let told = new Set<string>();

  return {
    look() {
      const now = new Set<string>();
      /** Once for as long as it holds, and only of a Service that is there to be told of. */
      const tell = (service: string, reason: string, id: string, message: string): void => {
        const key = `${service} ${reason} ${id}`;
        now.add(key);
        const object = told.has(key) ? undefined : serviceByKey(service);
        if (object === undefined) return;
        log.warn({ service, reason }, message);
        events.record(serviceKind, object, "Warning", reason, message);
      };
      for (const { key, winner, losers } of tracker.conflicts()) {
        const [address, protocol, port] = key.split("|");
        const message = `${address} port ${port}/${protocol} belongs to the older Service ${winner}: connections go there`;
        for (const loser of losers) tell(loser, "VirtualPortConflict", key, message);
      }
      for (const [service, sentences] of tracker.problems)
        for (const sentence of sentences) tell(service, "InvalidAnnotation", sentence, sentence);
      told = now;
    },
  };
}
