/** The two ways in which an answer may ask the API, and what it reads there. */
import { ApiError } from "../api/api-error.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { ipAddressKind } from "../api/ipaddress/kind.ts";
import type { Kind } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";
import { namespaceKind } from "../api/namespace/kind.ts";
import { networkKind } from "../api/network/kind.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import type { Pod } from "../api/pod/type.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Client, ObjectName } from "../client/client.ts";
import { isUp } from "./endpoint.ts";
import { type ContivKind, kubernetesName, namespaceOfTenant } from "./names.ts";
import { type Objects, Picture } from "./picture.ts";

export interface Sides {
  /** May what the user may, and throws ApiError 403 beyond. All that is told of objects is read here. */
  readonly user: Client;
  /** May everything: for the names of tenants and networks, for counting addresses, and for undoing. */
  readonly own: Client;
}

/** What is inspected, and the kinds that a user must be allowed to list for it beside the object itself. */
const NEEDED: Readonly<Record<ContivKind, readonly (keyof typeof KINDS)[]>> = {
  networks: ["networks", "services", "pods"],
  tenants: ["networks", "services", "pods"],
  serviceLBs: ["services", "slices", "pods"],
};

const KINDS = {
  networks: networkKind,
  services: serviceKind,
  slices: endpointSliceKind,
  pods: podKind,
} as const;

/** The kind that each of Contiv's is, the first of those that a watch follows. */
export const KIND_OF: Readonly<Record<ContivKind, Kind>> = {
  networks: networkKind,
  tenants: namespaceKind,
  serviceLBs: serviceKind,
};

/** Names alone: enough for configurations. */
export async function readNames({ own }: Sides): Promise<Picture> {
  return new Picture(await readNamed(own));
}

/** All that inspecting objects of the kind in `namespace` (undefined: in all) takes. Throws ApiError 403. */
export async function readPicture(
  sides: Sides,
  plural: ContivKind,
  namespace: string | undefined,
): Promise<Picture> {
  const needed = NEEDED[plural];
  const lists = needed.map(
    async (name) => [name, await listOf(sides.user, KINDS[name] as Kind, namespace)] as const,
  );
  const [named, taken, ...objects] = await Promise.all([
    readNamed(sides.own),
    plural === "networks" ? readTaken(sides.own) : [],
    ...lists,
  ]);
  return new Picture({ ...Object.fromEntries(objects), ...named, taken });
}

/** Pods that a description tells of: of all tenants, if the user may see them. */
export async function readPods({ user }: Sides, namespace: string): Promise<readonly Pod[]> {
  try {
    return await listOf(user, podKind, undefined);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 403)) throw error;
    return listOf(user, podKind, namespace);
  }
}

async function readNamed(own: Client): Promise<Pick<Objects, "namespaces" | "networks">> {
  const [namespaces, networks] = await Promise.all([listOf(own, namespaceKind), listOf(own, networkKind)]);
  return { namespaces, networks };
}

/** Every address that a Service or a running container has. */
async function readTaken(own: Client): Promise<string[]> {
  const [addresses, pods] = await Promise.all([listOf(own, ipAddressKind), listOf(own, podKind)]);
  return takenBy(addresses, pods);
}

export function takenBy(addresses: readonly KubeObject[], pods: readonly Pod[]): string[] {
  return [
    ...addresses.map(({ metadata }) => metadata.name ?? ""),
    ...pods.filter(isUp).flatMap(podAddresses),
  ];
}

export async function listOf<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  namespace?: string,
): Promise<readonly T[]> {
  return (await client.list(kind, namespace === undefined ? {} : { namespace })).items;
}

/** The object, or undefined if there is none of that name. */
export async function find<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  name: ObjectName,
): Promise<T | undefined> {
  try {
    return await client.get(kind, name);
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

/** Where the object is that Contiv's users call so. */
export function objectName(plural: ContivKind, tenantName: string, name: string): ObjectName {
  const namespace = namespaceOfTenant(tenantName);
  return plural === "tenants" ? { name: namespace } : { namespace, name: kubernetesName(plural, name) };
}
