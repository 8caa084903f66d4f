/** What a TokenRequest has when its client said nothing (pkg/apis/authentication/v1/defaults.go). */
import type { TokenRequest } from "./type.ts";

/** Seconds. */
const DEFAULT_EXPIRATION = 3600;

export function setTokenRequestDefaults({ spec }: TokenRequest): void {
  spec.expirationSeconds ??= DEFAULT_EXPIRATION;
}
