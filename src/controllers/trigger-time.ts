/**
 * When what changed changed, for the annotation endpoints.kubernetes.io/last-change-trigger-time: the start of the
 * measurement of how long it takes until traffic follows (endpointslice/trigger_time_tracker.go).
 */
import type { Time } from "../api/meta/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";

export interface TriggerTimes {
  /**
   * The oldest time of the changes since the last call for this Service; undefined if none of them has one. On the
   * first call the Service's own creation.
   */
  since(key: string, service: Service, pods: Iterable<Pod>): Time | undefined;
  forget(key: string): void;
}

interface Seen {
  readonly service: Time | undefined;
  readonly pods: ReadonlyMap<string, Time>;
}

export function createTriggerTimes(): TriggerTimes {
  const seen = new Map<string, Seen>();
  return {
    since(key, service, pods) {
      const before = seen.get(key);
      const created = service.metadata.creationTimestamp;
      const now = new Map<string, Time>();
      let oldest: Time | undefined;
      const note = (time: Time, last: Time | undefined): void => {
        if (last !== undefined && time <= last) return;
        if (oldest === undefined || time < oldest) oldest = time;
      };
      for (const pod of pods) {
        const time = pod.status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime;
        if (time === undefined) continue;
        now.set(pod.metadata.name!, time);
        note(time, before?.pods.get(pod.metadata.name!));
      }
      if (created !== undefined) note(created, before?.service);
      seen.set(key, { service: created, pods: now });
      return before === undefined ? created : oldest;
    },
    forget: (key) => void seen.delete(key),
  };
}
