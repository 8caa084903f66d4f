/** Why a container engine cannot be used, and what to do about it. */

export type EngineFailure =
  /** The address makes no sense or needs what we do not have. */
  | "address"
  /** There is no socket at the address. */
  | "missing"
  /** We may not open the socket. */
  | "permission"
  /** Nobody answers: refused, timed out, cut off. */
  | "unreachable"
  /** The engine is too old for us, or too new. */
  | "version"
  /** The engine answered with an error. */
  | "refused";

/** Thrown by everything that speaks to an engine. `message` and `remedy` are one line each. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly failure: EngineFailure;
  readonly remedy: string | undefined;
  /** The HTTP status code if the engine answered. */
  readonly status: number | undefined;
  /** The engine's own words if it answered with some. */
  readonly said: string | undefined;

  constructor(
    failure: EngineFailure,
    message: string,
    options: ErrorOptions & {
      readonly remedy?: string;
      readonly status?: number;
      readonly said?: string;
    } = {},
  ) {
    super(message, options);
    this.failure = failure;
    this.remedy = options.remedy;
    this.status = options.status;
    this.said = options.said;
  }

  /** Whether trying again later cannot help. */
  get permanent(): boolean {
    return this.failure === "address" || this.failure === "version";
  }
}

/** Whether the engine says that it has no such container (or network). */
export function isGone(error: unknown): boolean {
  return error instanceof EngineError && error.status === 404;
}

/** Whether the engine refuses to remove a network because containers run on it. */
export function isInUse(error: unknown): boolean {
  return error instanceof EngineError && /active endpoints|in use|being used/i.test(error.said ?? "");
}
