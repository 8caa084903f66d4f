/** Which label selectors are acceptable in objects (apimachinery meta/v1/validation ValidateLabelSelector). */
import type { FieldError } from "../field-error.ts";
import { forbiddenField, invalidValue, required } from "../field-error.ts";
import type { LabelSelector, LabelSelectorRequirement } from "../meta/type.ts";
import { checkLabels, checkSyntax } from "./checks.ts";
import { labelValueComplaints, qualifiedNameComplaints } from "./names.ts";

export function checkLabelSelector(field: string, selector: LabelSelector): FieldError[] {
  return [
    ...checkLabels(`${field}.matchLabels`, selector.matchLabels),
    ...(selector.matchExpressions ?? []).flatMap((requirement, i) =>
      checkRequirement(`${field}.matchExpressions[${i}]`, requirement),
    ),
  ];
}

/** Whether it chooses everything. */
export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length + (matchExpressions ?? []).length === 0;
}

function checkRequirement(
  field: string,
  { key, operator, values = [] }: LabelSelectorRequirement,
): FieldError[] {
  const errors: FieldError[] = [];
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0)
        errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0)
        errors.push(
          forbiddenField(
            `${field}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        );
      break;
    default:
      errors.push(invalidValue(`${field}.operator`, operator, "not a valid selector operator"));
  }
  errors.push(...checkSyntax(`${field}.key`, key, qualifiedNameComplaints));
  for (const [i, value] of values.entries())
    errors.push(...checkSyntax(`${field}.values[${i}]`, value, labelValueComplaints));
  return errors;
}
