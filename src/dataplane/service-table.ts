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
import { readService, virtualPorts } from "./service-ports.ts";
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
  /**
   * Adds or replaces. Slices without a Service's name are nobody's. One that had another Service's before is to be
   * removed as it was.
   */
  setSlice(slice: EndpointSlice): void;
  /** Whose it is, is what its label says. */
  removeSlice(slice: EndpointSlice): void;
  /** The node that the table is for, or what is known of it, is another. What that changes is in the next `take`. */
  setNode(node: NodeView | undefined): void;
  /** The services whose picture may have changed since the last `take`. */
  readonly changed: number;
  /**
   * What changed since the last `take`, in no particular order; of at most so many services, so that whoever takes the
   * first table can do other things in between. Where services contend for a port, only all of it is right. @default {all}
   */
  take(services?: number): TableDelta;
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

/** What is known of a Service, or of slices whose Service is not here. Lean: there are as many as Services. */
interface Known {
  readonly name: Key;
  object: Service | undefined;
  /** Nearly always just one. */
  slices: readonly EndpointSlice[];
  /**
   * Of a Service with several slices, what each says: a change of one does not read the others again. A single slice
   * is not worth the memory.
   */
  readings: ReadonlyMap<EndpointSlice, SliceReading> | undefined;
  /** What it was last found to want. */
  wanted: readonly VirtualPort[];
}

