/** Where the Pods that have not ended are: their addresses, and the engine's networks that they are on. */
import { podAddresses } from "../../api/pod/addresses.ts";
import { CONTAINER_NETWORK_ANNOTATION } from "../../api/pod/container-annotation.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { canonicalAddress } from "../../base/sloppy-ip.ts";
import type { Entry } from "../../store/store.ts";
import { decodeEntry } from "../registry/stored-object.ts";

/** What a Pod that has not ended takes. */
export interface PodPlace {
  /** Canonical text. */
  readonly addresses: readonly string[];
  /** The engine's name of it. */
  readonly network?: string;
}

/** Undefined for a Pod that has ended: it has nothing any more. */
export function podPlace(pod: Pod): PodPlace | undefined {
  const { metadata, status = {} } = pod;
  if (status.phase === "Succeeded" || status.phase === "Failed") return undefined;
  const network = metadata.annotations?.[CONTAINER_NETWORK_ANNOTATION];
  return {
    addresses: podAddresses(pod).map(canonicalAddress),
    ...(network !== undefined && { network }),
  };
}

export class PodPlaces {
  /** By "namespace/name". */
  readonly #places = new Map<string, PodPlace>();
  /** Who has an address. Host network Pods of one node share theirs. */
  readonly #byAddress = new Map<string, Set<string>>();
  readonly #byNetwork = new Map<string, Set<string>>();
  /** Told of each address that no Pod has any more. */
  onFree: ((address: string) => void) | undefined;

  /** Takes over what the store says of the Pod "namespace/name". */
  observe(key: string, entry: Entry | undefined): void {
    const place = entry === undefined ? undefined : podPlace(decodeEntry(podKind, entry));
    const before = this.#places.get(key);
    if (place === undefined) this.#places.delete(key);
    else this.#places.set(key, place);
    for (const address of place?.addresses ?? []) add(this.#byAddress, address, key);
    if (place?.network !== undefined) add(this.#byNetwork, place.network, key);
    if (before === undefined) return;
    for (const address of before.addresses)
      if (place?.addresses.includes(address) !== true && remove(this.#byAddress, address, key))
        this.onFree?.(address);
    if (before.network !== undefined && before.network !== place?.network)
      remove(this.#byNetwork, before.network, key);
  }

  /** The "namespace/name" of a Pod that has the address, in canonical text. */
  holder(address: string): string | undefined {
    return this.#byAddress.get(address)?.values().next().value;
  }

  /** The "namespace/name" of a Pod on the engine's network of this name. */
  anyOn(network: string): string | undefined {
    return this.#byNetwork.get(network)?.values().next().value;
  }
}

function add(index: Map<string, Set<string>>, at: string, key: string): void {
  const keys = index.get(at);
  if (keys === undefined) index.set(at, new Set([key]));
  else keys.add(key);
}

/** Whether nobody is there any more. */
function remove(index: Map<string, Set<string>>, at: string, key: string): boolean {
  const keys = index.get(at);
  keys?.delete(key);
  if (keys === undefined || keys.size > 0) return false;
  index.delete(at);
  return true;
}
