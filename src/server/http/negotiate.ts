/** Which form of an object the client gets (apiserver endpoints/handlers/negotiation; RFC 9110, 12.5.1). */
import { notAcceptable } from "../../api/status-errors.ts";

/** What is shown: the object itself, rows for a terminal, or its metadata only. */
export type View = "object" | "table" | "metadata";

export interface Representation {
  readonly encoding: "json" | "yaml";
  readonly view: View;
  /** The version of Table or PartialObjectMetadata that was asked for. */
  readonly version: "v1" | "v1beta1";
}

const OFFERED = ["application/json", "application/yaml"];
const VIEWS: Readonly<Record<string, View>> = {
  Table: "table",
  PartialObjectMetadata: "metadata",
  PartialObjectMetadataList: "metadata",
};

export interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** The ranges of an Accept header, the most wanted first; those of equal quality in the order given. */
export function parseAccept(header: string): MediaRange[] {
  return header
    .split(",")
    .map((text) => {
      const [type = "", ...rest] = text.split(";").map((part) => part.trim());
      const parameters: Record<string, string> = {};
      for (const parameter of rest) {
        const equals = parameter.indexOf("=");
        if (equals > 0)
          parameters[parameter.slice(0, equals).toLowerCase()] = unquote(parameter.slice(equals + 1));
      }
      const quality = parameters["q"] === undefined ? 1 : Number(parameters["q"]);
      return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
    })
    .filter(({ type, quality }) => type !== "" && quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/** The first acceptable form that we can make. Throws ApiError 406. */
export function chooseRepresentation(accept: string | undefined): Representation {
  const plain: Representation = { encoding: "json", view: "object", version: "v1" };
  if (accept === undefined || accept.trim() === "") return plain;
  for (const { type, parameters } of parseAccept(accept)) {
    const encoding = encodingOf(type);
    if (encoding === undefined) continue;
    const as = parameters["as"];
    if (as === undefined) return { ...plain, encoding };
    const view = VIEWS[as];
    const version = parameters["v"] ?? "v1";
    const group = parameters["g"] ?? "meta.k8s.io";
    if (view !== undefined && group === "meta.k8s.io" && (version === "v1" || version === "v1beta1"))
      return { encoding, view, version };
  }
  throw notAcceptable(OFFERED);
}

function encodingOf(type: string): Representation["encoding"] | undefined {
  if (type === "application/json" || type === "*/*" || type === "application/*" || type === "text/json")
    return "json";
  return type === "application/yaml" || type === "text/yaml" || type === "application/x-yaml"
    ? "yaml"
    : undefined;
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}
