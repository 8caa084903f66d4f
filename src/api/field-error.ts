/**
 * One thing wrong with one field, in Kubernetes' words
 * (apimachinery util/validation/field: the kinds, the sentence forms and the reasons of StatusCause).
 */
export type FieldErrorType =
  | "Required"
  | "Invalid"
  | "NotSupported"
  | "Forbidden"
  | "Duplicate"
  | "TooLong"
  | "TooMany"
  | "TypeInvalid"
  | "NotFound"
  | "Internal";

export interface FieldError {
  readonly type: FieldErrorType;
  /** The path, "spec.ports[0].nodePort". */
  readonly field: string;
  /** The refused value. Shown for Invalid, NotSupported, Duplicate and NotFound. */
  readonly value?: unknown;
  readonly detail: string;
}
