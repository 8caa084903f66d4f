/** What the API holds, as far as an answer is made of it; and by which names Contiv's users know it. Pure. */
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { Namespace } from "../api/namespace/type.ts";
import type { Network } from "../api/network/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { contivName, isTenant } from "./names.ts";

export interface Objects {
  readonly namespaces: readonly Namespace[];
  readonly networks: readonly Network[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
  /** Addresses that Services and running containers have, of whichever tenant. */
  readonly taken: readonly string[];
}

export class Picture {
  /** Networks, Services that choose their providers by labels, and Namespaces: those of tenants. */
  readonly networks: readonly Network[];
  readonly services: readonly Service[];
  readonly tenants: readonly Namespace[];
  readonly pods: readonly Pod[];
  readonly taken: readonly string[];
  readonly #objects: Partial<Objects>;
  readonly #tenants: ReadonlyMap<string, string>;
  readonly #networks: ReadonlyMap<string, string>;
  readonly #slices: ReadonlyMap<string, readonly EndpointSlice[]>;
  readonly #pods: ReadonlyMap<string, readonly Pod[]>;

  constructor(objects: Partial<Objects>) {
    const { namespaces = [], networks = [], services = [], slices = [], pods = [], taken = [] } = objects;
    this.#objects = objects;
    this.tenants = namespaces.filter(({ metadata }) => isTenant(metadata.name ?? ""));
    this.networks = networks.filter(({ metadata }) => isTenant(metadata.namespace ?? ""));
    this.services = services.filter(isListed);
    this.pods = pods;
    this.taken = taken;
    this.#tenants = new Map(namespaces.map((one) => [one.metadata.name ?? "", contivName("tenants", one)]));
    this.#networks = new Map(networks.map((one) => [keyOf(one), contivName("networks", one)]));
    this.#slices = Map.groupBy(
      slices,
      ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL]}`,
    );
    this.#pods = Map.groupBy(pods, ({ metadata }) => metadata.namespace ?? "");
  }

  /** The same with other objects in one place. */
  with(objects: Partial<Objects>): Picture {
    return new Picture({ ...this.#objects, ...objects });
  }

  tenantName(namespace: string): string {
    return this.#tenants.get(namespace) ?? namespace;
  }

  /** `name` is the Network's in Kubernetes. */
  networkName(namespace: string, name: string): string {
    return this.#networks.get(`${namespace}/${name}`) ?? name;
  }

  slicesOf({ metadata }: Service): readonly EndpointSlice[] {
    return this.#slices.get(`${metadata.namespace}/${metadata.name}`) ?? [];
  }

  podsIn(namespace: string): readonly Pod[] {
    return this.#pods.get(namespace) ?? [];
  }

  servicesIn(namespace: string): readonly Service[] {
    return this.services.filter(({ metadata }) => metadata.namespace === namespace);
  }

  networksIn(namespace: string): readonly Network[] {
    return this.networks.filter(({ metadata }) => metadata.namespace === namespace);
  }
}

/** Whether a Service is in lists: it has a selector, and is not Kubernetes' own. */
function isListed({ metadata, spec }: Service): boolean {
  return isTenant(metadata.namespace ?? "") && Object.keys(spec?.selector ?? {}).length > 0;
}

function keyOf({ metadata }: Network): string {
  return `${metadata.namespace}/${metadata.name}`;
}
