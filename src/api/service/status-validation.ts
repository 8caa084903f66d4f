/** Which statuses of Services are acceptable (pkg/apis/core/validation ValidateLoadBalancerStatus). */
import type { FieldError } from "../field-error.ts";
import { forbiddenField, invalidValue, notSupported, required } from "../field-error.ts";
import { validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkAddress, familyOf } from "../validation/addresses.ts";
import { checkSyntax } from "../validation/checks.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { LoadBalancerIngress, Service } from "./type.ts";

const IP_MODES = ["VIP", "Proxy"];

export function validateServiceStatusUpdate(service: Service, old: Service): FieldError[] {
  const errors = validateObjectMetaUpdate(service.metadata, old.metadata);
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const field = "status.loadBalancer.ingress";
  if (ingress.length > 0 && service.spec?.type !== "LoadBalancer")
    return [...errors, forbiddenField(field, "may only be used when `spec.type` is LoadBalancer")];
  return [...errors, ...ingress.flatMap((entry, i) => checkIngress(`${field}[${i}]`, entry))];
}

function checkIngress(field: string, { ip = "", hostname = "", ipMode }: LoadBalancerIngress): FieldError[] {
  const errors: FieldError[] = ip === "" ? [] : checkAddress(`${field}.ip`, ip);
  if (ipMode === undefined) {
    if (ip !== "") errors.push(required(`${field}.ipMode`, "must be specified when `ip` is set"));
  } else if (ip === "")
    errors.push(forbiddenField(`${field}.ipMode`, "may not be specified when `ip` is not set"));
  else if (!IP_MODES.includes(ipMode)) errors.push(notSupported(`${field}.ipMode`, ipMode, IP_MODES));
  if (hostname === "") return errors;
  errors.push(...checkSyntax(`${field}.hostname`, hostname, dns1123SubdomainComplaints));
  if (familyOf(hostname) !== undefined)
    errors.push(invalidValue(`${field}.hostname`, hostname, "must be a DNS name, not an IP address"));
  return errors;
}
