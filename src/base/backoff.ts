/** Waiting longer after each failure, with jitter so that many clients of one server do not come back together. */

export interface BackoffOptions {
  /** The first wait in milliseconds. @default 50 */
  readonly initial?: number;
  /** The longest wait in milliseconds. @default 30000 */
  readonly limit?: number;
  /** What each wait is multiplied by to give the next. @default 2 */
  readonly factor?: number;
  /** The part of a wait that is left to chance, 0 to 1: 0.5 waits between half and the whole of it. @default 0.5 */
  readonly jitter?: number;
  /** A number from 0 up to 1. @default Math.random */
  readonly random?: () => number;
}

/** The wait in milliseconds after `failures` (1 or more) failures in a row. */
export function backoffDelay(failures: number, options: BackoffOptions = {}): number {
  const { initial = 50, limit = 30_000, factor = 2, jitter = 0.5, random = Math.random } = options;
  const whole = Math.min(limit, initial * factor ** Math.min(failures - 1, 60));
  return whole * (1 - jitter * random());
}

/** Resolves after `milliseconds`, or at once when `signal` aborts. Never rejects, leaves no timer behind. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener("abort", finish, { once: true });
  });
}
