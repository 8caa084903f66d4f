/**
 * Names of one label, "app-svc", which mean something else to each client: the Service, else the Pod or container, of that
 * name in the namespace of the Pod that asks. Contiv's names are such, and Docker's.
 *
 * Who asks is known by the address, so only Pods that run and have an address of their own count. Nothing found here is
 * ever told to a Pod of another namespace, and nobody keeps it: it is looked up for each question.
 */
import { CONTIV_NAME_ANNOTATION } from "../api/meta/contiv-name-annotation.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import { CONTAINER_NAME_ANNOTATION } from "../api/pod/container-annotation.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { formatIp, parseIp } from "../base/ip.ts";
import { keyOf, type ObjectKeyText } from "../client/object-key.ts";
import { lowerName, type NameKey, ROOT } from "../net/dns/name.ts";
import { addressData, type ResourceRecord } from "../net/dns/record.ts";
import type { NameRecords } from "./answer.ts";
import type { ClusterZone } from "./cluster-zone.ts";

/** What a Pod that runs is known by. */
interface Entry {
  readonly key: ObjectKeyText;
  readonly namespace: string;
  /** The Pod's name, and the container's if that is another; lower case. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** It has an address that is not its own: nobody can be told by it. */
  readonly onHost: boolean;
}

/** Whether a name is one label and nothing else. */
export function isBare(name: NameKey): boolean {
  return name !== ROOT && name.length === name.charCodeAt(0) + 2;
}

export class BareNames {
  readonly #zone: ClusterZone;
  readonly #entries = new Map<ObjectKeyText, Entry>();
  readonly #byAddress = new Map<string, Set<Entry>>();
  /** By namespace and name. */
  readonly #byName = new Map<string, Set<Entry>>();
  /** Names of Services by namespace and the name that Kubernetes does not allow. */
  readonly #services = new Map<string, Set<string>>();

  constructor(zone: ClusterZone) {
    this.#zone = zone;
  }

  addService(service: Service): void {
    const alias = aliasOf(service);
    if (alias !== undefined) add(this.#services, alias, service.metadata.name!);
  }

  /** `service` as it was added. */
  removeService(service: Service): void {
    const alias = aliasOf(service);
    if (alias !== undefined) remove(this.#services, alias, service.metadata.name!);
  }

  setPod(pod: Pod): void {
    const before = this.#entries.get(keyOf(pod));
    const entry = entryOf(pod);
    if (before !== undefined && entry !== undefined && isSame(before, entry)) return;
    if (before !== undefined) this.#remove(before);
    if (entry === undefined) return;
    this.#entries.set(entry.key, entry);
    if (!entry.onHost) for (const address of entry.addresses) add(this.#byAddress, address, entry);
    for (const name of entry.names) add(this.#byName, nameIndex(entry.namespace, name), entry);
  }

  removePod(pod: Pod): void {
    const before = this.#entries.get(keyOf(pod));
    if (before !== undefined) this.#remove(before);
  }

  /**
   * What `name`, which is bare, means to the client with this address; undefined if nothing, or if the client is no Pod.
   * The records' owner is `name`.
   */
  find(client: string, name: NameKey): NameRecords | undefined {
    const namespace = this.#namespaceOf(client);
    if (namespace === undefined) return undefined;
    const label = name.slice(1, -1);
    const records = this.#service(namespace, label) ?? this.#podRecords(namespace, label);
    if (records === undefined) return undefined;
    const ofType = (type: number): ResourceRecord[] =>
      records.ofType(type).map((record) => ({ ...record, owner: name }));
    return { ofType, hasRecords: true, apex: undefined };
  }

  #service(namespace: string, label: string): Pick<NameRecords, "ofType"> | undefined {
    const own = this.#zone.serviceNamed(namespace, label);
    if (own !== undefined) return own;
    // Two may have been given names that differ in case alone.
    const [first] = Array.from(this.#services.get(nameIndex(namespace, label)) ?? []).sort();
    return first === undefined ? undefined : this.#zone.serviceNamed(namespace, first);
  }

  /** Where containers share one address they are of one namespace, or nobody can tell them apart. */
  #namespaceOf(client: string): string | undefined {
    const [first, ...others] = this.#byAddress.get(client) ?? [];
    return others.every(({ namespace }) => namespace === first?.namespace) ? first?.namespace : undefined;
  }

  #podRecords(namespace: string, label: string): Pick<NameRecords, "ofType"> | undefined {
    const pods = this.#byName.get(nameIndex(namespace, label));
    if (pods === undefined) return undefined;
    const addresses = new Set(Array.from(pods).flatMap((pod) => pod.addresses));
    const { ttl } = this.#zone;
    const records = Array.from(addresses, (text) => ({ owner: ROOT, ttl, ...addressData(text)! }));
    return { ofType: (type) => records.filter((record) => record.type === type) };
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key);
    for (const address of entry.addresses) remove(this.#byAddress, address, entry);
    for (const name of entry.names) remove(this.#byName, nameIndex(entry.namespace, name), entry);
  }
}

function entryOf(pod: Pod): Entry | undefined {
  if (pod.status?.phase !== "Running") return undefined;
  const addresses = podAddresses(pod).flatMap((text) => {
    const ip = parseIp(text);
    return ip === undefined ? [] : [formatIp(ip)];
  });
  if (addresses.length === 0) return undefined;
  const { namespace = "", name = "", annotations } = pod.metadata;
  const names = new Set([name, lowerName(annotations?.[CONTAINER_NAME_ANNOTATION] ?? name)]);
  const onHost = pod.spec?.hostNetwork === true;
  return { key: keyOf(pod), namespace, names: [...names], addresses, onHost };
}

function aliasOf({ metadata: { namespace = "", annotations } }: Service): string | undefined {
  const given = annotations?.[CONTIV_NAME_ANNOTATION];
  return given === undefined ? undefined : nameIndex(namespace, lowerName(given));
}

function isSame(a: Entry, b: Entry): boolean {
  return (
    a.onHost === b.onHost && a.addresses.join() === b.addresses.join() && a.names.join() === b.names.join()
  );
}

/** Namespaces have no slash. */
function nameIndex(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function add<T>(index: Map<string, Set<T>>, key: string, entry: T): void {
  const known = index.get(key);
  if (known === undefined) index.set(key, new Set([entry]));
  else known.add(entry);
}

function remove<T>(index: Map<string, Set<T>>, key: string, entry: T): void {
  const known = index.get(key);
  known?.delete(entry);
  if (known?.size === 0) index.delete(key);
}
