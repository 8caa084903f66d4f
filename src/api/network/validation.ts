/**
 * What a Network must be: the rules of Contiv's netmaster (contiv/netplugin netmaster/master/network.go, contivModel.go),
 * in its words where it has some, and those that follow from a subnet being given out. That subnets do not overlap is not
 * here: other objects say that (server/allocation/subnets.ts).
 */
import {
  type Cidr,
  cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  parseCidr,
  parseIp,
} from "../../base/ip.ts";
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkCanonicalAddress, checkCanonicalRange, isLoopback } from "../validation/addresses.ts";
import { checkOptionalOneOf } from "../validation/checks.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import { hostAddresses, networkAddresses, parseRange } from "./addresses.ts";
import { networkType } from "./defaults.ts";
import type { Network, NetworkSpec } from "./type.ts";

const MOST_PACKET_TAG = 16_777_216;
/** Bytes. */
const LONGEST_TAG = 128;
const UNCHANGEABLE = "field is immutable: Cant change network parameters after its created";

interface FamilyRules {
  readonly subnet: "subnet" | "ipv6Subnet";
  readonly gateway: "gateway" | "ipv6Gateway";
  readonly family: 4 | 6;
  /** Prefix lengths, in bits. */
  readonly shortest: number;
  readonly longest: number;
  /** Of a Network that containers are on: the bridge and one container need an address each. */
  readonly longestData: number;
  /** What no host has as an address. */
  readonly never: readonly (readonly [Cidr, string])[];
}

const FAMILIES: readonly FamilyRules[] = [
  {
    subnet: "subnet",
    gateway: "gateway",
    family: 4,
    shortest: 8,
    longest: 32,
    longestData: 30,
    never: [
      [cidr("0.0.0.0/8"), "unspecified"],
      [cidr("224.0.0.0/4"), "multicast"],
      [cidr("240.0.0.0/4"), "reserved"],
    ],
  },
  {
    subnet: "ipv6Subnet",
    gateway: "ipv6Gateway",
    family: 6,
    shortest: 8,
    longest: 128,
    longestData: 126,
    never: [
      [cidr("::/128"), "unspecified"],
      [cidr("fe80::/10"), "link-local"],
      [cidr("ff00::/8"), "multicast"],
    ],
  },
];

export function validateNetwork({ metadata, spec = {} }: Network): FieldError[] {
  return [
    ...validateObjectMeta(metadata, { namespaced: true, nameComplaints: dns1123SubdomainComplaints }),
    ...checkSpec(spec),
  ];
}

export function validateNetworkUpdate(update: Network, old: Network): FieldError[] {
  const before = old.spec ?? {};
  const after = update.spec ?? {};
  const errors = validateObjectMetaUpdate(update.metadata, old.metadata);
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof NetworkSpec>;
  for (const field of fields)
    if (field !== "tag" && (before[field] ?? "") !== (after[field] ?? ""))
      errors.push(invalidValue(`spec.${field}`, after[field] ?? "", UNCHANGEABLE));
  errors.push(...checkTag(after));
  return errors;
}

export function validateNetworkStatusUpdate(update: Network, old: Network): FieldError[] {
  return validateObjectMetaUpdate(update.metadata, old.metadata);
}

function checkSpec(spec: NetworkSpec): FieldError[] {
  const errors = FAMILIES.flatMap((rules) => checkFamily(spec, rules));
  if (isEmpty(spec.subnet) && isEmpty(spec.ipv6Subnet))
    errors.push(required("spec.subnet", "a network needs a subnet, an IPv6 subnet or both"));
  errors.push(...checkRange(spec));
  errors.push(...checkOptionalOneOf("spec.type", spec.type, ["Data", "Infra"]));
  errors.push(...checkOptionalOneOf("spec.encapsulation", spec.encapsulation, ["VLAN", "VXLAN"]));
  const { packetTag = 0 } = spec;
  if (packetTag < 0 || packetTag > MOST_PACKET_TAG)
    errors.push(
      invalidValue("spec.packetTag", packetTag, `must be between 0 and ${MOST_PACKET_TAG}, inclusive`),
    );
  errors.push(...checkTag(spec));
  return errors;
}

