/** What somebody who has mistyped a word may have meant. */

/** Letters added, left out or changed; two that are swapped are two of these. */
const MOST_MISTAKES = 2;

/** Those of the words that differ from `word` by no more than a slip of the fingers, the nearest first. */
export function similar(word: string, words: readonly string[]): string[] {
  // Of a word as short as "ls" everything would be near.
  const most = Math.min(MOST_MISTAKES, Math.ceil(word.length / 3));
  return words
    .map((each) => ({ each, mistakes: mistakes(word, each) }))
    .filter((one) => one.mistakes <= most)
    .sort((a, b) => a.mistakes - b.mistakes)
    .map(({ each }) => each);
}

/** Levenshtein's distance, by rows of its matrix. */
function mistakes(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let at = 0; at < from.length; at++) {
    const next = [at + 1];
    for (let other = 0; other < to.length; other++) {
      const changed = row[other]! + (to[other] === from[at] ? 0 : 1);
      next.push(Math.min(row[other + 1]! + 1, next[other]! + 1, changed));
    }
    row = next;
  }
  return row.at(-1)!;
}
