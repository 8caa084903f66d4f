/** What the API holds, as far as an answer is made of it; and by which names Contiv's users know it. Pure. */
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import { SERVICE_NAME_LABEL } from "../api/endpointslice/type.ts";
import type { Namespace } from "../api/namespace/type.ts";
import type { Network } from "../api/network/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { selects } from "../controllers/pod-endpoint.ts";
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
  #selectors: ReadonlyMap<string, readonly Placed[]> | undefined;
  /** Pods by the values of a label, by "namespace/label". */
  readonly #labels = new Map<string, ReadonlyMap<string, readonly Pod[]>>();

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

  /** Those that the Service's selector is true of. */
  selectedBy(service: Service): readonly Pod[] {
    const { namespace = "" } = service.metadata;
    let fewest = this.podsIn(namespace);
    for (const [key, value] of Object.entries(service.spec?.selector ?? {})) {
      const pods = this.#withLabel(namespace, key).get(value) ?? [];
      if (pods.length < fewest.length) fewest = pods;
    }
    return fewest.filter((pod) => selects(service, pod));
  }

  /** By the label's value. Made once for each key that a selector has: asking every Pod for every Service takes seconds. */
  #withLabel(namespace: string, key: string): ReadonlyMap<string, readonly Pod[]> {
    const name = `${namespace}/${key}`;
    const known = this.#labels.get(name);
    if (known !== undefined) return known;
    const labelled = this.podsIn(namespace).filter(({ metadata }) => metadata.labels?.[key] !== undefined);
    const byValue = Map.groupBy(labelled, ({ metadata }) => metadata.labels![key]!);
    this.#labels.set(name, byValue);
    return byValue;
  }

  servicesIn(namespace: string): readonly Service[] {
    return this.services.filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** Those whose selector is true of the Pod, in the order of the list. */
  selecting({ metadata }: Pod): readonly Service[] {
    const bySelector = (this.#selectors ??= this.#bySelector());
    return Object.entries(metadata.labels ?? {})
      .flatMap(([key, value]) => bySelector.get(`${metadata.namespace}/${key}=${value}`) ?? [])
      .filter(({ service }) => selects(service, { metadata }))
      .sort((a, b) => a.place - b.place)
      .map(({ service }) => service);
  }

  /** Each Service once, by the first label that it asks for. */
  #bySelector(): Map<string, Placed[]> {
    return Map.groupBy(
      this.services.map((service, place) => ({ service, place })),
      ({ service: { metadata, spec } }) => {
        const [key, value] = Object.entries(spec!.selector!)[0]!;
        return `${metadata.namespace}/${key}=${value}`;
      },
    );
  }

  networksIn(namespace: string): readonly Network[] {
    return this.networks.filter(({ metadata }) => metadata.namespace === namespace);
  }
}

/** A Service, and where it is in the list. */
interface Placed {
  readonly service: Service;
  readonly place: number;
}

/** Whether a Service is in lists: it has a selector, and is not Kubernetes' own. */
function isListed({ metadata, spec }: Service): boolean {
  return isTenant(metadata.namespace ?? "") && Object.keys(spec?.selector ?? {}).length > 0;
}

function keyOf({ metadata }: Network): string {
  return `${metadata.namespace}/${metadata.name}`;
}
