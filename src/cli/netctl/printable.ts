/**
 * Text of a server's for a terminal. Labels, tags and annotations are written by users, of other tenants too, and a terminal
 * obeys what it is sent: a cursor moved up writes over the line before, a line's end begins a row that nobody has.
 */

/** C0 and C1 controls with DEL (ECMA-48), and what ends lines or turns the direction of text (UAX 9, section 2). */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** On one line, with each such character as JSON writes it: "\u001b". */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, escaped);
}

/** A row of {@link import("./tabwriter.ts").tabwriter}. */
export function cells(texts: readonly (string | number)[]): string {
  return texts.map((text) => printable(String(text))).join("\t");
}

/** JSON escapes the first of them by itself; the others mean the same when they are. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent) ?? "null";
  return text.replaceAll(CONTROL, (character) => (character === "\n" ? character : escaped(character)));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
