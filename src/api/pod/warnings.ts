/** What is worth a warning about the addresses in a Pod that is accepted (pkg/api/pod GetWarningsForPod). */
import { addressWarnings } from "../validation/address-warnings.ts";
import type { Pod } from "./type.ts";

export function podWarnings({ spec }: Pod): string[] {
  return [
    ...(spec?.hostAliases ?? []).flatMap(({ ip }, i) => addressWarnings(`spec.hostAliases[${i}].ip`, ip)),
    ...(spec?.dnsConfig?.nameservers ?? []).flatMap((text, i) =>
      addressWarnings(`spec.dnsConfig.nameservers[${i}]`, text),
    ),
  ];
}
