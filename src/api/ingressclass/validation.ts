/** Which IngressClasses are acceptable (pkg/apis/networking/validation ValidateIngressClass). */
import {
  type FieldError,
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from "../field-error.ts";
import { checkTypedReference } from "../ingress/backend-validation.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkSyntax } from "../validation/checks.ts";
import {
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
  httpPathComplaints,
} from "../validation/names.ts";
import type { IngressClass, IngressClassParametersReference } from "./type.ts";

const MAX_CONTROLLER = 250;
const SCOPES = ["Cluster", "Namespace"];

export function validateIngressClass({ metadata, spec = {} }: IngressClass): FieldError[] {
  const rules = { namespaced: false, nameComplaints: dns1123SubdomainComplaints };
  const { controller = "", parameters } = spec;
  return [
    ...validateObjectMeta(metadata, rules),
    ...checkController("spec.controller", controller),
    ...(parameters === undefined ? [] : checkParameters("spec.parameters", parameters)),
  ];
}

export function validateIngressClassUpdate(update: IngressClass, old: IngressClass): FieldError[] {
  const errors = validateObjectMetaUpdate(update.metadata, old.metadata);
  const { controller = "" } = update.spec ?? {};
  if (controller !== (old.spec?.controller ?? "")) errors.push(immutable("spec.controller", controller));
  return [...errors, ...validateIngressClass(update)];
}

/** A domain, a slash and a path (IsDomainPrefixedPath). The refused value is the part that is wrong. */
function checkController(field: string, controller: string): FieldError[] {
  if (controller === "") return [required(field)];
  const errors = Buffer.byteLength(controller) > MAX_CONTROLLER ? [tooLong(field, MAX_CONTROLLER)] : [];
  const slash = controller.indexOf("/");
  const domain = controller.slice(0, Math.max(slash, 0));
  const path = controller.slice(slash + 1);
  if (domain === "" || path === "")
    return [
      ...errors,
      invalidValue(field, controller, 'must be a domain-prefixed path (such as "acme.io/foo")'),
    ];
  return [
    ...errors,
    ...checkSyntax(field, domain, dns1123SubdomainComplaints),
    ...checkSyntax(field, path, httpPathComplaints),
  ];
}

function checkParameters(field: string, parameters: IngressClassParametersReference): FieldError[] {
  const errors = checkTypedReference(field, parameters);
  const { scope, namespace } = parameters;
  if (scope === undefined) errors.push(required(`${field}.scope`));
  else if (!SCOPES.includes(scope)) errors.push(notSupported(`${field}.scope`, scope, SCOPES));
  else if (scope === "Cluster") {
    if (namespace !== undefined)
      errors.push(forbiddenField(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  } else if (namespace === undefined)
    errors.push(required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  else errors.push(...checkSyntax(`${field}.namespace`, namespace, dns1123LabelComplaints));
  return errors;
}
