/**
 * Keeps a host's own ports open where a Service has got one of its addresses. A cluster IP is a Service's as a whole, and what
 * is not served there is refused: at an address of the host that would be all of its other ports, ssh included. The
 * server gives no such address out, but a host may get one afterwards. Then only the Service's own ports are served there,
 * as with an external IP, and that is told.
 */
import { type Cidr, cidrContains, ip, parseCidr } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import { silentLog } from "../base/log.ts";
import type { DataPlane, SyncReport } from "./dataplane.ts";
import type { HostAddresses } from "./host-addresses.ts";
import {
  isWhole,
  type ServiceTable,
  type TableDelta,
  type VirtualPort,
  type VirtualPortKey,
} from "./table.ts";
import { virtualPortKey } from "./table.ts";

export interface HostPortsOptions {
  /**
   * Told once of each Service's address that is the host's, as long as it is. With `inRange` it is of a service range, all of
   * which is refused but for what Services serve: the host's other ports stay closed there.
   */
  readonly onShared?: (port: VirtualPort, inRange: boolean) => void;
  readonly log?: Log;
}

/** The table as such a host serves it: its addresses are nobody's as a whole. */
export function tableOnHost(table: ServiceTable, addresses: HostAddresses): ServiceTable {
  const shared = [...table.ports].filter(([, port]) => isShared(port, addresses));
  // Nearly always there is nothing of the kind, and the table is as it was given.
  if (shared.length === 0) return table;
  const served = shared.map(([key, port]) => [key, asExternal(port)] as const);
  return { ...table, ports: new Map([...table.ports, ...served]) };
}

function isShared(port: VirtualPort, addresses: HostAddresses): boolean {
  return isWhole(port) && addresses.has(port.address);
}

function asExternal(port: VirtualPort): VirtualPort {
  return { ...port, type: "ExternalIP" };
}

/**
 * `plane`, on a host that has these addresses. Its name, reports and errors are those of `plane`, which it owns, as it does
 * `addresses`.
 */
export function withHostPorts(
  plane: DataPlane,
  addresses: HostAddresses,
  options: HostPortsOptions = {},
): DataPlane {
  return new HostPorts(plane, addresses, options);
}

class HostPorts implements DataPlane {
  readonly name: string;
  readonly #plane: DataPlane;
  readonly #addresses: HostAddresses;
  readonly #onShared: (port: VirtualPort, inRange: boolean) => void;
  #ranges: readonly Cidr[] = [];
  readonly #log: Log;
  /** Of the table as it is without regard to the host: those that are a Service's as a whole, by address. */
  readonly #whole = new Map<string, Map<VirtualPortKey, VirtualPort>>();
  /** "service address", of which it was told. */
  readonly #told = new Set<string>();
  #synced = false;

  constructor(plane: DataPlane, addresses: HostAddresses, { onShared, log }: HostPortsOptions) {
    this.name = plane.name;
    this.#plane = plane;
    this.#addresses = addresses;
    this.#onShared = onShared ?? (() => {});
    this.#log = log ?? silentLog;
    addresses.onChange = (changed) => void this.#addressesChanged(changed);
  }

  async sync(table: ServiceTable): Promise<SyncReport> {
    this.#whole.clear();
    this.#synced = true;
    // A range that is none is refused by the data plane.
    this.#ranges = table.ranges.flatMap((text) => parseCidr(text) ?? []);
    for (const [key, port] of table.ports) {
      this.#take(key, port);
      this.#tell(port);
    }
    return this.#plane.sync(tableOnHost(table, this.#addresses));
  }

  async apply(delta: TableDelta): Promise<void> {
    for (const key of delta.remove) this.#drop(key);
    for (const port of delta.set) {
      const key = virtualPortKey(port);
      this.#drop(key);
      this.#take(key, port);
    }
    const set = delta.set.map((port) => this.#onThisHost(port));
    await this.#plane.apply({ ...delta, set });
  }

  async cleanup(): Promise<void> {
    this.#synced = false;
    this.#whole.clear();
    await this.#plane.cleanup();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#addresses.onChange = undefined;
    this.#synced = false;
    this.#addresses[Symbol.dispose]();
    await this.#plane[Symbol.asyncDispose]();
  }

  async #addressesChanged(changed: ReadonlySet<string>): Promise<void> {
    const ports = Array.from(changed, (address) => [...(this.#whole.get(address)?.values() ?? [])]).flat();
    if (!this.#synced || ports.length === 0) return;
    for (const { service, address } of ports)
      if (!this.#addresses.has(address)) this.#told.delete(`${service} ${address}`);
    try {
      await this.#plane.apply({ set: ports.map((port) => this.#onThisHost(port)), remove: [] });
    } catch (err) {
      const addresses = [...new Set(ports.map(({ address }) => address))];
      this.#log.error(
        { err, addresses },
        "addresses of this host that Services have, too, could not be programmed",
      );
    }
  }

  #onThisHost(port: VirtualPort): VirtualPort {
    this.#tell(port);
    return isShared(port, this.#addresses) ? asExternal(port) : port;
  }

  #tell(port: VirtualPort): void {
    const what = `${port.service} ${port.address}`;
    if (!isShared(port, this.#addresses) || this.#told.has(what)) return;
    this.#told.add(what);
    const address = ip(port.address);
    this.#onShared(
      port,
      this.#ranges.some((range) => cidrContains(range, address)),
    );
  }

  #take(key: VirtualPortKey, port: VirtualPort): void {
    if (!isWhole(port)) return;
    const ports = this.#whole.get(port.address);
    if (ports === undefined) this.#whole.set(port.address, new Map([[key, port]]));
    else ports.set(key, port);
  }

  #drop(key: VirtualPortKey): void {
    const address = key.slice(0, key.indexOf("|"));
    const ports = this.#whole.get(address);
    const port = ports?.get(key);
    if (ports === undefined || port === undefined) return;
    ports.delete(key);
    if (ports.size === 0) {
      this.#whole.delete(address);
      this.#told.delete(`${port.service} ${address}`);
    }
  }
}
