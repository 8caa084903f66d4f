/**
 * Field selectors (apimachinery pkg/fields): "status.phase=Running,spec.nodeName!=n1". Which fields a kind knows is data
 * of the kind; metadata.name and metadata.namespace are known everywhere.
 */
import type { Kind } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { SelectorError } from "./label-selector.ts";

export interface FieldTerm {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** All terms must hold. */
export type FieldSelectorTerms = readonly FieldTerm[];

/** The terms of the text, sorted as upstream sorts them (by their text). Throws SelectorError. */
export function parseFieldSelector(text: string): FieldSelectorTerms {
  return splitTerms(text)
    .sort()
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
      if (match === null) throw new SelectorError(`invalid selector: '${text}'; can't understand '${part}'`);
      return { field: match[1]!, operator: match[2] === "!=" ? "!=" : "=", value: unescapeValue(match[3]!) };
    });
}

/** Splits at commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^,\\]|\\$)+/g) ?? [];
}

/** Takes the backslashes away: only \\, \, and \= are escapes, and the three must be escaped. */
function unescapeValue(text: string): string {
  let value = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "\\") {
      const next = text[++i];
      if (next !== "\\" && next !== "," && next !== "=")
        throw new SelectorError(
          `invalid field selector: invalid escape sequence: ${text.slice(i - 1, i + 1)}`,
        );
      value += next;
    } else if (char === "," || char === "=") {
      throw new SelectorError(`invalid field selector: unescaped character in value: ${char}`);
    } else value += char;
  }
  return value;
}

/** The text that parses back to the same terms. */
export function formatFieldSelector(terms: FieldSelectorTerms): string {
  return terms
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, "\\$&")}`)
    .join(",");
}

/**
 * Refuses terms on fields that the kind does not know, with upstream's sentence. A kind with selectable fields of its own
 * has a list of all its fields (AddFieldLabelConversionFunc), as custom resources have; the others share one list, and one
 * sentence about it (runtime.DefaultMetaV1FieldSelectorConversion), which knows metadata.namespace even where objects have
 * none.
 * Throws SelectorError, which the server answers with 400.
 */
export function checkFieldSelector(kind: Kind, terms: FieldSelectorTerms): void {
  const ownList = Object.keys(kind.selectableFields).length > 0 || kind.custom === true;
  for (const { field } of terms) {
    if (field === "metadata.name" || Object.hasOwn(kind.selectableFields, field)) continue;
    if (field === "metadata.namespace" && (kind.namespaced || !ownList)) continue;
    throw new SelectorError(
      ownList
        ? `field label not supported: ${field}`
        : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
}

/** Whether every term holds of the object. Fields that the object does not have are the empty text. */
export function matchesFields<T extends KubeObject>(
  kind: Kind<T>,
  terms: FieldSelectorTerms,
  object: T,
): boolean {
  return terms.every(({ field, operator, value }) => {
    const actual = readField(kind, field, object);
    return operator === "=" ? actual === value : actual !== value;
  });
}

function readField<T extends KubeObject>(kind: Kind<T>, field: string, object: T): string {
  if (field === "metadata.name") return object.metadata.name ?? "";
  if (field === "metadata.namespace") return object.metadata.namespace ?? "";
  return Object.hasOwn(kind.selectableFields, field) ? kind.selectableFields[field]!(object) : "";
}
