/** Which TokenRequests are acceptable (pkg/apis/authentication/validation ValidateTokenRequest). */
import type { FieldError } from "../field-error.ts";
import { invalidValue } from "../field-error.ts";
import type { TokenRequest } from "./type.ts";

/** Seconds. */
const SHORTEST = 600;
const LONGEST = 2 ** 32;

export function validateTokenRequest({ spec: { expirationSeconds = 0 } }: TokenRequest): FieldError[] {
  const field = "spec.expirationSeconds";
  if (expirationSeconds < SHORTEST)
    return [invalidValue(field, expirationSeconds, "may not specify a duration less than 10 minutes")];
  if (expirationSeconds > LONGEST)
    return [invalidValue(field, expirationSeconds, "may not specify a duration larger than 2^32 seconds")];
  return [];
}
