/**
 * How a free number of a range is chosen. One picked for the caller comes from the upper (dynamic) band as long as
 * there is one, so that the lower (static) band stays free for people who choose (KEP-3070, KEP-3668).
 */

/**
 * The size of the static band of a range: min(max(least, size / divisor), most), and none for a range that is not
 * larger than `least` (KEP-3070 with 16, 16, 256 for addresses; KEP-3668 with 16, 32, 128 for ports).
 */
export function staticBandSize(size: number, least: number, divisor: number, most: number): number {
  if (size <= least) return 0;
  return Math.min(Math.max(least, Math.floor(size / divisor)), most);
}

/**
 * A random free number in [from, to): a few throws of the dice, which nearly always hit while the band is not nearly
 * full, then a scan from a random place. Undefined when there is none. `random` is in [0, 1).
 */
export function pickFree(
  from: number,
  to: number,
  isFree: (number: number) => boolean,
  random: () => number,
): number | undefined {
  const span = to - from;
  if (span <= 0) return undefined;
  for (let attempt = 0; attempt < 8; attempt++) {
    const number = from + Math.floor(random() * span);
    if (isFree(number)) return number;
  }
  const start = Math.floor(random() * span);
  for (let i = 0; i < span; i++) {
    const number = from + ((start + i) % span);
    if (isFree(number)) return number;
  }
  return undefined;
}
