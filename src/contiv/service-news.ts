/**
 * What changes in what is told of services: which of them a change of a Service, Pod or EndpointSlice shows in, and how they look
 * then. So a watch costs what changes, not what there is.
 */
import { SERVICE_NAME_LABEL, type EndpointSlice } from "../api/endpointslice/type.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import type { IndexFunction, Lister } from "../client/cache.ts";
import type { InformerHandler } from "../client/informer.ts";
import { keyOf, type ObjectKeyText } from "../client/object-key.ts";
import { selects } from "../controllers/pod-endpoint.ts";
import { inspectService } from "./inspection.ts";
import { contivName } from "./names.ts";
import { type Objects, Picture } from "./picture.ts";

const label = (namespace = "", key = "", value = ""): string => `${namespace}/${key}=${value}`;

/** How {@link ServiceNews} finds things. */
export const serviceIndex: { readonly selector: IndexFunction<Service> } = {
  selector: ({ metadata, spec }) =>
    Object.entries(spec?.selector ?? {})
      .slice(0, 1)
      .map(([key, value]) => label(metadata.namespace, key, value)),
};
export const podIndex: { readonly label: IndexFunction<Pod> } = {
  label: ({ metadata }) =>
    Object.entries(metadata.labels ?? {}).map(([key, value]) => label(metadata.namespace, key, value)),
};
export const sliceIndex: { readonly service: IndexFunction<EndpointSlice> } = {
  service: ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL]}`],
};

export interface ServiceNewsParts {
  readonly services: Lister<Service, keyof typeof serviceIndex>;
  readonly pods: Lister<Pod, keyof typeof podIndex>;
  readonly slices: Lister<EndpointSlice, keyof typeof sliceIndex>;
}

export interface ServiceChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** The inspection, as JSON. */
  readonly object: string;
}

interface Shown {
  readonly key: string;
  readonly text: string;
}

export class ServiceNews {
  readonly #parts: ServiceNewsParts;
  readonly #shown = new Map<ObjectKeyText, Shown>();
  readonly #touched = new Set<ObjectKeyText>();
  /** Everything has to be looked at, as in the beginning. */
  #isAll = true;

  constructor(parts: ServiceNewsParts) {
    this.#parts = parts;
  }

  /** To be told of Services after the lister has changed. */
  get onService(): InformerHandler<Service> {
    return this.#handler((service, other) => {
      this.#touched.add(keyOf(service));
      if (other !== undefined && isSelectingAlike(service, other)) return;
      // Of each container it is told which services it is a provider of.
      for (const pod of this.#selectedBy(service)) this.#touch(pod);
    });
  }

  get onPod(): InformerHandler<Pod> {
    return this.#handler((pod) => this.#touch(pod));
  }

  get onSlice(): InformerHandler<EndpointSlice> {
    return this.#handler((slice) => {
      for (const key of sliceIndex.service(slice)) this.#touched.add(key);
    });
  }

  /** `touch` is told of what is there and of what was, each with the other of the two. */
  #handler<T>(touch: (object: T, other?: T) => void): InformerHandler<T> {
    const unlessAll = (object: T, other?: T): void => {
      if (!this.#isAll) touch(object, other);
    };
    return {
      onAdd: (object) => unlessAll(object),
      onDelete: (object) => unlessAll(object),
      onUpdate(object, old) {
        unlessAll(object, old);
        unlessAll(old, object);
      },
    };
  }

  /** What all of them are called by has changed. */
  touchAll(): void {
    this.#isAll = true;
  }

  /** What has changed since the last time, in the order of Contiv's keys; those that are gone come last. */
  take(named: Pick<Objects, "namespaces" | "networks">): ServiceChange[] {
    const { services } = this.#parts;
    const keys = this.#isAll ? [...services.list().keys(), ...this.#shown.keys()] : this.#touched;
    const wanted = new Set(keys);
    this.#touched.clear();
    this.#isAll = false;
    const picture = this.#pictureOf(wanted, named);
    const listed = new Map(picture.services.map((service) => [keyOf(service), service]));
    const changed: (ServiceChange & Shown)[] = [];
    const gone: ServiceChange[] = [];
    for (const id of wanted) {
      const before = this.#shown.get(id);
      const service = listed.get(id);
      if (service === undefined) {
        this.#shown.delete(id);
        if (before !== undefined) gone.push({ type: "DELETED", object: before.text });
        continue;
      }
      const inspection = inspectService(service, picture);
      const text = JSON.stringify(inspection);
      if (before?.text === text) continue;
      const shown = { key: inspection.Config.key ?? "", text };
      this.#shown.set(id, shown);
      changed.push({ type: before === undefined ? "ADDED" : "MODIFIED", object: text, ...shown });
    }
    changed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    return [...changed.map(({ type, object }) => ({ type, object })), ...gone];
  }

  /** All that the views of these Services are made of, in the order of lists. */
  #pictureOf(wanted: Iterable<ObjectKeyText>, named: Pick<Objects, "namespaces" | "networks">): Picture {
    const { slices: allSlices, services: allServices } = this.#parts;
    const services = new Set<Service>();
    const pods = new Set<Pod>();
    const slices: EndpointSlice[] = [];
    for (const key of wanted) {
      const service = allServices.getByKey(key);
      if (service === undefined) continue;
      services.add(service);
      slices.push(...allSlices.byIndex("service", key).values());
      for (const pod of this.#selectedBy(service)) pods.add(pod);
    }
    for (const pod of pods) for (const service of this.#selecting(pod)) services.add(service);
    return new Picture({ ...named, services: inOrder(services), pods: inOrder(pods), slices });
  }

  #touch(pod: Pod): void {
    for (const service of this.#selecting(pod)) this.#touched.add(keyOf(service));
  }

  #selecting(pod: Pod): Service[] {
    return podIndex
      .label(pod)
      .flatMap((value) => [...this.#parts.services.byIndex("selector", value).values()])
      .filter((service) => selects(service, pod));
  }

  #selectedBy(service: Service): Pod[] {
    const { namespace } = service.metadata;
    const [fewest] = Object.entries(service.spec?.selector ?? {})
      .map(([key, value]) => this.#parts.pods.byIndex("label", label(namespace, key, value)))
      .sort((a, b) => a.size - b.size);
    return [...(fewest?.values() ?? [])].filter((pod) => selects(service, pod));
  }
}

function isSelectingAlike(a: Service, b: Service): boolean {
  const selector = ({ spec }: Service): string => JSON.stringify(spec?.selector);
  return selector(a) === selector(b) && contivName("serviceLBs", a) === contivName("serviceLBs", b);
}

function inOrder<T extends KubeObject>(objects: Iterable<T>): T[] {
  return Array.from(objects, (object) => ({ key: keyOf(object), object }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ object }) => object);
}
