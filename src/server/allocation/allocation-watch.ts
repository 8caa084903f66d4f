/**
 * Keeps the ledgers and ranges as the store has them, and finds what needs work: every commit is looked at once, in
 * memory, and only what does not fit together is looked at in the store (repair.ts).
 */
import { type Cidr, cidrContains, type Ip } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { createWorkQueue, type WorkQueue } from "../../base/workqueue.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import { networkKind } from "../../api/network/kind.ts";
import type { Network } from "../../api/network/type.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { hostAddresses } from "../../api/node/host-addresses.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { serviceCIDRKind } from "../../api/servicecidr/kind.ts";
import { isServiceCIDRReady, type ServiceCIDR } from "../../api/servicecidr/type.ts";
import { ConflictError, type Entry, type Store, type StoreEvent } from "../../store/store.ts";
import { keyPrefix, ROOT } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import type { Writer } from "../registry/writer.ts";
import { addressHolder } from "./address-space.ts";
import { EventReport } from "./event-report.ts";
import { holderOf, type HoldingService } from "./number-space.ts";
import { isNetworkKey } from "./network-pools.ts";
import { PORT_PREFIX } from "./port-space.ts";
import { isInRange, placeOfAddress, type ServiceRanges } from "./ranges.ts";
import { Repair } from "./repair.ts";
import { heldAddresses, nameOf } from "./service-allocator.ts";
import {
  DEFAULT_SERVICE_CIDR,
  ensureDefaultServiceCIDR,
  type ServiceCIDRParts,
  syncServiceCIDR,
} from "./service-cidrs.ts";
import { heldNodePorts } from "./service-node-ports.ts";
import { networkOwner, networkSubnets, rangesOf, serviceCIDROwner, SUBNETS_KEY } from "./subnets.ts";

export interface AllocationParts {
  readonly store: Store;
  readonly ranges: ServiceRanges;
  readonly writer: Writer;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds, see ServiceCIDRParts. */
  readonly deletionDelay: number;
}

const ADDRESSES = keyPrefix(ipAddressKind);
const SERVICES = keyPrefix(serviceKind);
const RANGES = keyPrefix(serviceCIDRKind);
const NETWORKS = keyPrefix(networkKind);
const PODS = keyPrefix(podKind);
const NODES = keyPrefix(nodeKind);
/** Services looked at together at a start: their repairs share flushes to disk. */
const START_BATCH = 128;

/**
 * Makes the installation's own ServiceCIDR, reads what is taken, repairs it, and follows the store until disposed.
 * Services can be written when this has returned.
 */
export async function startAllocation(parts: AllocationParts): Promise<AsyncDisposable> {
  const { store, log } = parts;
  // Before the first range is written: that says whose it is.
  parts.ranges.subnets.learn(await store.get(SUBNETS_KEY));
  await ensureDefaultServiceCIDR(parts, parts.ranges.serviceCidrs, (text) => log.warn({}, text));
  const watcher = new AllocationWatch(parts);
  const revision = await watcher.load();
  await watcher.repairAll();
  const watch = store.watch(ROOT, revision);
  const run = async (): Promise<void> => {
    try {
      for await (const events of watch) watcher.handle(events);
    } catch (error) {
      log.error({ err: error }, "the watch of addresses and ports has stopped; restart fairlead");
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      watch.close();
      await running;
      await watcher[Symbol.asyncDispose]();
    },
  };
}

class AllocationWatch implements AsyncDisposable {
  readonly #parts: AllocationParts & ServiceCIDRParts;
  readonly #repair: Repair;
  readonly #cidrs = new Map<string, ServiceCIDR>();
  readonly #abort = new AbortController();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Keys are "service <namespace>/<name>", "address <text>", "port <number>" and "cidr <name>". */
  readonly #queue: WorkQueue;

