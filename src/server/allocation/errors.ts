/** Why a number was not given. The texts are Kubernetes' (pkg/registry/core/service ipallocator and portallocator). */

/** The caller asked for a number that somebody has. */
export class TakenError extends Error {
  override readonly name = "TakenError";
}

/** The caller asked for a number that is in no range, or is never given out. */
export class NotInRangeError extends Error {
  override readonly name = "NotInRangeError";
}

/** There is no free number left. */
export class RangeFullError extends Error {
  override readonly name = "RangeFullError";

  constructor() {
    super("range is full");
  }
}
