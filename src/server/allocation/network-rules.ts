/**
 * The life of Networks: a subnet is taken with the commit that makes one and given up with the one that ends it, and one
 * that Services or containers use does not go, whoever asks (contiv/netplugin netmaster: DeleteNetworks).
 */
import { cidrContains, formatCidr } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import { invalidValue } from "../../api/field-error.ts";
import { networkType } from "../../api/network/defaults.ts";
import { dockerNetworkName } from "../../api/network/docker-name.ts";
import { networkKind } from "../../api/network/kind.ts";
import { serviceNetwork } from "../../api/network/service-network.ts";
import type { Network } from "../../api/network/type.ts";
import { validateNetwork } from "../../api/network/validation.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { conflict, invalid } from "../../api/status-errors.ts";
import type { ConflictError, Operation, Revision, Store } from "../../store/store.ts";
import { type KindRules, NOTHING_RESERVED, type Reservation } from "../registry/kind-rules.ts";
import { keyPrefix } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import { usesKey } from "./network-pools.ts";
import { podPlace } from "./pod-places.ts";
import type { ServiceRanges } from "./ranges.ts";
import { heldAddresses } from "./service-allocator.ts";
import { networkOwner, networkSubnets } from "./subnets.ts";

/** How many names a refusal gives. */
const MOST_NAMES = 10;

type Rules = Required<Pick<KindRules<Network>, "beginWrite" | "beginDelete" | "checkUnused" | "turn">>;

export function networkRules(store: Store, { subnets, networks }: ServiceRanges): Rules {
  return {
    turn: async () => subnets.turn(),

    beginWrite(network: Network, old: Network | undefined, dryRun: boolean): Reservation {
      const learn = (revision: Revision): void => networks.learn(network, revision, false);
      // Its subnets are for life.
      if (old !== undefined) return { commit: learn, revert() {} };
      // What is wrong with the object itself is said first, by validation, which comes after this.
      if (validateNetwork(network).length > 0) return NOTHING_RESERVED;
      const owner = networkOwner(network);
      const asked = networkSubnets(network);
      const met = subnets.conflict(owner, asked);
      const name = network.metadata.name ?? "";
      if (met !== undefined) {
        const field = met.asked.base.family === 4 ? "spec.subnet" : "spec.ipv6Subnet";
        throw invalid(networkKind, name, [
          invalidValue(
            field,
            formatCidr(met.asked),
            `network ${name} conflicts with subnet ${formatCidr(met.taken)} of ${met.by}`,
          ),
        ]);
      }
      if (dryRun) return NOTHING_RESERVED;
      return together(subnets.assign(owner, asked), learn);
    },

    beginDelete(network: Network): Reservation {
      const { namespace = "", name = "" } = network.metadata;
      const subnet = subnets.assign(networkOwner(network), []);
      const forgotten: Operation = { type: "delete", key: usesKey(namespace, name) };
      const gone = together(subnet, (revision) => networks.learn(network, revision, true));
      return { ...gone, operations: [...subnet.operations!, forgotten] };
    },

    /** The key that is read first stays as it is, or the deletion is begun again: no Service joins unseen. */
    async checkUnused(network: Network): Promise<readonly Operation[]> {
      const { namespace = "", name = "" } = network.metadata;
      const key = usesKey(namespace, name);
      const uses = await store.get(key);
      const services = await servicesOf(store, network);
      const refuse = (why: string): never => {
        throw conflict(networkKind, name, why);
      };
      if (services.length > 0)
        refuse(`cannot delete ${name} has ${services.length} services (${listed(services)})`);
      const pods = await podsOn(store, network);
      if (pods.length > 0) refuse(`Error: Network has active endpoints (${listed(pods)})`);
      return [{ type: "check", key, expect: uses?.modRevision ?? 0 }];
    },
  };
}

/** The reservation, and what is to be remembered of the commit. */
function together(reservation: Reservation, learn: (revision: Revision) => void): Reservation {
  return {
    operations: reservation.operations ?? [],
    commit(revision: Revision) {
      reservation.commit(revision);
      learn(revision);
    },
    revert: (refused?: ConflictError) => reservation.revert(refused),
  };
}

/** The names of the Services with addresses of the Network. */
async function servicesOf(store: Store, { metadata }: Network): Promise<string[]> {
  const { entries } = await store.list(keyPrefix(serviceKind, metadata.namespace));
  return entries
    .map((entry) => decodeEntry(serviceKind, entry))
    .filter((one) => serviceNetwork(one) === metadata.name && heldAddresses(one.spec).length > 0)
    .map((one) => one.metadata.name!);
}

/**
 * "namespace/name" of the Pods on the Network that have not ended. A Pod on a network of the same name that is not ours
 * has an address elsewhere; one without an address is about to get one.
 */
async function podsOn(store: Store, network: Network): Promise<string[]> {
  const { namespace = "", name = "" } = network.metadata;
  if (networkType(network.spec) === "Infra") return [];
  const dockerName = dockerNetworkName(namespace, name);
  const subnets = networkSubnets(network);
  const isInside = (text: string): boolean => {
    const address = parseSloppyIp(text);
    return address !== undefined && subnets.some((subnet) => cidrContains(subnet, address));
  };
  const { entries } = await store.list(keyPrefix(podKind));
  return entries
    .map((entry) => decodeEntry(podKind, entry))
    .filter((pod) => {
      const addresses = podPlace(pod)?.networks.get(dockerName);
      return addresses !== undefined && (addresses.length === 0 || addresses.some(isInside));
    })
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
