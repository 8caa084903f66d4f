/** Addresses that are services' as a whole and of no service range. */
import { cidrContains, parseCidr, parseIp } from "../base/ip.ts";
import { isWhole, type ServiceTable } from "./table.ts";

/** In a stable order. */
export function wholeAddresses({ ports, ranges }: Pick<ServiceTable, "ports" | "ranges">): string[] {
  // A range that is none is refused by whoever programs it.
  const cidrs = ranges.flatMap((text) => parseCidr(text) ?? []);
  const whole = new Set<string>();
  for (const port of ports.values()) if (isWhole(port)) whole.add(port.address);
  return [...whole]
    .filter((text) => {
      const address = parseIp(text);
      return address !== undefined && !cidrs.some((range) => cidrContains(range, address));
    })
    .sort();
}
