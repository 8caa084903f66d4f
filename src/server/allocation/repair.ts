/**
 * Brings Services and what is recorded as theirs back together (pkg/registry/core/service ipallocator/controller
 * repairip.go, portallocator/controller repair.go): a Service without its record gets one, a record without its Service
 * goes, and two Services with one number are told so. Every decision is made on what is stored at that moment, and
 * written only if it still is.
 */
import { parseIp } from "../../base/ip.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import {
  IP_ALLOCATOR,
  IP_FAMILY_LABEL,
  IP_MANAGED_BY_LABEL,
  type IPAddress,
} from "../../api/ipaddress/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { ConflictError, type Entry, type Store } from "../../store/store.ts";
import { storeKey } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import type { EventReport } from "./event-report.ts";
import { holderOf, type HoldingService, type NumberSpace } from "./number-space.ts";
import { isInRange, placeOfAddress, type ServiceRanges } from "./ranges.ts";
import { heldAddresses, nameOf } from "./service-allocator.ts";
import { heldNodePorts } from "./service-node-ports.ts";

const ADDRESSES = "ClusterIPAllocation";
const PORTS = "PortAllocation";

export interface RepairParts {
  readonly store: Store;
  readonly ranges: ServiceRanges;
  readonly report: EventReport;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export class Repair {
  readonly #parts: RepairParts;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  /** Sees to it that a Service has what it says it has. Throws ConflictError if it must be looked at again. */
  async service(name: HoldingService): Promise<void> {
    const service = await this.#service(name);
    if (service === undefined) return;
    for (const address of heldAddresses(service.spec)) await this.#address(service, address);
    for (const port of heldNodePorts(service.spec ?? {})) await this.#port(service, port);
  }

  /** Sees to it that the IPAddress of this name, if the allocator made it, has its Service. */
  async address(text: string): Promise<void> {
    const place = placeOfAddress(this.#parts.ranges, text);
    const entry = await this.#parts.store.get(storeKey(ipAddressKind, { name: text }));
    if (entry === undefined || place === undefined) return;
    const object = decodeEntry(ipAddressKind, entry);
    if (object.metadata.labels?.[IP_MANAGED_BY_LABEL] !== IP_ALLOCATOR) return;
    const parent = serviceParent(object);
    const service = parent === undefined ? undefined : await this.#service(parent);
    if (service !== undefined && heldAddresses(service.spec).includes(text)) return;
    const of = parent === undefined ? "" : `${parent.namespace}/${parent.name}`;
    const [reason, message] =
      parent === undefined
        ? [
            "IPAddressNotAllocated",
            `IPAddress ${text} appears to have been modified, not referencing a Service ${JSON.stringify(object.spec?.parentRef)}: cleaning up`,
          ]
        : service === undefined
          ? [
              "IPAddressNotAllocated",
              `IPAddress: ${text} for Service ${of} appears to have leaked: cleaning up`,
            ]
          : [
              "IPAddressWrongReference",
              `IPAddress: ${text} for Service ${of} has a wrong reference; cleaning up`,
            ];
    await this.#tell(ipAddressKind, object, reason, "IPAddressAllocation", message);
    await this.#remove(place.space, place.address, entry);
  }

  /** Sees to it that what is recorded of a node port is true. */
  async port(port: number): Promise<void> {
    const { nodePorts } = this.#parts.ranges;
    const entry = await this.#parts.store.get(nodePorts.storeKey(port));
    if (entry === undefined) return;
    const [, namespace = "", name = ""] = nodePorts.holder(entry).split("/");
    const service = await this.#service({ namespace, name });
    if (service === undefined || !heldNodePorts(service.spec ?? {}).has(port))
      await this.#remove(nodePorts, port, entry);
  }

  async #address(service: Service, text: string): Promise<void> {
    const { ranges, store } = this.#parts;
    const family = text.includes(":") ? "IPv6" : "IPv4";
    const tell = async (reason: string, message: string): Promise<void> =>
      this.#tell(serviceKind, service, reason, ADDRESSES, message);
    const { namespace, name } = nameOf(service);
    const place = placeOfAddress(ranges, text);
    const ip = parseIp(text);
    if (ip === undefined) {
      await tell("ClusterIPNotValid", `Cluster IP ${text} is not a valid IP; please recreate Service`);
      return;
    }
    if (place === undefined || !isInRange(ranges, ip)) {
      await tell(
        "ClusterIPOutOfRange",
        `Cluster IP [${family}]: ${text} is not within any configured Service CIDR; please recreate service`,
      );
      // It keeps working. Its record, if there is one, still keeps others from it when the range comes back.
      return;
    }
    const entry = await store.get(storeKey(ipAddressKind, { name: text }));
    if (entry === undefined) {
      await tell("ClusterIPNotAllocated", `Cluster IP [${family}]: ${text} is not allocated; repairing`);
      await this.#add(place.space, place.address, service);
      return;
    }
    const object = decodeEntry(ipAddressKind, entry);
    const parent = serviceParent(object);
    const own = parent?.namespace === namespace && parent.name === name;
    if (!own) {
      const other = parent === undefined ? undefined : await this.#service(parent);
      if (other !== undefined && heldAddresses(other.spec).includes(text)) {
        await tell(
          "ClusterIPAlreadyAllocated",
          `Cluster IP [${family}]:${text} was assigned to multiple services; please recreate service`,
        );
        return;
      }
      await tell(
        "ClusterIPNotAllocated",
        `the ClusterIP [${family}]: ${text} for Service ${namespace}/${name} has a wrong reference; repairing`,
      );
    }
    const { labels = {} } = object.metadata;
    if (own && labels[IP_MANAGED_BY_LABEL] === IP_ALLOCATOR && labels[IP_FAMILY_LABEL] === family) return;
    await this.#remove(place.space, place.address, entry);
    await this.#add(place.space, place.address, service);
  }

  async #port(service: Service, port: number): Promise<void> {
    const { ranges, store } = this.#parts;
    const { nodePorts } = ranges;
    const tell = async (reason: string, message: string): Promise<void> =>
      this.#tell(serviceKind, service, reason, PORTS, message);
    if (port < nodePorts.first || port > nodePorts.last)
      await tell(
        "PortOutOfRange",
        `Port ${port} is not within the port range ${nodePorts.first}-${nodePorts.last}; please recreate service`,
      );
    const entry = await store.get(nodePorts.storeKey(port));
    if (entry === undefined) {
      await tell("PortNotAllocated", `Port ${port} is not allocated; repairing`);
      await this.#add(nodePorts, port, service);
      return;
    }
    if (nodePorts.holder(entry) === holderOf(nameOf(service))) return;
    const [, namespace = "", name = ""] = nodePorts.holder(entry).split("/");
    const other = await this.#service({ namespace, name });
    if (other !== undefined && heldNodePorts(other.spec ?? {}).has(port)) {
      await tell(
        "PortAlreadyAllocated",
        `Port ${port} was assigned to multiple services; please recreate service`,
      );
      return;
    }
    await this.#remove(nodePorts, port, entry);
    await this.#add(nodePorts, port, service);
  }

