/** Link layer addresses as text and bytes. */

/** "02:42:0a:00:00:01"; of any length, as tunnels have others than six bytes. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The six bytes of "02:42:0a:00:00:01". Throws RangeError. */
export function parseMac(text: string): Uint8Array {
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text))
    throw new RangeError(`not a MAC address: ${JSON.stringify(text)}`);
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}
