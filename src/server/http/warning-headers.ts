/**
 * The texts of warnings as `Warning:` headers: code 299, no agent (RFC 7234, 5.5, which Kubernetes keeps using). What is
 * too long for a client's header limit is cut as upstream cuts it (apiserver endpoints/filters/warning.go).
 */

/** From this many characters in total on, every single text is cut. */
const TOTAL = 4 * 1024;
const EACH_WHEN_CUT = 256;

/** The values of the headers, in the order of the texts; each text once. */
export function warningHeaders(texts: Iterable<string>): string[] {
  const once = [...new Set(texts)].filter((text) => text !== "" && !/\p{Cc}/u.test(text));
  const runes = once.map((text) => Array.from(text));
  const total = runes.reduce((sum, { length }) => sum + length, 0);
  if (total <= TOTAL) return once.map(headerValue);
  const cut: string[] = [];
  let written = 0;
  for (const text of runes) {
    const short = text.slice(0, EACH_WHEN_CUT);
    if (written + short.length > TOTAL) break;
    written += short.length;
    cut.push(headerValue(short.join("")));
  }
  return cut;
}

/** In UTF-8 on the wire: node writes each character of a header as one byte. */
function headerValue(text: string): string {
  const quoted = `299 - "${text.replaceAll(/["\\]/g, "\\$&")}"`;
  return Buffer.from(quoted).toString("latin1");
}
