/**
 * One step of a path in an object, in the text form of FieldsV1: `f:name` a field, `k:{"port":80}` the element of a list
 * with these keys, `v:"x"` this element of a set, `i:0` a position (structured-merge-diff fieldpath/serialize-pe.go).
 */

export type PathElement = string;

/** What marks, inside a tree of fields, that the parent itself belongs to the set. */
export const SELF = ".";

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

export function valueElement(value: unknown): PathElement {
  return `v:${JSON.stringify(value)}`;
}

/** `keys` in ascending order of name. */
export function keyElement(keys: Readonly<Record<string, unknown>>): PathElement {
  return `k:${JSON.stringify(keys)}`;
}

/**
 * The one form of an element that somebody else wrote: keys in order, JSON without spaces. Undefined if it is of a type
 * that we do not know, which readers skip. Throws SyntaxError for what is no path element.
 */
export function canonicalElement(text: string): PathElement | undefined {
  const rest = text.slice(2);
  switch (text.slice(0, 2)) {
    case "f:":
      return text;
    case "v:":
      return valueElement(JSON.parse(rest));
    case "k:": {
      const keys: unknown = JSON.parse(rest);
      if (typeof keys !== "object" || keys === null || Array.isArray(keys))
        throw new SyntaxError(`the keys of a list element are no JSON object: ${rest}`);
      return keyElement(sortedByName(keys as Record<string, unknown>));
    }
    case "i:":
      if (!/^-?\d+$/.test(rest)) throw new SyntaxError(`a list position is no integer: ${rest}`);
      return `i:${Number(rest)}`;
    default:
      if (text[1] !== ":") throw new SyntaxError(`missing colon in path element: ${text}`);
      return undefined;
  }
}

function sortedByName(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => order(a, b)));
}

/** As messages show it: `.ports`, `[port=80,protocol="TCP"]`, `[="x"]`, `[0]`. */
export function showElement(element: PathElement): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case "f:":
      return `.${rest}`;
    case "k:":
      return `[${Object.entries(JSON.parse(rest) as object)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(",")}]`;
    case "v:":
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}

export function showPath(path: readonly PathElement[]): string {
  return path.map(showElement).join("");
}

const RANK: Readonly<Record<string, number>> = { ".": 0, f: 1, k: 2, v: 3, i: 4 };

/** The order of elements in FieldsV1: fields, keyed elements, values, positions; each among themselves by value. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const kind = a[0]!;
  if (kind !== b[0]) return RANK[kind]! - RANK[b[0]!]!;
  if (kind === "f") return order(a, b);
  const [left, right] = [JSON.parse(a.slice(2)) as unknown, JSON.parse(b.slice(2)) as unknown];
  return kind === "k" ? compareKeys(left as object, right as object) : compareValues(left, right);
}

function compareKeys(a: object, b: object): number {
  const [left, right] = [Object.entries(a), Object.entries(b)];
  for (const [at, [name, value]] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    const difference = order(name, other[0]) || compareValues(value, other[1]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Numbers before text before truth values before the rest (structured-merge-diff value.Compare). */
function compareValues(a: unknown, b: unknown): number {
  const difference = rankOfValue(a) - rankOfValue(b);
  if (difference !== 0) return difference;
  if (typeof a === "number") return a - (b as number);
  if (typeof a === "string") return order(a, b as string);
  return order(JSON.stringify(a), JSON.stringify(b));
}

function rankOfValue(value: unknown): number {
  const at = ["number", "string", "boolean"].indexOf(typeof value);
  return at < 0 ? 3 : at;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
