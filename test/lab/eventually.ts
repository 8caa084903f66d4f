/** Waiting for what is done in its own time, and told of to nobody who could be waited for. */
import { setTimeout } from "node:timers/promises";

/** wait.ForeverTestTimeout of k8s.io/apimachinery/pkg/util/wait. */
export const FOREVER = 30_000;
/** Upstream asks every 1 to 5 seconds; asking more often changes no outcome, only how soon it is known. */
const INTERVAL = 20;

/** Asks until the answer is not undefined. Throws after `limit` milliseconds, with what was waited for. */
export async function eventually<T>(
  what: string,
  limit: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${what}`);
    await setTimeout(INTERVAL);
  }
}

/** Until it holds. Throws after `limit` milliseconds, with `what` it was. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  limit: number = 10_000,
  what: () => string = () => String(holds),
): Promise<void> {
  const end = performance.now() + limit;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${what()}`);
    await setTimeout(INTERVAL);
  }
}
