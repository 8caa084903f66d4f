/** What this server serves, in the forms clients ask for: plain lists, and aggregated (KEP-3352) in v2 and v2beta1. */
import { createHash } from "node:crypto";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import { pathNotFound } from "../../api/status-errors.ts";
import { aggregatedGroup, type ApiGroup, groupsOf, plainResources } from "./discovery-documents.ts";
import { jsonResponse, type Request, type Response } from "./exchange.ts";
import { parseAccept } from "./negotiate.ts";

/** Paths beside the groups', for the index of "/". */
const OTHER_PATHS = [
  "/api",
  "/apis",
  "/healthz",
  "/livez",
  "/metrics",
  "/openapi/v2",
  "/openapi/v3",
  "/readyz",
  "/version",
];

type Aggregated = "v2" | "v2beta1";

interface Document {
  readonly body: string;
  readonly etag: string;
}

export class Discovery {
  readonly #groups: () => ReadonlyMap<string, ApiGroup>;
  /** The aggregated documents by version and root; made when they are asked for. */
  readonly #aggregated: () => Map<string, Document>;
  /** "127.0.0.1:6443" */
  readonly #address: () => string;

  constructor(catalog: KindCatalog, address: () => string) {
    this.#groups = derivedFrom(catalog, groupsOf);
    this.#aggregated = derivedFrom(catalog, () => new Map());
    this.#address = address;
  }

  /** The answer for a discovery path; undefined if it is none. Throws ApiError 404. */
  answer({ path, header }: Pick<Request, "path" | "header">): Response | undefined {
    if (path === "/" || path === "/index.html") return jsonResponse(200, { paths: this.#paths() });
    const [root, first, second, ...more] = path.replace(/\/$/, "").split("/").slice(1);
    if ((root !== "api" && root !== "apis") || more.length > 0) return undefined;
    if (first === undefined) return this.#root(root, header);
    if (root === "api") return second === undefined ? this.#resources("", first) : undefined;
    if (second !== undefined) return this.#resources(first, second);
    const group = this.#groups().get(first);
    if (group === undefined || first === "") throw pathNotFound();
    return jsonResponse(200, { kind: "APIGroup", apiVersion: "v1", ...groupDocument(group) });
  }

  #root(root: "api" | "apis", header: Request["header"]): Response {
    const version = aggregatedVersion(header("accept"));
    if (version !== undefined) return this.#aggregatedResponse(root, version, header);
    const vary = { vary: "Accept" };
    const groups = this.#groups();
    if (root === "api")
      return jsonResponse(
        200,
        {
          kind: "APIVersions",
          versions: groups.get("")?.versions.map(({ version: name }) => name) ?? [],
          serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: this.#address() }],
        },
        vary,
      );
    const named = [...groups.values()].filter(({ name }) => name !== "");
    return jsonResponse(
      200,
      { kind: "APIGroupList", apiVersion: "v1", groups: named.map(groupDocument) },
      vary,
    );
  }

  #resources(group: string, version: string): Response {
    const found = this.#groups()
      .get(group)
      ?.versions.find((one) => one.version === version);
    if (found === undefined) throw pathNotFound();
    return jsonResponse(200, {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: group === "" ? version : `${group}/${version}`,
      resources: found.kinds.flatMap(plainResources),
    });
  }

  #aggregatedResponse(root: "api" | "apis", version: Aggregated, header: Request["header"]): Response {
    const made = this.#aggregated();
    const key = `${root} ${version}`;
    let document = made.get(key);
    if (document === undefined) {
      const groups = [...this.#groups().values()].filter(({ name }) => (name === "") === (root === "api"));
      const body = `${JSON.stringify({
        kind: "APIGroupDiscoveryList",
        apiVersion: `apidiscovery.k8s.io/${version}`,
        metadata: {},
        items: groups.map(aggregatedGroup),
      })}\n`;
      const etag = `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"`;
      made.set(key, (document = { body, etag }));
    }
    const headers = {
      "content-type": `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      etag: document.etag,
      vary: "Accept",
    };
    if (header("if-none-match") === document.etag) return { status: 304, headers, body: "" };
    return { status: 200, headers, body: document.body, compressible: true };
  }

  #paths(): string[] {
    const paths = new Set(OTHER_PATHS);
    for (const { name, versions } of this.#groups().values()) {
      const root = name === "" ? "/api" : `/apis/${name}`;
      paths.add(root);
      for (const { version } of versions) {
        paths.add(`${root}/${version}`);
        paths.add(`/openapi/v3${root}/${version}`);
      }
    }
    return [...paths].sort();
  }
}

function groupDocument({ name, versions }: ApiGroup): object {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

/** The aggregated form that the client prefers to a plain list, if any. */
function aggregatedVersion(accept: string | undefined): Aggregated | undefined {
  for (const { type, parameters } of parseAccept(accept ?? "")) {
    if (type !== "application/json") continue;
    if (parameters["as"] === undefined) return undefined;
    const { v, g, as } = parameters;
    if (as === "APIGroupDiscoveryList" && g === "apidiscovery.k8s.io" && (v === "v2" || v === "v2beta1"))
      return v;
  }
  return undefined;
}
