/** JSON values as Go's fmt prints them ("map[a:1 b:[x y]]"): upstream's messages about patches contain them. */
export function goFormat(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goFormat).join(" ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, part]) => `${key}:${goFormat(part)}`).join(" ")}]`;
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
