/** The Networks that there are, as this process knows them, and the addresses of each. */
import type { Ip, IpFamily } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import { networkAddresses } from "../../api/network/addresses.ts";
import { dockerNetworkName } from "../../api/network/docker-name.ts";
import { networkKind } from "../../api/network/kind.ts";
import type { Network } from "../../api/network/type.ts";
import type { IpFamilyName } from "../../api/service/type.ts";
import type { ConflictError, Operation, Revision } from "../../store/store.ts";
import type { Reservation } from "../registry/kind-rules.ts";
import { keyPrefix, storeKey } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import type { AddressSpace } from "./address-space.ts";
import type { HeldAddresses } from "./held-addresses.ts";
import { NetworkSpace } from "./network-space.ts";
import { holderOf, type HoldingService } from "./number-space.ts";
import { Picture } from "./picture.ts";
import { PodPlaces } from "./pod-places.ts";

export interface NetworkPool {
  readonly network: Network;
  /** The network's, when it was read. */
  readonly revision: Revision;
  readonly families: ReadonlyMap<IpFamilyName, NetworkSpace>;
}

/** Beside the objects, and no kind's: written with every Service that joins a Network, deleted with the Network. */
const USES_PREFIX = "/registry/ranges/networkuses/";
const NETWORKS = keyPrefix(networkKind);
const encoder = new TextEncoder();

/** Whoever finds that a Network has no Services sees by this key whether one has joined since. */
export function usesKey(namespace: string, name: string): string {
  return `${USES_PREFIX}${namespace}/${name}`;
}

export class NetworkPools {
  readonly pods: PodPlaces = new PodPlaces();
  readonly #spaces: ReadonlyMap<IpFamilyName, AddressSpace>;
  /** By the store's key. */
  readonly #pools = new Picture<string, NetworkPool>();
  /** By family in ascending order of subnet, which do not overlap. Undefined: to be made anew. */
  #sorted: Map<IpFamily, NetworkSpace[]> | undefined;

  /** `spaces` of both families; the addresses of `nodes` are no Service's. */
  constructor(spaces: ReadonlyMap<IpFamilyName, AddressSpace>, nodes: HeldAddresses) {
    this.#spaces = spaces;
    for (const { family, ledger } of spaces.values())
      ledger.onFree = (value) => this.at({ family, value })?.noteFree(value);
    const noteFree = (text: string): void => {
      const address = parseSloppyIp(text);
      if (address !== undefined) this.at(address)?.noteFree(address.value);
    };
    this.pods.onFree = noteFree;
    nodes.onFree = noteFree;
  }

  get(namespace: string, name: string): NetworkPool | undefined {
    return this.#pools.get(storeKey(networkKind, { namespace, name }));
  }

  /** Whose subnet an address is in. */
  at({ family, value }: Ip): NetworkSpace | undefined {
    const spaces = this.#inOrder().get(family) ?? [];
    let low = 0;
    let high = spaces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (spaces[middle]!.addresses.subnet.base.value <= value) low = middle + 1;
      else high = middle;
    }
    const space = spaces[low - 1];
    return space?.contains(value) === true ? space : undefined;
  }

  /** What a commit of this process made of a Network. */
  learn(network: Network, revision: Revision, gone: boolean): void {
    const key = networkKey(network);
    this.#pools.learn(key, gone ? undefined : this.#pool(network, revision), revision);
    this.#sorted = undefined;
  }

  /** What the watch says of the Network at `key`. */
  observe(key: string, network: Network | undefined, revision: Revision): void {
    this.#pools.observe(key, network && this.#pool(network, revision), revision);
    this.#sorted = undefined;
  }

  observedUntil(revision: Revision): void {
    this.#pools.observedUntil(revision);
  }

  /** Has a commit depend on the Network being as it is here, and shows those who would delete it that a Service came. */
  join({ network, revision }: NetworkPool, service: HoldingService): Reservation {
    const { namespace = "", name = "" } = network.metadata;
    const key = networkKey(network);
    const operations: Operation[] = [
      { type: "check", key, expect: revision },
      { type: "put", key: usesKey(namespace, name), value: encoder.encode(holderOf(service)) },
    ];
    return {
      operations,
      commit() {},
      revert: (conflict?: ConflictError) => {
        if (conflict?.key !== key) return;
        const { current } = conflict;
        if (current === undefined) this.#pools.learnGone(key);
        else this.learn(decodeEntry(networkKind, current), current.modRevision, false);
        this.#sorted = undefined;
      },
    };
  }

  #pool(network: Network, revision: Revision): NetworkPool {
    const { namespace = "", name = "" } = network.metadata;
    const before = this.#pools.get(networkKey(network));
    // Its spec does not change: what is known of its addresses stays.
    if (before !== undefined && before.network.metadata.uid === network.metadata.uid)
      return { network, revision, families: before.families };
    const families = new Map<IpFamilyName, NetworkSpace>();
    for (const addresses of networkAddresses(network.spec ?? {})) {
      const family: IpFamilyName = `IPv${addresses.family}`;
      const space = this.#spaces.get(family)!;
      const dockerName = dockerNetworkName(namespace, name);
      const parts = { name: `${namespace}/${name}`, dockerName, addresses, space, pods: this.pods };
      families.set(family, new NetworkSpace(parts));
    }
    return { network, revision, families };
  }

  #inOrder(): Map<IpFamily, NetworkSpace[]> {
    if (this.#sorted !== undefined) return this.#sorted;
    const sorted = new Map<IpFamily, NetworkSpace[]>([
      [4, []],
      [6, []],
    ]);
    for (const { families } of this.#pools.values())
      for (const space of families.values()) sorted.get(space.addresses.family)!.push(space);
    const base = ({ addresses }: NetworkSpace): bigint => addresses.subnet.base.value;
    for (const spaces of sorted.values()) spaces.sort((a, b) => (base(a) < base(b) ? -1 : 1));
    this.#sorted = sorted;
    return sorted;
  }
}

/** Whether a key of the store is a Network's. */
export function isNetworkKey(key: string): boolean {
  return key.startsWith(NETWORKS);
}

function networkKey({ metadata: { namespace = "", name = "" } }: Network): string {
  return storeKey(networkKind, { namespace, name });
}
