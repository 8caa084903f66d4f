/** What a run measured, for people: numbers rounded, lists of numbers as median and most. */
export function figures(values: object): string {
  return JSON.stringify(values, (_, value: unknown) => {
    if (typeof value === "number") return Math.round(value * 10) / 10;
    if (!Array.isArray(value) || value.length === 0 || !value.every((one) => typeof one === "number"))
      return value;
    return {
      count: value.length,
      p50: percentile(value, 0.5),
      p99: percentile(value, 0.99),
      most: percentile(value, 1),
    };
  });
}

/** `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
