/** Names of addresses: in-addr.arpa (RFC 1035 section 3.5) and ip6.arpa (RFC 3596 section 2.5). */
import { type Cidr, formatIp, type Ip, ipBytes } from "../base/ip.ts";
import { name, type NameKey } from "../net/dns/name.ts";

/** "10.0.96.10.in-addr.arpa." for 10.96.0.10. */
export function reverseName(address: Ip): NameKey {
  return name(reverseLabels(address).join("."));
}

/**
 * The zones that together are the names of a range. A prefix that does not end between two labels makes several, up to
 * 128 of them: /12 makes 16 of /16.
 */
export function reverseZones(range: Cidr): NameKey[] {
  const { family } = range.base;
  const bits = family === 4 ? 8 : 4;
  const depth = Math.max(1, Math.ceil(range.length / bits));
  const zones = 2 ** (depth * bits - range.length);
  const unit = 1n << BigInt((family === 4 ? 32 : 128) - depth * bits);
  const hidden = (family === 4 ? 4 : 32) - depth;
  return Array.from({ length: zones }, (_, i) =>
    name(
      reverseLabels({ family, value: range.base.value + BigInt(i) * unit })
        .slice(hidden)
        .join("."),
    ),
  );
}

function reverseLabels(address: Ip): string[] {
  if (address.family === 4) return [...formatIp(address).split(".").reverse(), "in-addr", "arpa"];
  const digits = Buffer.from(ipBytes(address)).toString("hex");
  return [...digits.split("").reverse(), "ip6", "arpa"];
}
