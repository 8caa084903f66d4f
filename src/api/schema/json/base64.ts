/** Bytes in JSON: standard base64 with padding, as Go's encoding/base64 reads it (line breaks are passed over). */
const ALPHABET = /[A-Za-z0-9+/]/;

/** The text is no base64; `at` is where, counted in bytes. */
export class Base64Error extends Error {
  override readonly name = "Base64Error";

  constructor(at: number) {
    super(`illegal base64 data at input byte ${at}`);
  }
}

/** The one way to write the same bytes. Throws Base64Error. */
export function canonicalBase64(text: string): string {
  const canonical = Buffer.from(text, "base64").toString("base64");
  if (canonical !== text) check(text);
  return canonical;
}

/** Finds what Buffer.from is too lenient to see: other alphabets, missing or surplus padding, stray characters. */
function check(text: string): void {
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (isBreak(character)) continue;
    if (ALPHABET.test(character)) {
      digits += 1;
      continue;
    }
    if (character !== "=" || digits % 4 < 2) throw new Base64Error(at);
    return checkEnd(text, at + 1, digits % 4 === 2);
  }
  if (digits % 4 !== 0) throw new Base64Error(text.length - (digits % 4));
}

/** After the first padding character: a second one if it is wanted, and nothing more. */
function checkEnd(text: string, from: number, wantsSecond: boolean): void {
  let at = afterBreaks(text, from);
  if (wantsSecond) {
    if (at === text.length) throw new Base64Error(at);
    if (text[at] !== "=") throw new Base64Error(at - 1);
    at = afterBreaks(text, at + 1);
  }
  if (at < text.length) throw new Base64Error(at);
}

function afterBreaks(text: string, from: number): number {
  let at = from;
  while (at < text.length && isBreak(text[at]!)) at++;
  return at;
}

function isBreak(character: string): boolean {
  return character === "\n" || character === "\r";
}
