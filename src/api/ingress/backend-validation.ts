/** Which backends of an Ingress are acceptable (pkg/apis/networking/validation validateIngressBackend). */
import { type FieldError, invalidValue, required } from "../field-error.ts";
import type { TypedLocalObjectReference } from "../pod/reference-type.ts";
import { checkPortNumber, checkSyntax } from "../validation/checks.ts";
import {
  dns1035LabelComplaints,
  dns1123SubdomainComplaints,
  pathSegmentComplaints,
  portNameComplaints,
} from "../validation/names.ts";
import type { IngressBackend, IngressServiceBackend } from "./type.ts";

export function checkBackend(field: string, { service, resource }: IngressBackend): FieldError[] {
  if (service !== undefined && resource !== undefined)
    return [invalidValue(field, "", "cannot set both resource and service backends")];
  if (resource !== undefined) return checkTypedReference(`${field}.resource`, resource);
  if (service !== undefined) return checkService(field, service);
  return [invalidValue(field, "", "resource or service backend is required")];
}

function checkService(field: string, { name, port = {} }: IngressServiceBackend): FieldError[] {
  const errors =
    name === ""
      ? [required(`${field}.service.name`)]
      : checkSyntax(`${field}.service.name`, name, dns1035LabelComplaints);
  const { name: portName = "", number = 0 } = port;
  if (portName !== "" && number !== 0)
    errors.push(invalidValue(field, "", "cannot set both port name & port number"));
  else if (portName !== "")
    errors.push(...checkSyntax(`${field}.service.port.name`, portName, portNameComplaints));
  else if (number !== 0) errors.push(...checkPortNumber(`${field}.service.port.number`, number));
  else errors.push(required(field, "port name or number is required"));
  return errors;
}

/** A reference to an object of any kind: its kind and its name are parts of a URL. */
export function checkTypedReference(
  field: string,
  { apiGroup, kind, name }: TypedLocalObjectReference,
): FieldError[] {
  return [
    ...(apiGroup === undefined ? [] : checkSyntax(`${field}.apiGroup`, apiGroup, dns1123SubdomainComplaints)),
    ...checkSegment(`${field}.kind`, kind),
    ...checkSegment(`${field}.name`, name),
  ];
}

function checkSegment(field: string, text: string): FieldError[] {
  return text === "" ? [required(field)] : checkSyntax(field, text, pathSegmentComplaints);
}
