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
  override readonly name: string = "RangeFullError";

  constructor(message = "range is full") {
    super(message);
  }
}

/** There is no free address left in a Network's subnet, "100.1.1.0/24". The text is Contiv's. */
export class AddressesExhaustedError extends RangeFullError {
  override readonly name = "AddressesExhaustedError";

  constructor(subnet: string) {
    super(`auto allocation failed - address exhaustion in subnet ${subnet}`);
  }
}