function checkTag({ tag = "" }: NetworkSpec): FieldError[] {
  return Buffer.byteLength(tag) > LONGEST_TAG ? [tooLong("spec.tag", LONGEST_TAG)] : [];
}

function checkFamily(spec: NetworkSpec, rules: FamilyRules): FieldError[] {
  const text = spec[rules.subnet] ?? "";
  const gateway = spec[rules.gateway] ?? "";
  const gatewayField = `spec.${rules.gateway}`;
  if (text === "")
    return gateway === "" ? [] : [forbiddenField(gatewayField, `may only be set with \`${rules.subnet}\``)];
  const errors = checkSubnet(`spec.${rules.subnet}`, text, spec, rules);
  if (gateway === "") return errors;
  errors.push(...checkCanonicalAddress(gatewayField, gateway));
  const subnet = parseCidr(text);
  const address = parseIp(gateway);
  if (errors.length > 0 || subnet === undefined || address === undefined) return errors;
  if (!cidrContains(subnet, address))
    return [invalidValue(gatewayField, gateway, `must be inside the subnet ${text}`)];
  const { first, last } = hostAddresses(subnet);
  if (address.value < first)
    return [invalidValue(gatewayField, gateway, `must not be the network's own address of ${text}`)];
  if (address.value > last)
    return [invalidValue(gatewayField, gateway, `must not be the broadcast address of ${text}`)];
  return [];
}

function checkSubnet(field: string, text: string, spec: NetworkSpec, rules: FamilyRules): FieldError[] {
  const complain = (detail: string): FieldError[] => [invalidValue(field, text, detail)];
  const { family, shortest, longest, longestData, never } = rules;
  const [, address = "", digits = ""] = /^([^/]*)\/([1-9]\d{0,2}|0)$/.exec(text) ?? [];
  const length = Number(digits);
  const written = parseIp(address)?.family;
  if (written !== undefined && written !== family) return complain(`must be an IPv${family} range`);
  // Before the syntax: a length that no range can have is refused in the same words.
  if (written !== undefined && (length < shortest || length > longest))
    return complain(`subnet length ${length} not supported: it may be ${shortest} to ${longest}`);
  const errors = checkCanonicalRange(field, text);
  const subnet = parseCidr(text);
  if (errors.length > 0 || subnet === undefined) return errors;
  const isData = networkType(spec) === "Data";
  if (isData && length > longestData)
    return complain(
      `subnet length ${length} not supported where the type is Data: it may be ${shortest} to ${longestData}`,
    );
  for (const [range, what] of never)
    if (cidrsOverlap(range, subnet))
      return complain(`may not be in the ${what} range (${formatCidr(range)})`);
  if (isData && isLoopback(subnet.base))
    return complain("may not be in the loopback range (127.0.0.0/8, ::1/128) where the type is Data");
  return [];
}

function checkRange(spec: NetworkSpec): FieldError[] {
  const { range: text = "" } = spec;
  if (text === "") return [];
  const complain = (detail: string): FieldError[] => [invalidValue("spec.range", text, detail)];
  if (isEmpty(spec.subnet)) return [forbiddenField("spec.range", "may only be set with `subnet`")];
  const range = parseRange(text);
  if (range?.first.family !== 4)
    return complain("must be the first and the last of some IPv4 addresses (e.g. 10.1.1.10-10.1.1.20)");
  if (range.first.value > range.last.value) return complain("must have its lower address first");
  const subnet = parseCidr(spec.subnet!);
  // What is wrong with the subnet is said there.
  if (subnet === undefined) return [];
  if (!cidrContains(subnet, range.first) || !cidrContains(subnet, range.last))
    return complain(`must be inside the subnet ${spec.subnet}`);
  const { usable } = networkAddresses(spec).find(({ family }) => family === 4)!;
  if (usable.first > usable.last)
    return complain("must have more than the network's own and the broadcast address");
  return [];
}

function isEmpty(text: string | undefined): boolean {
  return text === undefined || text === "";
}
