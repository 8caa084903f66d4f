/** Objects and lists in the form that was negotiated. */
import { stringify } from "yaml";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { KubeObject, ListMeta } from "../../api/meta/type.ts";
import { badRequest } from "../../api/status-errors.ts";
import type { RegistryList } from "../registry.ts";
import { jsonResponse, type Response } from "./exchange.ts";
import type { Representation } from "./negotiate.ts";
import { type IncludeObject, partialOf, tableOf, type TableOptions } from "./table.ts";

export interface Presentation extends Representation {
  readonly include: IncludeObject;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function includeObject(query: URLSearchParams): IncludeObject {
  const include = query.get("includeObject") || "Metadata";
  if (include !== "None" && include !== "Metadata" && include !== "Object")
    throw badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  return include;
}

/** One object as a value. */
export function presentObject<T extends KubeObject>(kind: Kind<T>, object: T, how: Presentation): unknown {
  if (how.view === "metadata") return partialOf(object, how.version);
  if (how.view === "object") return object;
  const { resourceVersion } = object.metadata;
  return tableOf(kind, [object], resourceVersion === undefined ? {} : { resourceVersion }, tableOptions(how));
}

export function objectResponse<T extends KubeObject>(
  kind: Kind<T>,
  status: number,
  object: T,
  how: Presentation,
  headers: Response["headers"] = {},
): Response {
  return valueResponse(status, presentObject(kind, object, how), how, headers);
}

export function valueResponse(
  status: number,
  value: unknown,
  { encoding }: Representation,
  headers: Response["headers"] = {},
): Response {
  if (encoding === "json") return jsonResponse(status, value, headers);
  return {
    status,
    headers: { "content-type": "application/yaml", ...headers },
    body: stringify(value),
    compressible: true,
  };
}

/** Items turned into text at once; in between, others get their turn. */
const ITEMS_PER_TURN = 250;

export function listResponse<T extends KubeObject>(
  kind: Kind<T>,
  { items, ...metadata }: RegistryList<T>,
  how: Presentation,
): Response {
  const { name, apiVersion } = listType(kind, how);
  if (how.view === "table") return valueResponse(200, tableOf(kind, items, metadata, tableOptions(how)), how);
  if (how.encoding === "yaml")
    return valueResponse(
      200,
      { kind: name, apiVersion, metadata, items: items.map((item) => shown(item, how)) },
      how,
    );
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: listText(name, apiVersion, metadata, items, how),
    compressible: true,
  };
}

function listType<T extends KubeObject>(
  kind: Kind<T>,
  how: Presentation,
): { name: string; apiVersion: string } {
  return how.view === "metadata"
    ? { name: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${how.version}` }
    : { name: `${kind.kind}List`, apiVersion: apiVersionOf(kind) };
}

function shown(item: KubeObject, how: Presentation): unknown {
  return how.view === "metadata" ? partialOf(item, how.version) : item;
}

/** The list's JSON, in pieces. The items are shared and may not change, so it does not matter how long it takes. */
async function* listText(
  name: string,
  apiVersion: string,
  metadata: ListMeta,
  items: readonly KubeObject[],
  how: Presentation,
): AsyncGenerator<string> {
  let text = `{"kind":${JSON.stringify(name)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(metadata)},"items":[`;
  for (let start = 0; start < items.length; start += ITEMS_PER_TURN) {
    const some = JSON.stringify(items.slice(start, start + ITEMS_PER_TURN).map((item) => shown(item, how)));
    yield `${text}${start === 0 ? "" : ","}${some.slice(1, -1)}`;
    text = "";
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield `${text}]}\n`;
}

function tableOptions({ version, include, now }: Presentation): TableOptions {
  return { version, include, now };
}
