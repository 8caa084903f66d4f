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

const WORDS: Record<FieldErrorType, string> = {
  Required: "Required value",
  Invalid: "Invalid value",
  NotSupported: "Unsupported value",
  Forbidden: "Forbidden",
  Duplicate: "Duplicate value",
  TooLong: "Too long",
  TooMany: "Too many",
  TypeInvalid: "Invalid value",
  NotFound: "Not found",
  Internal: "Internal error",
};

/** The types whose text leaves the value out. */
const WITHOUT_VALUE: ReadonlySet<FieldErrorType> = new Set([
  "Required",
  "Forbidden",
  "TooLong",
  "Internal",
] as const);

/** `spec.type: Unsupported value: "x": supported values: ...`; without the path when `field` is empty. */
export function formatFieldError(error: FieldError): string {
  let text = error.field === "" ? "" : `${error.field}: `;
  text += WORDS[error.type];
  if (!WITHOUT_VALUE.has(error.type)) text += `: ${formatValue(error.value)}`;
  return error.detail === "" ? text : `${text}: ${error.detail}`;
}

/** The value as upstream prints it: text quoted, lists and objects as JSON. */
function formatValue(value: unknown): string {
  if (value === undefined || value === null) return "null";
  return JSON.stringify(value);
}

export function required(field: string, detail = ""): FieldError {
  return { type: "Required", field, value: "", detail };
}

export function invalidValue(field: string, value: unknown, detail: string): FieldError {
  return { type: "Invalid", field, value, detail };
}

/** The supported values are listed sorted, quoted, as upstream does. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = [...supported].sort().map((text) => JSON.stringify(text));
  return { type: "NotSupported", field, value, detail: `supported values: ${list.join(", ")}` };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { type: "Forbidden", field, value: "", detail };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { type: "Duplicate", field, value, detail: "" };
}

/** `limit` in bytes. */
export function tooLong(field: string, limit: number): FieldError {
  return { type: "TooLong", field, value: "", detail: `may not be more than ${limit} bytes` };
}

/** `actual` is how many there are; `limit` how many there may be. */
export function tooMany(field: string, actual: number, limit: number): FieldError {
  const noun = limit === 1 ? "item" : "items";
  return { type: "TooMany", field, value: actual, detail: `must have at most ${limit} ${noun}` };
}

export function immutable(field: string, value: unknown): FieldError {
  return invalidValue(field, value, "field is immutable");
}
