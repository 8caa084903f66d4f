/** Texts as Go's fmt prints them with %q: upstream's messages contain them. */

const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** `"a\nb"` (strconv.Quote): what cannot be printed is escaped. */
export function goQuote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is to be escaped
  return `"${text.replaceAll(/["\\\x00-\x1f\x7f]|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, escaped)}"`;
}

function escaped(sign: string): string {
  const known = ESCAPES[sign];
  if (known !== undefined) return known;
  const code = sign.codePointAt(0)!;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** `["a" "b"]`. */
export function goQuoteList(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(" ")}]`;
}
