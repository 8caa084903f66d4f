/** Which EndpointSlices are acceptable (pkg/apis/discovery/validation), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import type { ValidationContext } from "../kind.ts";
import { duplicate, immutable, invalidValue, required, tooMany } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkAddress, checkNonSpecialAddress, familyOf } from "../validation/addresses.ts";
import { checkLabels, checkOneOf, checkPortNumber, checkSyntax } from "../validation/checks.ts";
import {
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
  labelValueComplaints,
  qualifiedNameComplaints,
} from "../validation/names.ts";
import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_TOPOLOGY_LABELS = 16;
const MAX_HINTS = 8;

export function validateEndpointSlice(slice: EndpointSlice, context: ValidationContext): FieldError[] {
  const { addressType, endpoints, ports = [] } = slice;
  return [
    ...validateObjectMeta(slice.metadata, RULES),
    ...checkOneOf("addressType", addressType, ["FQDN", "IPv4", "IPv6"]),
    ...checkEndpoints(endpoints, addressType, context),
    ...checkPorts(ports),
  ];
}

export function validateEndpointSliceUpdate(
  slice: EndpointSlice,
  old: EndpointSlice,
  context: ValidationContext,
): FieldError[] {
  const errors = [
    ...validateObjectMetaUpdate(slice.metadata, old.metadata),
    ...validateEndpointSlice(slice, context),
  ];
  if (slice.addressType !== old.addressType) errors.push(immutable("addressType", slice.addressType));
  return errors;
}

function checkEndpoints(
  endpoints: readonly Endpoint[],
  addressType: EndpointSlice["addressType"],
  context: ValidationContext,
): FieldError[] {
  if (endpoints.length > MAX_ENDPOINTS) return [tooMany("endpoints", endpoints.length, MAX_ENDPOINTS)];
  return endpoints.flatMap((endpoint, i) => checkEndpoint(`endpoints[${i}]`, endpoint, addressType, context));
}

function checkEndpoint(
  field: string,
  { addresses, hostname, nodeName, deprecatedTopology, hints }: Endpoint,
  addressType: EndpointSlice["addressType"],
  context: ValidationContext,
): FieldError[] {
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(`${field}.addresses`, "must contain at least 1 address"));
  else if (addresses.length > MAX_ADDRESSES)
    errors.push(tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES));
  for (const [i, address] of addresses.entries())
    errors.push(...checkEndpointAddress(`${field}.addresses[${i}]`, address, addressType, context));
  const labels = Object.keys(deprecatedTopology ?? {}).length;
  if (labels > MAX_TOPOLOGY_LABELS)
    errors.push(tooMany(`${field}.deprecatedTopology`, labels, MAX_TOPOLOGY_LABELS));
  errors.push(...checkLabels(`${field}.deprecatedTopology`, deprecatedTopology));
  if (hostname !== undefined)
    errors.push(...checkSyntax(`${field}.hostname`, hostname, dns1123LabelComplaints));
  if (nodeName !== undefined)
    errors.push(...checkSyntax(`${field}.nodeName`, nodeName, dns1123SubdomainComplaints));
  return [...errors, ...checkHints(`${field}.hints`, hints)];
}

function checkEndpointAddress(
  field: string,
  address: string,
  addressType: EndpointSlice["addressType"],
  context: ValidationContext,
): FieldError[] {
  switch (addressType) {
    case "IPv4":
    case "IPv6": {
      const syntax = checkAddress(field, address);
      if (syntax.length > 0) return syntax;
      const errors = checkNonSpecialAddress(field, address, context);
      if (`IPv${familyOf(address)}` === addressType) return errors;
      return [invalidValue(field, address, `must be an ${addressType} address`), ...errors];
    }
    case "FQDN":
      return checkDomainName(field, address);
    default:
      // An unknown type is an error of its own; nothing is known of its addresses.
      return [];
  }
}

/** A name with at least two labels; a dot at the end is fine. */
function checkDomainName(field: string, address: string): FieldError[] {
  if (address === "") return [required(field)];
  const name = address.replace(/\.$/, "");
  const syntax = checkSyntax(field, name, dns1123SubdomainComplaints);
  if (syntax.length > 0 || name.includes(".")) return syntax;
  return [invalidValue(field, address, "should be a domain with at least two segments separated by dots")];
}

function checkHints(field: string, hints: EndpointHints | undefined): FieldError[] {
  return (["forZones", "forNodes"] as const).flatMap((part) => {
    const list = hints?.[part] ?? [];
    const path = `${field}.${part}`;
    if (list.length > MAX_HINTS) return [tooMany(path, list.length, MAX_HINTS)];
    const complaintsAbout = part === "forZones" ? labelValueComplaints : dns1123SubdomainComplaints;
    return list.flatMap(({ name }, i) => {
      const at = `${path}[${i}].name`;
      // A zone without a name is a label value like any other.
      const errors = checkSyntax(at, name, complaintsAbout);
      const first = list.findIndex((other) => other.name === name);
      return first < i ? [duplicate(at, name), ...errors] : errors;
    });
  });
}

function checkPorts(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany("ports", ports.length, MAX_PORTS)];
  const names = new Set<string>();
  return ports.flatMap(({ name = "", protocol, port, appProtocol }, i) => {
    const field = `ports[${i}]`;
    const errors = name === "" ? [] : checkSyntax(`${field}.name`, name, dns1123LabelComplaints);
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    errors.push(...checkOneOf(`${field}.protocol`, protocol, ["TCP", "UDP", "SCTP"]));
    // Upstream lets any number through; one that is no port could never be programmed.
    if (port !== undefined) errors.push(...checkPortNumber(`${field}.port`, port));
    if (appProtocol !== undefined)
      errors.push(...checkSyntax(`${field}.appProtocol`, appProtocol, qualifiedNameComplaints));
    return errors;
  });
}
