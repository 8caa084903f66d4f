/** Which templates of pods are acceptable (pkg/apis/core/validation ValidatePodTemplateSpec, ValidatePodTemplate). */
import type { FieldError } from "../field-error.ts";
import { forbiddenField, invalidValue, notSupported, required } from "../field-error.ts";
import { checkAnnotations, validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { validatePodSpec } from "../pod/validation.ts";
import { matchesLabels } from "../selector/requirement.ts";
import type { LabelSelectorTerms } from "../selector/requirement.ts";
import { checkLabels } from "../validation/checks.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { PodTemplate, PodTemplateSpec } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validatePodTemplate({ metadata, template }: PodTemplate): FieldError[] {
  return [...validateObjectMeta(metadata, RULES), ...validatePodTemplateSpec("template", template ?? {})];
}

export function validatePodTemplateUpdate(
  { metadata, template }: PodTemplate,
  old: PodTemplate,
): FieldError[] {
  return [
    ...validateObjectMetaUpdate(metadata, old.metadata),
    ...validatePodTemplateSpec("template", template ?? {}),
  ];
}

export function validatePodTemplateSpec(field: string, { metadata, spec }: PodTemplateSpec): FieldError[] {
  const errors = [
    // Upstream leaves "metadata" out of these two paths.
    ...checkLabels(`${field}.labels`, metadata?.labels),
    ...checkAnnotations(`${field}.annotations`, metadata?.annotations),
    ...validatePodSpec(`${field}.spec`, spec ?? { containers: [] }),
  ];
  if ((spec?.ephemeralContainers ?? []).length > 0)
    errors.push(
      forbiddenField(`${field}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"),
    );
  return errors;
}

/**
 * The template of something that keeps a number of pods running: `selector` must choose the pods it makes
 * (undefined chooses none), and they must never end by themselves. `owner` is how upstream names it in a message.
 */
export function validateReplicatedTemplate(
  field: string,
  template: PodTemplateSpec | undefined,
  selector: LabelSelectorTerms | undefined,
  owner: "ReplicaSet" | "ReplicationController",
): FieldError[] {
  if (template === undefined) return [required(field)];
  const { labels = {} } = template.metadata ?? {};
  const errors: FieldError[] = [];
  if (selector === undefined || !matchesLabels(selector, labels))
    errors.push(
      invalidValue(`${field}.metadata.labels`, labels, "`selector` does not match template `labels`"),
    );
  errors.push(...validatePodTemplateSpec(field, template));
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== "Always")
    errors.push(notSupported(`${field}.spec.restartPolicy`, restartPolicy ?? "", ["Always"]));
  if (activeDeadlineSeconds !== undefined)
    errors.push(
      forbiddenField(
        `${field}.spec.activeDeadlineSeconds`,
        `activeDeadlineSeconds in ${owner} is not Supported`,
      ),
    );
  return errors;
}
