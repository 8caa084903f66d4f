/** What Kubernetes' API says of one field, as a sentence that names Contiv's field and the value, each once. */
import type { StatusCause } from "../api/meta/type.ts";
import type { Refusal } from "./wire.ts";

/** Kubernetes' fields by Contiv's, the longest first. */
const FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^spec\.clusterIPs?\b.*/, "ipAddress"],
  [/^spec\.ports(\[\d+\])?.*/, "ports$1"],
  [/^spec\.selector\b.*/, "selectors"],
  [/^metadata\.annotations\[fairlead\.dev\/network\].*/, "networkName"],
  [/^metadata\.annotations\[fairlead\.dev\/balance\].*/, "balance"],
  [/^spec\.range$/, "subnet"],
  [/^spec\.type$/, "nwType"],
  [/^spec\.encapsulation$/, "encap"],
  [/^spec\.packetTag$/, "pktTag"],
  [/^spec\.tag$/, "cfgdTag"],
  [/^spec\.(subnet|gateway|ipv6Subnet|ipv6Gateway)$/, "$1"],
];

/** "Invalid value: "x": must be ..." in its parts (apimachinery util/validation/field: ErrorType.String, Error.ErrorBody). */
const BODY =
  /^(Invalid value|Unsupported value|Duplicate value|Not found|Too many|Required value|Forbidden|Too long)(?:: (.*))?$/s;
/** Those after whose words the value stands. */
const WITH_VALUE = /^(Invalid value|Unsupported value|Duplicate value|Not found|Too many)$/;
/** JSON that a value is printed as: a text, a list, or one word. */
const VALUE = /^("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{[^}]*\}|\S+?)(?:: (.*))?$/s;
/** Sentences of Contiv's own, which come first as it says them (server/allocation, api/network/validation.ts). */
const CONTIV = /^(network \S+ conflicts with|subnet length \d+ not supported)/;
/** What is said of a subject that stands before it. */
const PREDICATE = /^(must|may|can|cannot|should|is|has|does|will)\b/;

/** The field by Contiv's name where it has one. A message that Kubernetes' API does not make stays as it is. */
export function problemOf({ field, message = "" }: StatusCause): Refusal["errors"][number] {
  if (field === undefined || field === "") return { message };
  const [pattern, replacement] = FIELDS.find(([candidate]) => candidate.test(field)) ?? [];
  const ours = pattern === undefined ? field : field.replace(pattern, replacement!);
  // Of a port, which of its numbers.
  const subject = ours.startsWith("ports[") ? field.replace(/^spec\./, "") : ours;
  return { field: ours, message: sentence(subject, message) };
}

function sentence(subject: string, message: string): string {
  const [, kind, rest = ""] = BODY.exec(message) ?? [];
  if (kind === undefined) return message;
  const [, json = "", detail = ""] = (WITH_VALUE.test(kind) ? VALUE.exec(rest) : undefined) ?? ["", "", rest];
  const value = plain(json);
  const named = value === "" ? subject : `${subject} ${value}`;
  switch (kind) {
    case "Required value":
      return `${subject} is required${after(detail)}`;
    case "Duplicate value":
      return `${named} is there twice${after(detail)}`;
    case "Not found":
      return `${named} is not found${after(detail)}`;
    case "Unsupported value":
      return `${named} is not supported${after(detail)}`;
    case "Too many":
      return `${subject} ${detail}, and has ${value}`;
    default:
      break;
  }
  if (detail === "") return `${named} is ${kind === "Forbidden" ? "forbidden" : "invalid"}`;
  if (PREDICATE.test(detail)) return `${named} ${detail}`;
  // A sentence that has its own subject: the allocator's of an address, Contiv's of a subnet that is full.
  if (kind === "Invalid value" && (detail.includes(bare(value)) || detail.includes("address exhaustion")))
    return detail;
  return CONTIV.test(detail) ? `${detail} (${named})` : `${named}: ${detail}`;
}

function after(detail: string): string {
  return detail === "" ? "" : `: ${detail}`;
}

/** A word without quotes, and without the list that it is the only item of; anything else as JSON has it. */
function plain(json: string): string {
  const word = bare(json);
  return /^[-\w.:/=]+$/.test(word) ? word : json;
}

function bare(json: string): string {
  return json.replace(/^\[?"?/, "").replace(/"?\]?$/, "");
}
