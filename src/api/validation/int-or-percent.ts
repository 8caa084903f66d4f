/** Numbers that may be given as a part of a whole (pkg/apis/apps/validation ValidatePositiveIntOrPercent and its kin). */
import type { FieldError } from "../field-error.ts";
import { invalidValue } from "../field-error.ts";
import type { IntOrString } from "../meta/type.ts";
import { checkNonNegative, checkSyntax } from "./checks.ts";
import { percentComplaints } from "./names.ts";

/** "25%" or a number that is not negative. */
export function checkIntOrPercent(field: string, value: IntOrString): FieldError[] {
  return typeof value === "string"
    ? checkSyntax(field, value, percentComplaints)
    : checkNonNegative(field, value);
}

export function checkAtMostAll(field: string, value: IntOrString): FieldError[] {
  const percent = percentOf(value);
  return percent === undefined || percent <= 100
    ? []
    : [invalidValue(field, value, "must not be greater than 100%")];
}

/** Whether the number, or the percentage, is zero. A text that is no percentage counts as zero. */
export function isZero(value: IntOrString): boolean {
  return (percentOf(value) ?? (typeof value === "number" ? value : Number.parseInt(value, 10) || 0)) === 0;
}

function percentOf(value: IntOrString): number | undefined {
  return typeof value === "string" && /^[0-9]+%$/.test(value) ? Number.parseInt(value, 10) : undefined;
}