  constructor(parts: AllocationParts) {
    const { store, ranges, clock, log } = parts;
    this.#parts = parts;
    this.#repair = new Repair({ store, ranges, clock, report: new EventReport(parts) });
    this.#queue = createWorkQueue({
      name: "allocation",
      work: async (key) => this.#work(key),
      concurrency: 4,
      log,
      signal: this.#abort.signal,
    });
  }

  /** Reads everything at one revision, and returns that. */
  async load(): Promise<number> {
    const { store } = this.#parts;
    const addresses = await store.list(ADDRESSES);
    const { revision } = addresses;
    const ports = await store.list(PORT_PREFIX, { revision });
    const cidrs = await store.list(RANGES, { revision });
    const networks = await store.list(NETWORKS, { revision });
    const pods = await store.list(PODS, { revision });
    const nodes = await store.list(NODES, { revision });
    for (const entry of [...addresses.entries, ...ports.entries])
      this.#observe(entry.key, entry, entry.modRevision);
    for (const entry of cidrs.entries)
      this.#cidrs.set(entry.key.slice(RANGES.length), decodeEntry(serviceCIDRKind, entry));
    for (const entry of networks.entries) this.#takeNetwork(entry.key, entry, entry.modRevision);
    for (const entry of [...pods.entries, ...nodes.entries])
      this.#observe(entry.key, entry, entry.modRevision);
    this.#publishRanges();
    this.#observedUntil(revision);
    await this.#correctSubnets(networks.entries.map((entry) => decodeEntry(networkKind, entry)));
    for (const name of this.#cidrs.keys()) this.#queue.add(`cidr ${name}`);
    return revision;
  }

  /** Looks at everything once. What cannot be repaired now is tried again in the background. */
  async repairAll(): Promise<void> {
    const { store, ranges } = this.#parts;
    const { entries } = await store.list(SERVICES);
    const held = new Set<string>();
    const suspects: string[] = [];
    for (const entry of entries) {
      const service = decodeEntry(serviceKind, entry);
      const holder = holderOf(nameOf(service));
      for (const text of heldAddresses(service.spec)) held.add(`${holder} ${text}`);
      for (const port of heldNodePorts(service.spec ?? {})) held.add(`${holder} ${port}`);
      if (!this.#isRecorded(service) || !this.#isInRange(service)) suspects.push(serviceWork(service));
    }
    for (const space of ranges.addresses.values())
      for (const address of space.ledger.keys()) {
        const text = space.text(address);
        if (!held.has(`${space.ledger.holder(address)} ${text}`)) suspects.push(`address ${text}`);
      }
    const { ledger } = ranges.nodePorts;
    for (const port of ledger.keys())
      if (!held.has(`${ledger.holder(port)} ${port}`)) suspects.push(`port ${port}`);
    for (let i = 0; i < suspects.length; i += START_BATCH)
      await Promise.all(suspects.slice(i, i + START_BATCH).map(async (key) => this.#tryNow(key)));
  }

  /** The events of one turn. */
  handle(events: readonly StoreEvent[]): void {
    const services = new Set<string>();
    for (const event of events) {
      const key = keyOf(event);
      if (key.startsWith(SERVICES)) services.add(key.slice(SERVICES.length));
      else if (key.startsWith(RANGES)) this.#takeRange(key.slice(RANGES.length), event);
      else this.#observe(key, event.type === "put" ? event.entry : undefined, event.revision);
      if (event.type === "delete" && isNetworkKey(key))
        for (const one of this.#holdersWithin(networkSubnets(decodeEntry(networkKind, event.previous))))
          this.#queue.add(one);
    }
    const last = events.at(-1);
    if (last !== undefined) this.#observedUntil(last.revision);
    for (const event of events) {
      const key = keyOf(event);
      if (key.startsWith(SERVICES)) this.#checkService(event);
      else if (key.startsWith(ADDRESSES)) this.#checkAddress(event, services);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await this.#queue.idle();
  }

  async #tryNow(key: string): Promise<void> {
    try {
      await this.#work(key);
    } catch (err) {
      this.#parts.log.warn({ err, key }, "what a Service holds could not be repaired yet");
      this.#queue.add(key);
    }
  }

  async #work(key: string): Promise<void> {
    const [what, name = ""] = key.split(" ");
    const [namespace = "", service = ""] = name.split("/");
    switch (what) {
      case "service":
        return this.#repair.service({ namespace, name: service });
      case "address":
        return this.#repair.address(name);
      case "port":
        return this.#repair.port(Number(name));
      default:
        return this.#syncRange(name);
    }
  }

  async #syncRange(name: string): Promise<void> {
    if (name === DEFAULT_SERVICE_CIDR && !this.#cidrs.has(name))
      await ensureDefaultServiceCIDR(this.#parts, this.#parts.ranges.serviceCidrs, () => {});
    const wait = await syncServiceCIDR(this.#parts, name);
    if (wait === undefined || this.#abort.signal.aborted) return;
    clearTimeout(this.#timers.get(name));
    const again = (): void => {
      this.#timers.delete(name);
      this.#queue.add(`cidr ${name}`);
    };
    this.#timers.set(name, setTimeout(again, wait));
  }

  /** Takes over what the store says of an address, a port, a Pod, a Node or a subnet; other keys are passed by. */
  #observe(key: string, entry: Entry | undefined, revision: number): void {
    const { ranges } = this.#parts;
    if (key.startsWith(PODS)) ranges.networks.pods.observe(key.slice(PODS.length), entry);
    else if (key.startsWith(NODES)) {
      const node = entry === undefined ? undefined : decodeEntry(nodeKind, entry);
      ranges.nodes.set(key.slice(NODES.length), node === undefined ? [] : hostAddresses(node));
    } else if (isNetworkKey(key)) this.#takeNetwork(key, entry, revision);
    else if (key === SUBNETS_KEY) ranges.subnets.learn(entry);
    else if (key.startsWith(ADDRESSES)) {
      const place = placeOfAddress(ranges, key.slice(ADDRESSES.length));
      if (place === undefined) return;
      const { space, address } = place;
      const { ledger } = space;
      if (ledger.isKnown(address, revision)) ledger.observe(address, ledger.holder(address), revision);
      else ledger.observe(address, entry && space.holder(entry), revision);
    } else if (key.startsWith(PORT_PREFIX)) {
      const { nodePorts } = ranges;
      const holder = entry === undefined ? undefined : nodePorts.holder(entry);
      nodePorts.ledger.observe(Number(key.slice(PORT_PREFIX.length)), holder, revision);
    }
  }

  #observedUntil(revision: number): void {
    const { ranges } = this.#parts;
    for (const { ledger } of ranges.addresses.values()) ledger.observedUntil(revision);
    ranges.nodePorts.ledger.observedUntil(revision);
    ranges.networks.observedUntil(revision);
  }

  #takeNetwork(key: string, entry: Entry | undefined, revision: number): void {
    const network = entry === undefined ? undefined : decodeEntry(networkKind, entry);
    this.#parts.ranges.networks.observe(key, network, revision);
  }

  /** Makes the list of subnets what the objects say: an older version kept none, and a store can be edited. */
  async #correctSubnets(networks: readonly Network[]): Promise<void> {
    const { store, ranges } = this.#parts;
    const claims = new Map<string, readonly Cidr[]>();
    for (const network of networks) claims.set(networkOwner(network), networkSubnets(network));
    for (const range of this.#cidrs.values()) claims.set(serviceCIDROwner(range), rangesOf(range));
    const correction = ranges.subnets.correct(claims);
    if (correction === undefined) return;
    try {
      correction.commit(await store.commit(correction.operations!));
    } catch (error) {
      // Another server on this store has written since all that was read: its list is newer.
      if (!(error instanceof ConflictError)) throw error;
      correction.revert(error);
    }
  }

  #takeRange(name: string, event: StoreEvent): void {
    if (event.type === "delete") {
      const gone = this.#cidrs.get(name);
      this.#cidrs.delete(name);
      this.#publishRanges();
      for (const key of this.#holdersWithin(gone === undefined ? [] : rangesOf(gone))) this.#queue.add(key);
      if (name === DEFAULT_SERVICE_CIDR) this.#queue.add(`cidr ${name}`);
    } else {
      this.#cidrs.set(name, decodeEntry(serviceCIDRKind, event.entry));
      this.#publishRanges();
      this.#queue.add(`cidr ${name}`);
    }
    this.#lookAtGoing();
  }

  #publishRanges(): void {
    const known = [...this.#cidrs.values()].flatMap((range) =>
      rangesOf(range).map((cidr) => ({ cidr, ready: isServiceCIDRReady(range) })),
    );
    for (const space of this.#parts.ranges.addresses.values()) space.setRanges(known);
  }

  /** A ServiceCIDR that is going may be free to go, or held again. */
  #lookAtGoing(): void {
    for (const [name, { metadata }] of this.#cidrs)
      if (metadata.deletionTimestamp !== undefined) this.#queue.add(`cidr ${name}`);
  }

  #checkService(event: StoreEvent): void {
    const service = event.type === "put" ? decodeEntry(serviceKind, event.entry) : undefined;
    if (service !== undefined && !this.#isRecorded(service)) this.#queue.add(serviceWork(service));
    if (event.previous === undefined) return;
    const { ranges } = this.#parts;
    const before = decodeEntry(serviceKind, event.previous);
    const holder = holderOf(nameOf(before));
    const kept = heldAddresses(service?.spec);
    for (const text of heldAddresses(before.spec)) {
      const place = kept.includes(text) ? undefined : placeOfAddress(ranges, text);
      if (place?.space.ledger.holder(place.address) === holder) this.#queue.add(`address ${text}`);
    }
    const keptPorts = heldNodePorts(service?.spec ?? {});
    for (const port of heldNodePorts(before.spec ?? {}))
      if (!keptPorts.has(port) && ranges.nodePorts.ledger.holder(port) === holder)
        this.#queue.add(`port ${port}`);
  }

  /** `services` are those that the same turn told of: they have been looked at. */
  #checkAddress(event: StoreEvent, services: ReadonlySet<string>): void {
    const entry = event.type === "put" ? event.entry : event.previous;
    const name = entry.key.slice(ADDRESSES.length);
    if (event.type === "delete") this.#lookAtGoing();
    const [type, service] = splitHolder(addressHolder(decodeEntry(ipAddressKind, entry)));
    if (type === "services" && services.has(service)) return;
    this.#queue.add(event.type === "put" || type !== "services" ? `address ${name}` : `service ${service}`);
  }

  /** Whether the ledgers say of everything that a Service holds that it is this Service's. */
  #isRecorded(service: Service): boolean {
    const { ranges } = this.#parts;
    const holder = holderOf(nameOf(service));
    for (const text of heldAddresses(service.spec)) {
      const place = placeOfAddress(ranges, text);
      if (place !== undefined && place.space.ledger.holder(place.address) !== holder) return false;
    }
    for (const port of heldNodePorts(service.spec ?? {}))
      if (ranges.nodePorts.ledger.holder(port) !== holder) return false;
    return true;
  }

  #isInRange({ spec }: Service): boolean {
    const { ranges } = this.#parts;
    const { first, last } = ranges.nodePorts;
    return (
      heldAddresses(spec).every((text) => {
        const place = placeOfAddress(ranges, text);
        if (place === undefined) return true;
        return isInRange(ranges, { family: place.space.family, value: place.address });
      }) && [...heldNodePorts(spec ?? {})].every((port) => port >= first && port <= last)
    );
  }

  /** Work for the Services with addresses in a ServiceCIDR or a Network. */
  *#holdersWithin(cidrs: readonly Cidr[]): Generator<string> {
    for (const { family, ledger } of this.#parts.ranges.addresses.values())
      for (const address of ledger.keys()) {
        const ip: Ip = { family, value: address };
        const [type, service] = splitHolder(ledger.holder(address) ?? "");
        if (type === "services" && cidrs.some((cidr) => cidrContains(cidr, ip))) yield `service ${service}`;
      }
  }
}

function keyOf(event: StoreEvent): string {
  return event.type === "put" ? event.entry.key : event.previous.key;
}

function serviceWork(service: Service): string {
  const { namespace, name }: HoldingService = nameOf(service);
  return `service ${namespace}/${name}`;
}

/** "services/default/web" as "services" and "default/web". */
function splitHolder(holder: string): [type: string, name: string] {
  const slash = holder.indexOf("/");
  return [holder.slice(0, slash), holder.slice(slash + 1)];
}
