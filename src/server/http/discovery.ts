/** What this server serves, in the forms clients ask for: plain lists, and aggregated (KEP-3352) in v2 and v2beta1. */
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { pathNotFound } from "../../api/status-errors.ts";
import { createHash } from "node:crypto";
import type { Request, Response } from "./exchange.ts";
import { jsonResponse } from "./exchange.ts";
import { parseAccept } from "./negotiate.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS = ["get", "patch", "update"];

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly Kind[];
}

export class Discovery {
  readonly #groups: ReadonlyMap<string, readonly GroupVersion[]>;
  /** "127.0.0.1:6443" */
  readonly #address: () => string;

  constructor(kinds: readonly Kind[], address: () => string) {
    this.#groups = groupKinds(kinds);
    this.#address = address;
  }

  /** The answer for a discovery path; undefined if it is none. */
  answer({ path, header }: Pick<Request, "path" | "header">): Response | undefined {
    const [root, first, second, ...more] = path.replace(/\/$/, "").split("/").slice(1);
    const aggregated = aggregatedVersion(header("accept"));
    if (root === "api" && first === undefined)
      return aggregated === undefined
        ? jsonResponse(200, this.#coreVersions())
        : this.#aggregated([""], aggregated, header);
    if (root === "apis" && first === undefined) {
      const groups = [...this.#groups.keys()].filter((group) => group !== "");
      return aggregated === undefined
        ? jsonResponse(200, {
            kind: "APIGroupList",
            apiVersion: "v1",
            groups: groups.map((group) => this.#group(group)),
          })
        : this.#aggregated(groups, aggregated, header);
    }
    if (root === "api" && second === undefined) return this.#resources("", first!);
    if (root !== "apis" || first === undefined || more.length > 0) return undefined;
    if (second !== undefined) return this.#resources(first, second);
    if (!this.#groups.has(first)) throw pathNotFound();
    return jsonResponse(200, { kind: "APIGroup", apiVersion: "v1", ...this.#group(first) });
  }

  #coreVersions(): object {
    return {
      kind: "APIVersions",
      versions: (this.#groups.get("") ?? []).map(({ version }) => version),
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: this.#address() }],
    };
  }

  #group(group: string): object {
    const versions = this.#groups
      .get(group)!
      .map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
    return { name: group, versions, preferredVersion: versions[0] };
  }

  #resources(group: string, version: string): Response {
    const found = this.#groups.get(group)?.find((one) => one.version === version);
    if (found === undefined) throw pathNotFound();
    return jsonResponse(200, {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: group === "" ? version : `${group}/${version}`,
      resources: found.kinds.flatMap(plainResources),
    });
  }

  #aggregated(groups: readonly string[], version: "v2" | "v2beta1", header: Request["header"]): Response {
    const list = {
      kind: "APIGroupDiscoveryList",
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items: groups.map((group) => ({
        metadata: { ...(group !== "" && { name: group }), creationTimestamp: null },
        versions: this.#groups.get(group)!.map(({ version, kinds }) => ({
          version,
          resources: kinds.map(aggregatedResource),
          freshness: "Current",
        })),
      })),
    };
    const body = `${JSON.stringify(list)}\n`;
    const etag = `"${createHash("sha256").update(body).digest("hex").toUpperCase()}"`;
    const headers = {
      "content-type": `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      etag,
      vary: "Accept",
    };
    if (header("if-none-match") === etag) return { status: 304, headers, body: "" };
    return { status: 200, headers, body, compressible: true };
  }
}

function groupKinds(kinds: readonly Kind[]): Map<string, GroupVersion[]> {
  const groups = new Map<string, GroupVersion[]>();
  for (const { group, version } of kinds) {
    const versions = groups.get(group) ?? [];
    groups.set(group, versions);
    if (versions.some((one) => one.version === version)) continue;
    const own = kinds.filter((kind) => kind.group === group && kind.version === version);
    versions.push({ group, version, kinds: own });
  }
  return groups;
}

function plainResources(kind: Kind): object[] {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const resource = {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
  };
  if (kind.subresources.status !== true) return [resource];
  return [
    resource,
    { name: `${plural}/status`, singularName: "", namespaced, kind: kind.kind, verbs: STATUS_VERBS },
  ];
}

function aggregatedResource(kind: Kind): object {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(kind.subresources.status === true && {
      subresources: [{ subresource: "status", responseKind, verbs: STATUS_VERBS }],
    }),
  };
}

/** Namespaces go one at a time (upstream leaves deletecollection out for them). */
function verbsOf(kind: Kind): readonly string[] {
  return apiVersionOf(kind) === "v1" && kind.plural === "namespaces"
    ? VERBS.filter((verb) => verb !== "deletecollection")
    : VERBS;
}

/** The aggregated form that the client prefers to a plain list, if any. */
function aggregatedVersion(accept: string | undefined): "v2" | "v2beta1" | undefined {
  for (const { type, parameters } of parseAccept(accept ?? "")) {
    if (type !== "application/json") continue;
    if (parameters["as"] === undefined) return undefined;
    const { v, g, as } = parameters;
    if (as === "APIGroupDiscoveryList" && g === "apidiscovery.k8s.io" && (v === "v2" || v === "v2beta1"))
      return v;
  }
  return undefined;
}
