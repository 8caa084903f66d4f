/** Checks of single fields that many kinds share. Each gives the errors of the field, none when it is good. */
import type { FieldError } from "../field-error.ts";
import { invalidValue, notSupported, required } from "../field-error.ts";
import type { IntOrString } from "../meta/type.ts";
import {
  labelValueComplaints,
  portNameComplaints,
  portNumberComplaints,
  qualifiedNameComplaints,
} from "./names.ts";

/** An error for each complaint of a syntax check about the field's text. */
export function checkSyntax(
  field: string,
  text: string,
  complaintsAbout: (text: string) => readonly string[],
): FieldError[] {
  return complaintsAbout(text).map((complaint) => invalidValue(field, text, complaint));
}

/** The field must be set, to one of `values`. */
export function checkOneOf(
  field: string,
  value: string | undefined,
  values: readonly string[],
): FieldError[] {
  if (value === undefined || value === "") return [required(field)];
  return checkOptionalOneOf(field, value, values);
}

/** The field, if it is set, must be one of `values`. */
export function checkOptionalOneOf(
  field: string,
  value: string | undefined,
  values: readonly string[],
): FieldError[] {
  if (value === undefined || values.includes(value)) return [];
  return [notSupported(field, value, values)];
}

export function checkPortNumber(field: string, port: number | undefined): FieldError[] {
  return portNumberComplaints(port ?? 0).map((complaint) => invalidValue(field, port ?? 0, complaint));
}

/** A port by number or by the name of a container port. */
export function checkPort(field: string, port: IntOrString | undefined): FieldError[] {
  return typeof port === "string"
    ? checkSyntax(field, port, portNameComplaints)
    : checkPortNumber(field, port);
}

export function checkNonNegative(field: string, value: number | undefined): FieldError[] {
  return (value ?? 0) >= 0 ? [] : [invalidValue(field, value, "must be greater than or equal to 0")];
}

/** Keys and values of labels; the errors are all of the field itself. */
export function checkLabels(
  field: string,
  labels: Readonly<Record<string, string>> | undefined,
): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...checkSyntax(field, key, qualifiedNameComplaints),
    ...checkSyntax(field, value, labelValueComplaints),
  ]);
}
