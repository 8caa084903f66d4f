/** Which Endpoints are acceptable (pkg/apis/core/validation ValidateEndpoints), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import type { ValidationContext } from "../kind.ts";
import { forbiddenField, required } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkAddress, checkNonSpecialAddress } from "../validation/addresses.ts";
import { checkOneOf, checkPortNumber, checkSyntax } from "../validation/checks.ts";
import {
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
  qualifiedNameComplaints,
} from "../validation/names.ts";
import type { EndpointAddress, Endpoints, EndpointsPort, EndpointSubset } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

/** Which node has which address, in the object as it was. */
type NodeNames = ReadonlyMap<string, string>;

export function validateEndpoints(endpoints: Endpoints, context: ValidationContext): FieldError[] {
  return [
    ...validateObjectMeta(endpoints.metadata, RULES),
    ...checkSubsets(endpoints.subsets ?? [], new Map(), context),
  ];
}

export function validateEndpointsUpdate(
  endpoints: Endpoints,
  old: Endpoints,
  context: ValidationContext,
): FieldError[] {
  return [
    ...validateObjectMetaUpdate(endpoints.metadata, old.metadata),
    ...checkSubsets(endpoints.subsets ?? [], nodeNamesOf(old), context),
  ];
}

function nodeNamesOf({ subsets = [] }: Endpoints): NodeNames {
  const names = new Map<string, string>();
  for (const { addresses = [], notReadyAddresses = [] } of subsets)
    for (const { ip, nodeName } of [...addresses, ...notReadyAddresses])
      if (nodeName !== undefined) names.set(ip, nodeName);
  return names;
}

function checkSubsets(
  subsets: readonly EndpointSubset[],
  nodes: NodeNames,
  context: ValidationContext,
): FieldError[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const field = `subsets[${i}]`;
    const errors: FieldError[] = [];
    if (addresses.length === 0 && notReadyAddresses.length === 0)
      errors.push(required(field, "must specify `addresses` or `notReadyAddresses`"));
    return [
      ...errors,
      ...addresses.flatMap((address, at) =>
        checkEndpointAddress(`${field}.addresses[${at}]`, address, nodes, context),
      ),
      ...notReadyAddresses.flatMap((address, at) =>
        checkEndpointAddress(`${field}.notReadyAddresses[${at}]`, address, nodes, context),
      ),
      ...ports.flatMap((port, at) => checkEndpointPort(`${field}.ports[${at}]`, port, ports.length > 1)),
    ];
  });
}

function checkEndpointAddress(
  field: string,
  { ip, hostname, nodeName }: EndpointAddress,
  nodes: NodeNames,
  context: ValidationContext,
): FieldError[] {
  const errors = checkAddress(`${field}.ip`, ip);
  if (hostname !== undefined)
    errors.push(...checkSyntax(`${field}.hostname`, hostname, dns1123LabelComplaints));
  if (nodeName !== undefined) {
    errors.push(...checkSyntax(`${field}.nodeName`, nodeName, dns1123SubdomainComplaints));
    const before = nodes.get(ip);
    if (before !== undefined && before !== nodeName)
      errors.push(forbiddenField(`${field}.nodeName`, `Cannot change NodeName for ${ip} to ${nodeName}`));
  }
  return errors.length > 0 ? errors : checkNonSpecialAddress(`${field}.ip`, ip, context);
}

function checkEndpointPort(
  field: string,
  { name = "", port, protocol, appProtocol }: EndpointsPort,
  needsName: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name !== "") errors.push(...checkSyntax(`${field}.name`, name, dns1123LabelComplaints));
  else if (needsName) errors.push(required(`${field}.name`));
  errors.push(
    ...checkPortNumber(`${field}.port`, port),
    ...checkOneOf(`${field}.protocol`, protocol, ["TCP", "UDP", "SCTP"]),
  );
  if (appProtocol !== undefined)
    errors.push(...checkSyntax(`${field}.appProtocol`, appProtocol, qualifiedNameComplaints));
  return errors;
}
