/**
 * Follows Services and EndpointSlices, and says what changed for the data plane of one node.
 *
 * Changes are only noted; `take` works out what that means for the services it touches, so a change
 * costs what its service costs, however many others there are. What cancels itself out gives no delta.
 */
import { SERVICE_NAME_LABEL, type EndpointSlice } from "../api/endpointslice/type.ts";
import type { Service } from "../api/service/type.ts";
import { createHealthChecks, type HealthCheckPorts } from "./health-check-ports.ts";
import { type NodeView, sameNode } from "./node-view.ts";
import { sameMeaning } from "./same-meaning.ts";
import { readService, type ServiceReading, virtualPorts } from "./service-ports.ts";
import { readSlice, type SliceReading } from "./slice-endpoints.ts";
import {
  type ServiceTable,
  type TableDelta,
  type VirtualPort,
  type VirtualPortKey,
  virtualPortKey,
} from "./table.ts";

/** "namespace/name". */
type Key = string;

/** Two Services want one virtual port. The older one has it; of two of the same second, the first by name. */
export interface VirtualPortConflict {
  readonly key: VirtualPortKey;
  readonly winner: Key;
  /** In the order in which they would get it. */
  readonly losers: readonly Key[];
}

export interface ServiceTracker {
  /** Adds or replaces. */
  setService(service: Service): void;
  removeService(service: Service): void;
  /** Adds or replaces. Slices without a service's name are nobody's. */
  setSlice(slice: EndpointSlice): void;
  removeSlice(slice: EndpointSlice): void;
  /** The node that the table is for, or what is known of it, is another. What that changes is in the next `take`. */
  setNode(node: NodeView | undefined): void;
  /** The services whose picture may have changed since the last `take`. */
  readonly changed: number;
  /** What changed since the last `take`, in no particular order. */
  take(): TableDelta;
  /** Everything, as of the last `take`. A live view: copy it to keep it. */
  readonly ports: ServiceTable["ports"];
  /** As of the last `take`. */
  conflicts(): readonly VirtualPortConflict[];
  /** As of the last `take`. While nothing changed it is the same object: compare with ===. */
  healthCheckPorts(): HealthCheckPorts;
  /**
   * What is wrong in the annotations of Services and of their slices, in sentences; by "namespace/name" of the Service.
   * As of the last `take`. A live view.
   */
  readonly problems: ReadonlyMap<Key, readonly string[]>;
}

export interface ServiceTrackerOptions {
  /** @default {unknown: no endpoint is local, and topology hints do not count} */
  readonly node?: NodeView;
}

interface KnownService {
  readonly object: Service;
  readonly reading: ServiceReading | undefined;
}

