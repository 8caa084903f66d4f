/** Keeps a Zone true to Services, EndpointSlices, Pods and Namespaces, one changed object at a time. */
import { type EndpointSlice, SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Namespace } from "../api/namespace/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import type { Cidr } from "../base/ip.ts";
import { keyOf, keyText, type ObjectKeyText } from "../client/object-key.ts";
import { Type } from "../net/dns/constants.ts";
import { childName, name, type NameKey } from "../net/dns/name.ts";
import { type ResourceRecord, stringsData } from "../net/dns/record.ts";
import { reverseZones } from "./reverse-name.ts";
import {
  isHeadless,
  namespaceNames,
  podRecords,
  serviceName,
  serviceRecords,
  sliceRecords,
} from "./service-records.ts";
import { recordIdentity, Zone, type ZoneNode } from "./zone.ts";

/** Of the specification that the names follow. */
const SCHEMA_VERSION = "1.1.0";
/** Seconds; it changes with the program only. */
const SCHEMA_TTL = 28_800;

export interface ClusterZoneOptions {
  /** @default {"cluster.local"} */
  readonly domain?: string;
  /** Seconds for which clients may keep an answer, 0 to 3600. @default {5} */
  readonly ttl?: number;
  /** Ranges whose addresses are only ours to name: one without a name does not exist. @default {[]} */
  readonly reverseRanges?: readonly Cidr[];
  /** The Service that we are, for NS and SOA. @default {kube-dns in kube-system} */
  readonly nameServer?: { readonly namespace: string; readonly name: string };
}

const NO_RECORDS: Pick<ZoneNode, "ofType"> = { ofType: () => [] };

interface Entry {
  readonly record: ResourceRecord;
  readonly identity: string;
}

export class ClusterZone {
  readonly zone: Zone = new Zone();
  readonly domain: NameKey;
  readonly ttl: number;
  /** Whom NS and SOA name. */
  readonly nameServer: NameKey;
  /** What each object has put into the zone, by kind and key. */
  readonly #entries = new Map<string, readonly Entry[]>();
  readonly #services = new Map<ObjectKeyText, Service>();
  /** Of each Service. */
  readonly #slices = new Map<ObjectKeyText, Map<ObjectKeyText, EndpointSlice>>();

  constructor(options: ClusterZoneOptions = {}) {
    const { domain = "cluster.local", ttl = 5, reverseRanges = [] } = options;
    const { namespace, name: server } = options.nameServer ?? { namespace: "kube-system", name: "kube-dns" };
    this.domain = name(domain);
    this.ttl = ttl;
    const nameServer = serviceName(this.domain, namespace, server);
    if (nameServer === undefined) throw new RangeError(`the cluster domain ${domain} is too long`);
    this.nameServer = nameServer;
    this.#addApex(this.domain);
    for (const label of ["svc", "pod"]) this.zone.pin(childName(label, this.domain)!);
    const version = { owner: childName("dns-version", this.domain)!, type: Type.TXT, ttl: SCHEMA_TTL };
    this.#put("schema", [{ ...version, rdata: stringsData(SCHEMA_VERSION) }]);
    for (const range of reverseRanges) this.addReverseRange(range);
  }

  /** From now on an address of the range without a name does not exist. */
  addReverseRange(range: Cidr): void {
    for (const apex of reverseZones(range)) this.#addApex(apex);
  }

  setService(service: Service): void {
    const key = keyOf(service);
    const before = this.#services.get(key);
    this.#services.set(key, service);
    this.#put(`service ${key}`, serviceRecords(service, this.#names));
    // The endpoints of any other Service have no names.
    if (isHeadless(service) || (before !== undefined && isHeadless(before))) this.#renewSlices(key);
  }

  removeService(service: Service): void {
    const key = keyOf(service);
    this.#services.delete(key);
    this.#put(`service ${key}`, []);
    this.#renewSlices(key);
  }

  /** The records of a Service's own name, if there is such a Service; a headless one without endpoints has none. */
  serviceNamed(namespace: string, label: string): Pick<ZoneNode, "ofType"> | undefined {
    if (!this.#services.has(keyText(namespace, label))) return undefined;
    const name = serviceName(this.domain, namespace, label);
    return (name === undefined ? undefined : this.zone.node(name)) ?? NO_RECORDS;
  }

  setSlice(slice: EndpointSlice): void {
    const owner = serviceKeyOf(slice);
    const key = keyOf(slice);
    if (owner === undefined) return;
    let slices = this.#slices.get(owner);
    if (slices === undefined) this.#slices.set(owner, (slices = new Map()));
    slices.set(key, slice);
    this.#renewSlice(key, slice, this.#services.get(owner));
  }

  /** `slice` as it was last seen. */
  removeSlice(slice: EndpointSlice): void {
    const owner = serviceKeyOf(slice);
    const key = keyOf(slice);
    this.#put(`slice ${key}`, []);
    if (owner === undefined) return;
    const slices = this.#slices.get(owner);
    slices?.delete(key);
    if (slices?.size === 0) this.#slices.delete(owner);
  }

  setPod(pod: Pod): void {
    this.#put(`pod ${keyOf(pod)}`, podRecords(pod, this.#names));
  }

  removePod(pod: Pod): void {
    this.#put(`pod ${keyOf(pod)}`, []);
  }

  addNamespace(namespace: Namespace): void {
    for (const key of namespaceNames(namespace.metadata.name ?? "", this.domain)) this.zone.pin(key);
  }

  removeNamespace(namespace: Namespace): void {
    for (const key of namespaceNames(namespace.metadata.name ?? "", this.domain)) this.zone.unpin(key);
  }

  get #names(): { readonly zone: NameKey; readonly ttl: number } {
    return { zone: this.domain, ttl: this.ttl };
  }

  #addApex(apex: NameKey): void {
    this.zone.addApex(apex);
    const ns = { owner: apex, type: Type.NS, ttl: this.ttl, rdata: [this.nameServer] };
    this.#put(`apex ${apex}`, [ns]);
  }

  #renewSlices(service: ObjectKeyText): void {
    for (const [key, slice] of this.#slices.get(service) ?? [])
      this.#renewSlice(key, slice, this.#services.get(service));
  }

  #renewSlice(key: ObjectKeyText, slice: EndpointSlice, service: Service | undefined): void {
    this.#put(`slice ${key}`, service === undefined ? [] : sliceRecords(slice, service, this.#names));
  }

  /** Makes the records of one object what they are now. New ones come first, so that no name is gone in between. */
  #put(source: string, records: readonly ResourceRecord[]): void {
    const before = this.#entries.get(source);
    if (before === undefined && records.length === 0) return;
    const next = records.map((record): Entry => ({ record, identity: recordIdentity(record) }));
    // What stays would be added and removed again, and its answers made anew.
    const old = new Map(before?.map((entry) => [entryKey(entry), entry]));
    const wanted = new Map(next.map((entry) => [entryKey(entry), entry]));
    for (const [key, { record, identity }] of wanted) if (!old.has(key)) this.zone.add(record, identity);
    for (const [key, { record, identity }] of old) if (!wanted.has(key)) this.zone.remove(record, identity);
    if (wanted.size === 0) this.#entries.delete(source);
    else this.#entries.set(source, [...wanted.values()]);
  }
}

function entryKey({ record, identity }: Entry): string {
  return record.owner + identity;
}

/** The Service that a slice is of, if it says so. */
function serviceKeyOf({ metadata }: KubeObject): ObjectKeyText | undefined {
  const service = metadata.labels?.[SERVICE_NAME_LABEL];
  return service === undefined || service === "" ? undefined : keyText(metadata.namespace, service);
}
