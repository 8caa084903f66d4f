/** Where the Pods that have not ended are: their addresses, and the engine's networks that they are on. */
import { dockerNetworkNamespace } from "../../api/network/docker-name.ts";
import { podAddresses } from "../../api/pod/addresses.ts";
import { CONTAINER_NETWORK_ANNOTATION } from "../../api/pod/container-annotation.ts";
import { hasEnded } from "../../api/pod/ended.ts";
import { podKind } from "../../api/pod/kind.ts";
import { otherNetworks } from "../../api/pod/other-networks.ts";
import type { Pod } from "../../api/pod/type.ts";
import { canonicalAddress } from "../../base/sloppy-ip.ts";
import type { Entry } from "../../store/store.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import { HeldAddresses } from "./held-addresses.ts";

/** What a Pod that has not ended takes. */
export interface PodPlace {
  /** On whatever network, in canonical text. */
  readonly addresses: readonly string[];
  /** By the engine's names; on its first one a Pod may have no address yet. */
  readonly networks: ReadonlyMap<string, readonly string[]>;
}

/**
 * Undefined for a Pod that has ended: it has nothing any more.
 *
 * Who may make Pods may write any annotation, and one that names another tenant's network would keep that one from being
 * deleted. So a Pod is on another tenant's network when it has an address, which only its Node says.
 */
export function podPlace(pod: Pod): PodPlace | undefined {
  const { metadata } = pod;
  if (hasEnded(pod)) return undefined;
  const network = metadata.annotations?.[CONTAINER_NETWORK_ANNOTATION];
  const addresses = podAddresses(pod).map(canonicalAddress);
  const isOn =
    network !== undefined && (addresses.length > 0 || dockerNetworkNamespace(network) === metadata.namespace);
  const networks = new Map<string, readonly string[]>(isOn ? [[network, [...addresses]]] : []);
  for (const [name, there] of otherNetworks(pod)) {
    const canonical = there.map(canonicalAddress);
    addresses.push(...canonical);
    if (!networks.has(name)) networks.set(name, canonical);
  }
  return { addresses, networks };
}

export class PodPlaces {
  /** By "namespace/name". */
  readonly #addresses = new HeldAddresses();
  /** The engine's networks of each that says so, and the reverse. */
  readonly #networks = new Map<string, readonly string[]>();
  readonly #byNetwork = new Map<string, Set<string>>();

  /** Told of each address that no Pod has any more. */
  set onFree(told: (address: string) => void) {
    this.#addresses.onFree = told;
  }

  /** Takes over what the store says of the Pod "namespace/name". */
  observe(key: string, entry: Entry | undefined): void {
    const place = entry === undefined ? undefined : podPlace(decodeEntry(podKind, entry));
    this.#addresses.set(key, place?.addresses ?? []);
    for (const network of this.#networks.get(key) ?? []) this.#leave(network, key);
    const networks = [...(place?.networks.keys() ?? [])];
    if (networks.length === 0) this.#networks.delete(key);
    else this.#networks.set(key, networks);
    for (const network of networks) {
      const on = this.#byNetwork.get(network);
      if (on === undefined) this.#byNetwork.set(network, new Set([key]));
      else on.add(key);
    }
  }

  /** The "namespace/name" of a Pod that has the address, in canonical text. */
  holder(address: string): string | undefined {
    return this.#addresses.holder(address);
  }

  /** The "namespace/name" of a Pod on the engine's network of this name. */
  anyOn(network: string): string | undefined {
    return this.#byNetwork.get(network)?.values().next().value;
  }

  #leave(network: string, key: string): void {
    const on = this.#byNetwork.get(network);
    on?.delete(key);
    if (on?.size === 0) this.#byNetwork.delete(network);
  }
}
