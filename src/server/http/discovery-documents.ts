/** The kinds by group and version, and their entries in discovery (apiserver endpoints/discovery, installer.go). */
import { createHash } from "node:crypto";
import type { Kind } from "../../api/kind.ts";
import { isStored, subresourcesOf, verbsOf } from "../../api/subresources.ts";

export interface GroupVersion {
  readonly version: string;
  /** In order of plural. */
  readonly kinds: readonly Kind[];
}

export interface ApiGroup {
  readonly name: string;
  /** The preferred version first. */
  readonly versions: readonly GroupVersion[];
}

/**
 * The order in which kube-apiserver names its groups (pkg/controlplane, apiVersionPriorities): clients that look for a
 * plural in all groups take the first. Others follow, in order of name.
 */
const GROUP_ORDER = [
  "",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "apiextensions.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
];

/** By name, in the order of discovery. */
export function groupsOf(kinds: readonly Kind[]): Map<string, ApiGroup> {
  const names = [...new Set(kinds.map(({ group }) => group))].sort(
    (a, b) => rank(a) - rank(b) || (a < b ? -1 : 1),
  );
  return new Map(names.map((name) => [name, groupOf(name, kinds)]));
}

function rank(group: string): number {
  const place = GROUP_ORDER.indexOf(group);
  return place < 0 ? GROUP_ORDER.length : place;
}

function groupOf(name: string, kinds: readonly Kind[]): ApiGroup {
  const own = kinds.filter(({ group }) => group === name);
  const versions = [...new Set(own.map(({ version }) => version))].sort(compareVersions);
  return {
    name,
    versions: versions.map((version) => ({
      version,
      kinds: own.filter((kind) => kind.version === version).sort((a, b) => (a.plural < b.plural ? -1 : 1)),
    })),
  };
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before any other text (apimachinery pkg/version). */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionRank(a), versionRank(b)];
  for (let i = 0; i < 3; i++) if (left[i] !== right[i]) return right[i]! - left[i]!;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Stability, major and minor; the greater is the better. */
function versionRank(version: string): [number, number, number] {
  const parts = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (parts === null) return [0, 0, 0];
  const stability = parts[2] === undefined ? 3 : parts[2] === "beta" ? 2 : 1;
  return [stability, Number(parts[1]), Number(parts[3] ?? 0)];
}

/** A kind and its subresources in an APIResourceList. */
export function plainResources(kind: Kind): object[] {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(isStored(kind) && { storageVersionHash: storageVersionHash(kind) }),
  };
  const parts = subresourcesOf(kind).map(({ name, kind: its, verbs }) => ({
    name: `${plural}/${name}`,
    singularName: "",
    namespaced,
    // Only where they are not those of the list.
    ...((its.group !== kind.group || its.version !== kind.version) && {
      group: its.group,
      version: its.version,
    }),
    kind: its.kind,
    verbs,
  }));
  return [main, ...parts];
}

/** Tells clients whether two resources are stored as one (discovery.StorageVersionHash). */
function storageVersionHash({ view, ...kind }: Kind): string {
  const { group, version, kind: name } = view?.of ?? kind;
  return createHash("sha256")
    .update(`${group}/${version}/${name}`)
    .digest()
    .subarray(0, 8)
    .toString("base64");
}

/** A group in an APIGroupDiscoveryList. */
export function aggregatedGroup({ name, versions }: ApiGroup): object {
  return {
    metadata: { ...(name !== "" && { name }), creationTimestamp: null },
    versions: versions.map(({ version, kinds }) => ({
      version,
      resources: kinds.map(aggregatedResource),
      freshness: "Current",
    })),
  };
}

function aggregatedResource(kind: Kind): object {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const subresources = subresourcesOf(kind);
  return {
    resource: plural,
    responseKind: responseKind(kind),
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map(({ name, kind: its, verbs }) => ({
        subresource: name,
        responseKind: responseKind(its),
        verbs,
      })),
    }),
  };
}

function responseKind({ group, version, kind }: Kind): object {
  return { group, version, kind };
}
