/**
 * Domain names as keys: the bytes of the wire format in lower case, each byte a character of a string.
 *
 * `web.` is "\x03web\x00". Such a key is compared, hashed and cut into parents without being parsed, and is what a
 * question holds but for its case. Names compare without regard to ASCII case only (RFC 4343).
 */
import { MalformedMessage } from "./malformed.ts";

export type NameKey = string;

export const ROOT: NameKey = "\0";

/** RFC 1035 section 2.3.4. */
const MAX_LABEL = 63;
export const MAX_NAME = 255;

const POINTER = 0xc0;

/** Lower case of each byte. Lengths of labels are below the letters, so that whole names can go through it. */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/**
 * The key of a name in text, with or without the last dot; no escapes. undefined if it cannot be a name: a label is
 * empty or longer than 63 bytes, or the whole longer than 255.
 */
export function nameKey(text: string): NameKey | undefined {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name === "") return ROOT;
  let key = "";
  for (const label of name.split(".")) {
    if (label.length === 0 || label.length > MAX_LABEL) return undefined;
    key += String.fromCharCode(label.length) + label;
  }
  // Characters past one byte would be cut by latin1.
  if (key.length >= MAX_NAME || /[^\0-\x7f]/.test(key)) return undefined;
  return `${key.toLowerCase()}\0`;
}

/** As {@link nameKey}, for text that is known to be a name. Throws RangeError with the text otherwise. */
export function name(text: string): NameKey {
  const key = nameKey(text);
  if (key === undefined) throw new RangeError(`not a domain name: ${JSON.stringify(text)}`);
  return key;
}

/** `label` in front of `parent`; undefined if that is no name. */
export function childName(label: string, parent: NameKey): NameKey | undefined {
  if (label.length === 0 || label.length > MAX_LABEL || label.length + 1 + parent.length > MAX_NAME)
    return undefined;
  return String.fromCharCode(label.length) + label.toLowerCase() + parent;
}

/** The name without its first label. The root has none. */
export function parentName(key: NameKey): NameKey {
  return key.slice(1 + key.charCodeAt(0));
}

/** The text with its last dot, escaped as RFC 1035 section 5.1 has it: "web.default.svc.cluster.local." */
export function nameText(key: NameKey): string {
  if (key === ROOT) return ".";
  let text = "";
  for (let at = 0; key.charCodeAt(at) !== 0;) {
    const end = at + 1 + key.charCodeAt(at);
    for (const character of key.slice(at + 1, end)) text += escapeCharacter(character);
    text += ".";
    at = end;
  }
  return text;
}

function escapeCharacter(character: string): string {
  if (character === "." || character === "\\" || character === '"') return `\\${character}`;
  const code = character.charCodeAt(0);
  if (code > 0x20 && code < 0x7f) return character;
  return `\\${String(code).padStart(3, "0")}`;
}

export interface ReadName {
  /** In the case of the message: not a key yet. */
  readonly name: string;
  /** Where the name ends in the message: after its first pointer if it has one. */
  readonly next: number;
}

/**
 * The name at `offset`, decompressed. Throws MalformedMessage if it leaves the message or is too long, and for a pointer
 * that does not go back: names can only be where the message has already been (RFC 1035 section 4.1.4), and so no
 * loop is possible.
 */
export function readName(bytes: Uint8Array, offset: number): ReadName {
  let at = offset;
  let next = -1;
  let floor = offset;
  let name = "";
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw new MalformedMessage("a name goes past the end of the message");
    if (length >= POINTER) {
      const low = bytes[at + 1];
      if (low === undefined) throw new MalformedMessage("a name goes past the end of the message");
      if (next < 0) next = at + 2;
      at = ((length & 0x3f) << 8) | low;
      if (at >= floor) throw new MalformedMessage("a compression pointer does not go back");
      floor = at;
      continue;
    }
    if (length > MAX_LABEL) throw new MalformedMessage("a label of a kind that does not exist");
    const end = at + 1 + length;
    if (end > bytes.length) throw new MalformedMessage("a name goes past the end of the message");
    for (let i = at; i < end; i++) name += String.fromCharCode(bytes[i]!);
    if (name.length > MAX_NAME) throw new MalformedMessage("a name is longer than 255 bytes");
    if (length === 0) return { name, next: next < 0 ? end : next };
    at = end;
  }
}

/** The key of a name in any case. */
export function lowerName(name: string): NameKey {
  // Not toLowerCase alone: names may hold any byte, and letters of Latin-1 are not the DNS' letters.
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
