/** Exact probabilities, and all the ways that random choices can go. */

/** The fraction numerator / denominator in lowest terms. */
export interface Share {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function lowest(numerator: bigint, denominator: bigint): Share {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}

export function addShares(a: Share, b: Share): Share {
  return lowest(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
}

/** "1/3", or "always". */
export function formatShare({ numerator, denominator }: Share): string {
  return denominator === 1n ? (numerator === 1n ? "always" : "never") : `${numerator}/${denominator}`;
}

/** 33.3 for a third. */
export function sharePercent({ numerator, denominator }: Share): number {
  return Number((numerator * 100_000n) / denominator) / 1000;
}

/** Takes one of `count` possibilities: a number below it. */
export type Choose = (count: number) => number;

/** More ways than anybody waits for: a mistake in the rules, or not a thing to enumerate. */
const MOST_WAYS = 200_000;

/**
 * Runs `run` once for each way that its choices can go, and gives each result with its probability. `run` must depend
 * on nothing but its choices. Throws RangeError past 200,000 ways.
 */
export function* allWays<T>(run: (choose: Choose) => T): Generator<{ result: T; share: Share }> {
  let taken: { choice: number; of: number }[] = [];
  for (let ways = 0; ; ways++) {
    if (ways === MOST_WAYS) throw new RangeError(`more than ${MOST_WAYS} ways for one packet`);
    let at = 0;
    const result = run((of) => {
      const step = (taken[at++] ??= { choice: 0, of });
      return step.choice;
    });
    const denominator = taken.reduce((product, { of }) => product * BigInt(of), 1n);
    yield { result, share: { numerator: 1n, denominator } };
    while (taken.length > 0 && taken.at(-1)!.choice + 1 === taken.at(-1)!.of) taken.pop();
    if (taken.length === 0) return;
    taken = taken.map((step, index) =>
      index === taken.length - 1 ? { choice: step.choice + 1, of: step.of } : step,
    );
  }
}