export function createServiceTracker(options: ServiceTrackerOptions = {}): ServiceTracker {
  let node = options.node;
  const services = new Map<Key, KnownService>();
  const slices = new Map<Key, Map<Key, EndpointSlice>>();
  /**
   * Of services with several slices, what each says: a change of one does not read the others again. A single slice
   * is not worth the memory.
   */
  const readings = new Map<Key, SliceReading>();
  /** Which service each slice is filed under: its label may change. */
  const owners = new Map<Key, Key>();
  const dirty = new Set<Key>();
  /** What each service was last found to want. */
  const wanted = new Map<Key, readonly VirtualPort[]>();
  /** The same by key: of each service at most one, and nearly always just one. */
  const claims = new Map<VirtualPortKey, VirtualPort[]>();
  const conflicts = new Map<VirtualPortKey, VirtualPortConflict>();
  /** What the data plane was last told. */
  const current = new Map<VirtualPortKey, VirtualPort>();
  const healthChecks = createHealthChecks();
  const problems = new Map<Key, readonly string[]>();

  function setService(object: Service): void {
    const key = keyOf(object);
    services.set(key, { object, reading: readService(object, node) });
    dirty.add(key);
  }

  function unfile(slice: Key): void {
    const owner = owners.get(slice);
    if (owner === undefined) return;
    owners.delete(slice);
    readings.delete(slice);
    const filed = slices.get(owner)!;
    filed.delete(slice);
    if (filed.size === 0) slices.delete(owner);
    dirty.add(owner);
  }

  function setSlice(object: EndpointSlice): void {
    const key = keyOf(object);
    const name = object.metadata.labels?.[SERVICE_NAME_LABEL];
    const owner = name === undefined || name === "" ? undefined : `${object.metadata.namespace}/${name}`;
    if (owners.get(key) !== owner) unfile(key);
    if (owner === undefined) return;
    owners.set(key, owner);
    let filed = slices.get(owner);
    if (filed === undefined) slices.set(owner, (filed = new Map()));
    filed.set(key, object);
    readings.delete(key);
    dirty.add(owner);
  }

  function setNode(next: NodeView | undefined): void {
    if (sameNode(node, next)) return;
    node = next;
    for (const { object } of services.values()) setService(object);
    readings.clear();
  }

  function readingsOf(service: Key): SliceReading[] {
    const filed = slices.get(service);
    const found: SliceReading[] = [];
    for (const [key, object] of filed ?? []) {
      const reading = readings.get(key) ?? readSlice(object, node);
      if (reading === undefined) continue;
      found.push(reading);
      if (filed!.size > 1) readings.set(key, reading);
    }
    return found;
  }

  /** Brings the claims of one service up to date; notes the keys it wanted before or wants now. */
  function restate(service: Key, touched: Set<VirtualPortKey>): void {
    const now = new Map<VirtualPortKey, VirtualPort>();
    const reading = services.get(service)?.reading;
    const its = reading === undefined ? [] : readingsOf(service);
    if (reading !== undefined)
      for (const port of virtualPorts(reading, its, node)) {
        const key = virtualPortKey(port);
        if (!now.has(key)) now.set(key, port);
      }
    healthChecks.set(service, reading, its);
    const sentences = [...(reading?.problems ?? []), ...its.flatMap((slice) => slice.problems)];
    if (sentences.length === 0) problems.delete(service);
    else problems.set(service, sentences);
    for (const port of wanted.get(service) ?? []) {
      const key = virtualPortKey(port);
      touched.add(key);
      if (now.has(key)) continue;
      const others = claims.get(key)!.filter((claim) => claim.service !== service);
      if (others.length === 0) claims.delete(key);
      else claims.set(key, others);
    }
    for (const [key, port] of now) {
      touched.add(key);
      const held = claims.get(key);
      const index = held?.findIndex((claim) => claim.service === service) ?? -1;
      if (held === undefined) claims.set(key, [port]);
      else if (index < 0) held.push(port);
      else held[index] = port;
    }
    if (now.size === 0) wanted.delete(service);
    else wanted.set(service, Array.from(now.values()));
  }

  /** The claims of a key, in the order in which they are granted. */
  function ranked(key: VirtualPortKey): readonly VirtualPort[] {
    const held = claims.get(key) ?? [];
    const objectOf = (claim: VirtualPort) => services.get(claim.service)!.object;
    return held.length < 2 ? held : held.sort((a, b) => compareAge(objectOf(a), objectOf(b)));
  }

  function take(): TableDelta {
    const touched = new Set<VirtualPortKey>();
    for (const service of dirty) restate(service, touched);
    dirty.clear();
    const set: VirtualPort[] = [];
    const remove: VirtualPortKey[] = [];
    for (const key of touched) {
      const [now, ...others] = ranked(key);
      if (now === undefined || others.length === 0) conflicts.delete(key);
      else conflicts.set(key, { key, winner: now.service, losers: others.map(({ service }) => service) });
      const before = current.get(key);
      if (now === undefined) {
        if (current.delete(key)) remove.push(key);
      } else if (before === undefined || !sameMeaning(before, now)) {
        current.set(key, now);
        set.push(now);
      }
    }
    return { set, remove };
  }

  return {
    setService,
    removeService(service) {
      services.delete(keyOf(service));
      dirty.add(keyOf(service));
    },
    setSlice,
    removeSlice: (slice) => unfile(keyOf(slice)),
    setNode,
    get changed() {
      return dirty.size;
    },
    take,
    ports: current,
    conflicts: () => Array.from(conflicts.values()),
    healthCheckPorts: () => healthChecks.ports(),
    problems,
  };
}

function keyOf({ metadata: { namespace, name } }: Service | EndpointSlice): Key {
  return `${namespace}/${name}`;
}

/** Creation times are RFC 3339 in UTC to the second, so their text sorts as they do. */
function compareAge(a: Service, b: Service): number {
  const [first, second] = [a.metadata.creationTimestamp ?? "~", b.metadata.creationTimestamp ?? "~"];
  if (first !== second) return first < second ? -1 : 1;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
