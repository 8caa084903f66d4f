/** Which Namespaces are acceptable (pkg/apis/core/validation ValidateNamespace). */
import type { FieldError } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkSyntax } from "../validation/checks.ts";
import { dns1123LabelComplaints, qualifiedNameComplaints } from "../validation/names.ts";
import type { Namespace } from "./type.ts";

const RULES = { namespaced: false, nameComplaints: dns1123LabelComplaints };

export function validateNamespace(namespace: Namespace): FieldError[] {
  return [
    ...validateObjectMeta(namespace.metadata, RULES),
    ...(namespace.spec?.finalizers ?? []).flatMap((finalizer) =>
      checkSyntax("spec.finalizers", finalizer, qualifiedNameComplaints),
    ),
  ];
}

export function validateNamespaceUpdate(namespace: Namespace, old: Namespace): FieldError[] {
  return validateObjectMetaUpdate(namespace.metadata, old.metadata);
}
