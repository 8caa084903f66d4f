/** Which form of an object the client gets (apiserver endpoints/handlers/negotiation; RFC 9110, 12.5.1). */
import { PROTOBUF_MEDIA_TYPE } from "../../api/schema/protobuf/envelope.ts";
import { notAcceptable } from "../../api/status-errors.ts";
import type { Request } from "./exchange.ts";

/** What is shown: the object itself, rows for a terminal, or its metadata only. */
export type View = "object" | "table" | "metadata" | "metadataList";

export type Encoding = "json" | "yaml" | "protobuf";

export interface Representation {
  readonly encoding: Encoding;
  readonly view: View;
  /** The version of Table or PartialObjectMetadata that was asked for. */
  readonly version: "v1" | "v1beta1";
  /** JSON is indented, for people. */
  readonly pretty: boolean;
}

/** What can be made of the kind that is asked for. */
export interface Offer {
  /** Whether the kind has a protobuf form. */
  readonly protobuf: boolean;
  /** The answer is a stream of watch events. */
  readonly watch: boolean;
  /** Whether there are rows to show of it: not of reviews, which nobody can list. */
  readonly table: boolean;
}

export const MEDIA_TYPES: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: PROTOBUF_MEDIA_TYPE,
};

const VIEWS: Readonly<Record<string, View>> = {
  Table: "table",
  PartialObjectMetadata: "metadata",
  PartialObjectMetadataList: "metadataList",
};

export interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** The ranges of an Accept header: the most wanted first, then those without wildcards, then in the order given. */
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
    .sort((a, b) => b.quality - a.quality || wildcards(a) - wildcards(b));
}

function wildcards({ type }: MediaRange): number {
  return type === "*/*" ? 2 : type.endsWith("/*") ? 1 : 0;
}

/** The first acceptable form that we can make. Throws ApiError 406. */
export function chooseRepresentation(
  accept: string | undefined,
  offer: Offer,
): Omit<Representation, "pretty"> {
  const plain = { encoding: "json", view: "object", version: "v1" } as const;
  if (accept === undefined || accept.trim() === "") return plain;
  for (const { type, parameters } of parseAccept(accept)) {
    const encoding = encodingOf(type);
    if (encoding === undefined || !offered(encoding, offer)) continue;
    const as = parameters["as"];
    if (as === undefined) return { ...plain, encoding };
    const view = Object.hasOwn(VIEWS, as) ? VIEWS[as] : undefined;
    const version = parameters["v"] ?? "v1";
    // A Table has no protobuf form.
    if (view === undefined || (view === "table" && (encoding === "protobuf" || !offer.table))) continue;
    if ((parameters["g"] ?? "meta.k8s.io") === "meta.k8s.io" && (version === "v1" || version === "v1beta1"))
      return { encoding, view, version };
  }
  const types = (Object.keys(MEDIA_TYPES) as Encoding[])
    .filter((encoding) => offered(encoding, offer))
    .map((encoding) => MEDIA_TYPES[encoding] + (offer.watch ? ";stream=watch" : ""));
  throw notAcceptable(types);
}

/** YAML documents cannot be told apart in a stream without looking at them, so a watch has none. */
function offered(encoding: Encoding, { protobuf, watch }: Offer): boolean {
  return encoding === "json" || (encoding === "yaml" ? !watch : protobuf);
}

/** Programs that people read the output of. */
const READ_BY_PEOPLE = /^(curl|Wget|Mozilla\/5\.0)/;

/** `?pretty` decides; otherwise what the client is (negotiation.isPrettyPrint). */
export function wantsPretty({ query, header }: Pick<Request, "query" | "header">): boolean {
  const asked = query.get("pretty");
  // strconv.ParseBool
  if (asked !== null && asked !== "") return /^(1|t|T|TRUE|true|True)$/.test(asked);
  return READ_BY_PEOPLE.test(header("user-agent") ?? "");
}

function encodingOf(type: string): Encoding | undefined {
  switch (type) {
    case "application/json":
    case "application/*":
    case "*/*":
      return "json";
    case "application/yaml":
      return "yaml";
    case PROTOBUF_MEDIA_TYPE:
      return "protobuf";
    default:
      return undefined;
  }
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}
