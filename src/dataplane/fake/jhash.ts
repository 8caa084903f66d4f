/** Bob Jenkins' lookup3 hash as linux/jhash.h has it, and how nf_tables scales it. */

const INITIAL = 0xdeadbeef;

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** An unsigned 32 bit hash of `bytes`, read as little endian words (x64 and arm64). */
export function jhash(bytes: Uint8Array, seed: number): number {
  const start = (INITIAL + bytes.length + seed) | 0;
  let [a, b, c] = [start, start, start];
  const word = (at: number): number =>
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24);
  let at = 0;
  // The last 1 to 12 bytes are mixed in by the final step.
  for (; bytes.length - at > 12; at += 12) {
    a = (a + word(at)) | 0;
    b = (b + word(at + 4)) | 0;
    c = (c + word(at + 8)) | 0;
    a = ((a - c) | 0) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotate(b, 4);
    b = (b + a) | 0;
  }
  if (at === bytes.length) return c >>> 0;
  a = (a + word(at)) | 0;
  b = (b + word(at + 4)) | 0;
  c = (c + word(at + 8)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

/** A 32 bit number brought below `modulus` without division: reciprocal_scale of linux/kernel.h. */
export function scale(value: number, modulus: number): number {
  return Number((BigInt(value) * BigInt(modulus)) >> 32n);
}
