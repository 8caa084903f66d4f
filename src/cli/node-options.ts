/** Options that `fairlead up` and `fairlead agent` share: from words on the command line to values that are known to be right. */
import { type Cidr, parseCidr, parseIp } from "../base/ip.ts";
import { UserError } from "./user-error.ts";

/** Throws UserError unless it is an IP address and a port; `example` shows how to write it. */
export function parseHostPort(option: string, text: string, example: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(text.slice(colon + 1));
  if (colon < 0 || !/^\d+$/.test(text.slice(colon + 1)) || port > 65535)
    throw new UserError(
      `${option} ${JSON.stringify(text)} is not an address and port`,
      `write it as ${JSON.stringify(example)}`,
    );
  if (parseIp(host) === undefined)
    throw new UserError(
      `${option} ${JSON.stringify(text)}: ${JSON.stringify(host)} is not an IP address`,
      `write it as ${JSON.stringify(example)} or "[::1]:${port}"`,
    );
  return { host, port };
}

/** Throws UserError. */
export function parseRange(option: string, text: string): Cidr {
  const range = parseCidr(text);
  if (range === undefined)
    throw new UserError(
      `${option} ${JSON.stringify(text)} is not a range`,
      'write it as "10.96.0.0/16", with no bits set past the prefix',
    );
  return range;
}

/** Comma-separated. Throws UserError. */
export function parseRanges(option: string, text: string): Cidr[] {
  return text.split(",").map((part) => parseRange(option, part.trim()));
}

/** A node's name is a DNS subdomain (Kubernetes ValidateNodeName). */
export function parseNodeName(name: string): string {
  if (name.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    return name;
  throw new UserError(
    `the node name ${JSON.stringify(name)} is not a DNS name`,
    "give one in lower case letters, digits, '-' and '.' with --node-name",
  );
}

/** One address, or one of each family. Throws UserError. */
export function parseNodeAddresses(text: string): string[] {
  const addresses = text.split(",").map((part) => part.trim());
  const families = addresses.map((address) => parseIp(address)?.family);
  if (families.includes(undefined) || families.length > 2 || families[0] === families[1])
    throw new UserError(
      `--node-ip ${JSON.stringify(text)} must be one IP address, or one IPv4 and one IPv6 address`,
      'write it as "192.0.2.10" or "192.0.2.10,2001:db8::10"',
    );
  return addresses;
}

/** A zone is a label's value (Kubernetes IsValidLabelValue). Throws UserError. */
export function parseZone(text: string): string {
  if (/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text)) return text;
  throw new UserError(
    `--zone ${JSON.stringify(text)} is no label value`,
    "give at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
  );
}
