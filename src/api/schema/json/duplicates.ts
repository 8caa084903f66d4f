/**
 * Finds keys that occur twice in one object of a JSON text, which JSON.parse cannot tell. Used only when the client asks
 * for strict validation or warnings, on text that JSON.parse has accepted.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** `duplicate field "spec.paused"` for each, in the text's order, each path once. */
export function duplicateFields(text: string): string[] {
  const found = new Set<string>();
  /** One for each open object or array: its keys so far, or its position. */
  const open: ({ keys: Set<string>; key: string } | { index: number })[] = [];
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = endOfString(text, i);
        const inner = open.at(-1);
        if (expectKey && inner !== undefined && "keys" in inner) {
          const raw = text.slice(i + 1, end);
          inner.key = raw.includes("\\") ? (JSON.parse(text.slice(i, end + 1)) as string) : raw;
          if (inner.keys.has(inner.key)) found.add(`duplicate field "${pathOf(open)}"`);
          inner.keys.add(inner.key);
          expectKey = false;
        }
        i = end;
        break;
      }
      case 0x7b: // {
        open.push({ keys: new Set(), key: "" });
        expectKey = true;
        break;
      case 0x5b: // [
        open.push({ index: 0 });
        expectKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectKey = false;
        break;
      case 0x2c: {
        const inner = open.at(-1);
        if (inner !== undefined && "index" in inner) inner.index++;
        else expectKey = true;
        break;
      }
      default:
    }
  }
  return [...found];
}

/** The index of the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function pathOf(open: readonly ({ key: string } | { index: number })[]): string {
  let path = "";
  for (const part of open) {
    if ("index" in part) path += `[${part.index}]`;
    else path += path === "" ? part.key : `.${part.key}`;
  }
  return path;
}