export function createServiceTracker(options: ServiceTrackerOptions = {}): ServiceTracker {
  let node = options.node;
  const services = new Map<Key, Known>();
  const dirty = new Set<Known>();
  /** What the data plane was last told. */
  const current = new Map<VirtualPortKey, VirtualPort>();
  /** All who want a key, where that is more than one Service. */
  const rivals = new Map<VirtualPortKey, readonly VirtualPort[]>();
  const conflicts = new Map<VirtualPortKey, VirtualPortConflict>();
  const healthChecks = createHealthChecks();
  const problems = new Map<Key, readonly string[]>();

  function knownOf(name: Key): Known {
    let known = services.get(name);
    if (known === undefined) {
      known = { name, object: undefined, slices: NO_SLICES, readings: undefined, wanted: NO_PORTS };
      services.set(name, known);
    }
    return known;
  }

  function setService(object: Service): void {
    const known = knownOf(keyOf(object));
    known.object = object;
    dirty.add(known);
  }

  function removeService(object: Service): void {
    const known = services.get(keyOf(object));
    if (known === undefined) return;
    known.object = undefined;
    dirty.add(known);
  }

  function setSlice(object: EndpointSlice): void {
    const owner = ownerOf(object);
    if (owner === undefined) return;
    const known = knownOf(owner);
    known.slices = known.slices.length === 0 ? [object] : [...without(known.slices, object), object];
    dirty.add(known);
  }

  function removeSlice(object: EndpointSlice): void {
    const owner = ownerOf(object);
    const known = owner === undefined ? undefined : services.get(owner);
    if (known === undefined) return;
    const rest = without(known.slices, object);
    if (rest.length === known.slices.length) return;
    known.slices = rest;
    dirty.add(known);
  }

  function setNode(next: NodeView | undefined): void {
    if (sameNode(node, next)) return;
    node = next;
    for (const known of services.values()) {
      known.readings = undefined;
      if (known.object !== undefined) dirty.add(known);
    }
  }

  function readingsOf(known: Known): SliceReading[] {
    const found = new Map<EndpointSlice, SliceReading>();
    for (const object of known.slices) {
      const reading = known.readings?.get(object) ?? readSlice(object, node);
      if (reading !== undefined) found.set(object, reading);
    }
    known.readings = found.size > 1 ? found : undefined;
    return [...found.values()];
  }

  /** Brings what one Service wants up to date. Notes what was told of the keys it wanted before or wants now. */
  function restate(known: Known, told: Map<VirtualPortKey, VirtualPort | undefined>): void {
    const { name, object } = known;
    const now = new Map<VirtualPortKey, VirtualPort>();
    const reading = object === undefined ? undefined : readService(object, node, name);
    const its = reading === undefined ? [] : readingsOf(known);
    if (reading !== undefined)
      for (const port of virtualPorts(reading, its, node)) {
        const key = virtualPortKey(port);
        if (now.has(key)) continue;
        // Nobody keeps two objects of one meaning.
        const held = current.get(key);
        now.set(key, held !== undefined && sameMeaning(held, port) ? held : port);
      }
    healthChecks.set(name, reading, its);
    const sentences = [...(reading?.problems ?? []), ...its.flatMap((slice) => slice.problems)];
    if (sentences.length === 0) problems.delete(name);
    else problems.set(name, sentences);
    for (const port of known.wanted) {
      const key = virtualPortKey(port);
      if (now.has(key)) continue;
      if (!told.has(key)) told.set(key, current.get(key));
      claim(key, name, undefined);
    }
    for (const [key, port] of now) {
      if (!told.has(key)) told.set(key, current.get(key));
      claim(key, name, port);
    }
    known.wanted = now.size === 0 ? NO_PORTS : [...now.values()].slice();
    if (object === undefined && known.slices.length === 0) services.delete(name);
  }

  /** The Service `name` wants `key` as `port`, or not any more. */
  function claim(key: VirtualPortKey, name: Key, port: VirtualPort | undefined): void {
    const held = rivals.get(key);
    const holder = current.get(key);
    if (held === undefined && (holder === undefined || holder.service === name)) {
      if (port === undefined) current.delete(key);
      else current.set(key, port);
      return;
    }
    const others = (held ?? [holder!]).filter(({ service }) => service !== name);
    const all = port === undefined ? others : [...others, port];
    if (all.length > 1) rivals.set(key, all);
    else {
      rivals.delete(key);
      current.set(key, all[0]!);
    }
  }

  /** Gives a key that several want to the oldest of them. */
  function grant(key: VirtualPortKey): void {
    const held = rivals.get(key);
    if (held === undefined) {
      conflicts.delete(key);
      return;
    }
    const age = ({ service }: VirtualPort): Service | undefined => services.get(service)!.object;
    const [winner, ...others] = held.toSorted((a, b) => compareAge(age(a), age(b)));
    current.set(key, winner!);
    conflicts.set(key, { key, winner: winner!.service, losers: others.map(({ service }) => service) });
  }

  function take(limit = Infinity): TableDelta {
    const told = new Map<VirtualPortKey, VirtualPort | undefined>();
    let looked = 0;
    for (const known of dirty) {
      if (looked++ >= limit) break;
      dirty.delete(known);
      restate(known, told);
    }
    const set: VirtualPort[] = [];
    const remove: VirtualPortKey[] = [];
    for (const [key, before] of told) {
      grant(key);
      const now = current.get(key);
      if (now === before) continue;
      if (now === undefined) remove.push(key);
      else if (before === undefined || !sameMeaning(before, now)) set.push(now);
    }
    return { set, remove };
  }

  return {
    setService,
    removeService,
    setSlice,
    removeSlice,
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

const NO_SLICES: readonly EndpointSlice[] = [];
const NO_PORTS: readonly VirtualPort[] = [];

/** The slices but for the one of that name. A slice's Service is in its own namespace. */
function without(
  slices: readonly EndpointSlice[],
  { metadata: { name } }: EndpointSlice,
): readonly EndpointSlice[] {
  return slices.filter(({ metadata }) => metadata.name !== name);
}

/** undefined: nobody's. */
function ownerOf({ metadata: { namespace, labels } }: EndpointSlice): Key | undefined {
  const name = labels?.[SERVICE_NAME_LABEL];
  return name === undefined || name === "" ? undefined : `${namespace}/${name}`;
}

function keyOf({ metadata: { namespace, name } }: Service | EndpointSlice): Key {
  return `${namespace}/${name}`;
}

/** Creation times are RFC 3339 in UTC to the second, so their text sorts as they do. */
function compareAge(a: Service | undefined, b: Service | undefined): number {
  // One that has gone, and gives up its claims as soon as its turn comes.
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const [first, second] = [a.metadata.creationTimestamp ?? "~", b.metadata.creationTimestamp ?? "~"];
  if (first !== second) return first < second ? -1 : 1;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