  async #service(name: HoldingService): Promise<Service | undefined> {
    const entry = await this.#parts.store.get(storeKey(serviceKind, name));
    return entry === undefined ? undefined : decodeEntry(serviceKind, entry);
  }

  async #add<Key>(space: NumberSpace<Key>, key: Key, service: Service): Promise<void> {
    const { store, clock } = this.#parts;
    const name = nameOf(service);
    const revision = await store.commit([space.record(key, name, clock())]);
    space.ledger.learn(key, holderOf(name), revision);
  }

  async #remove<Key>(
    space: NumberSpace<Key>,
    key: Key,
    { key: at, modRevision: expect }: Entry,
  ): Promise<void> {
    try {
      const revision = await this.#parts.store.commit([{ type: "delete", key: at, expect }]);
      space.ledger.learn(key, undefined, revision);
    } catch (error) {
      // Somebody else has dealt with it; what they made of it is looked at in its turn.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  async #tell(
    kind: typeof ipAddressKind | typeof serviceKind,
    object: IPAddress | Service,
    reason: string,
    action: string,
    message: string,
  ): Promise<void> {
    await this.#parts.report.tell({ kind, object, reason, action, message });
  }
}

/** The Service that an IPAddress says it is for; undefined if it is for something else. */
function serviceParent({ spec }: IPAddress): HoldingService | undefined {
  const { group = "", resource = "", namespace = "", name = "" } = spec?.parentRef ?? {};
  return group === "" && resource === "services" ? { namespace, name } : undefined;
}
