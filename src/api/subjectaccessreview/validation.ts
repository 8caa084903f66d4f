/** Which access reviews are acceptable (pkg/apis/authorization/validation), with upstream's sentences. */
import { type FieldError, forbiddenField, invalidValue, required } from "../field-error.ts";
import type { KubeObject } from "../meta/type.ts";
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
} from "./type.ts";

interface RequestAttributes {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

export function validateSubjectAccessReview(review: SubjectAccessReview): FieldError[] {
  return [...validateSubjectAccessReviewSpec(review), ...validateEmptyMetadata(review, [], "must be empty")];
}

/** Of the reviews that name a user. */
export function validateSubjectAccessReviewSpec({ spec }: SubjectAccessReview): FieldError[] {
  const { user = "", groups = [] } = spec;
  const errors = validateRequestAttributes(spec);
  if (user === "" && groups.length === 0)
    errors.push(invalidValue("spec.user", user, "at least one of user or group must be specified"));
  return errors;
}

/** Of every access review. */
export function validateRequestAttributes(spec: RequestAttributes): FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec;
  const errors: FieldError[] = [];
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined)
    errors.push(
      invalidValue(
        "spec.nonResourceAttributes",
        nonResourceAttributes,
        "cannot be specified in combination with resourceAttributes",
      ),
    );
  if (resourceAttributes === undefined && nonResourceAttributes === undefined)
    errors.push(
      invalidValue(
        "spec.resourceAttributes",
        undefined,
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
      ),
    );
  if (resourceAttributes === undefined) return errors;
  const field = "spec.resourceAttributes";
  return [
    ...errors,
    ...validateSelector(`${field}.fieldSelector`, resourceAttributes.fieldSelector),
    ...validateSelector(`${field}.labelSelector`, resourceAttributes.labelSelector),
  ];
}

/** A selector is text or requirements. */
function validateSelector(
  field: string,
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector !== "" && requirements.length > 0)
    return [
      invalidValue(`${field}.rawSelector`, rawSelector, "may not specified at the same time as requirements"),
    ];
  if (rawSelector === "" && requirements.length === 0)
    return [
      required(
        `${field}.requirements`,
        `when ${field.split(".").at(-1)} is specified, requirements or rawSelector is required`,
      ),
    ];
  return requirements.flatMap(({ key, operator, values = [] }, i) => {
    const at = `${field}.requirements[${i}]`;
    const errors = key === "" ? [required(`${at}.key`, "must be specified")] : [];
    if (operator === "In" || operator === "NotIn") {
      if (values.length === 0)
        errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (values.length > 0)
        errors.push(
          forbiddenField(
            `${at}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        );
    } else errors.push(invalidValue(`${at}.operator`, operator, "not a valid selector operator"));
    return errors;
  });
}

/** Nothing is stored, so nothing of `metadata` has a meaning but what is `allowed`. */
export function validateEmptyMetadata(
  { metadata }: KubeObject,
  allowed: readonly string[],
  detail: string,
): FieldError[] {
  const { managedFields: _managedFields, ...own } = metadata;
  const others = Object.entries(own).filter(([name, value]) => !allowed.includes(name) && !isEmpty(value));
  return others.length === 0 ? [] : [invalidValue("metadata", metadata, detail)];
}

function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === "" || value === 0;
}
