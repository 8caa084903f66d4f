/** `netctl service describe` for people: the service, then each candidate and why it is or is not a provider. */
import { dockerNetworkName } from "../../api/network/docker-name.ts";
import { NAMESPACE_LABEL } from "../../containers/docker/marks.ts";
import { namespaceOfTenant } from "../../contiv/names.ts";
import type { Description } from "../../contiv/wire.ts";
import { cells } from "./printable.ts";
import { vipText } from "./tables.ts";
import { tabwriter } from "./tabwriter.ts";

/** Docker's own short form of an id. */
const SHORT_ID = 12;

export function descriptionText({ Config: config, Oper: oper, candidates }: Description): string {
  const head: readonly (readonly [string, string])[] = [
    ["Service:", `${config.tenantName}:${config.serviceName}`],
    ["Network:", config.networkName],
    ["Service IP:", vipText(oper)],
    ["Selectors:", config.selectors.join(", ")],
    ["Ports:", config.ports.join(", ")],
    ["Balance:", config.balance ?? ""],
    ["Providers:", `${oper.numProviders} of ${oper.numCandidates}`],
  ];
  const rows = candidates.map((candidate) =>
    cells([
      candidate.containerName,
      candidate.containerID.slice(0, SHORT_ID),
      candidate.tenantName,
      candidate.ipAddress,
      candidate.isProvider ? "yes" : "no",
      candidate.why,
    ]),
  );
  const summary = tabwriter(head.map(([name, value]) => cells([name, value === "" ? "none" : value])));
  if (rows.length === 0) return `${summary}\n${nobody(config.tenantName)}\n`;
  return `${summary}\n${tabwriter([
    "Container\tID\tTenant\tAddress\tProvider\tWhy",
    "---------\t--\t------\t-------\t--------\t---",
    ...rows,
  ])}`;
}

/** How a container becomes one of the tenant (containers/docker/tenant.ts). */
function nobody(tenantName: string): string {
  const namespace = namespaceOfTenant(tenantName);
  const network = dockerNetworkName(namespace, "NETWORK");
  return `There is no container of this tenant: start one on its network (docker run --net=${network}), or anywhere with --label=${NAMESPACE_LABEL}=${namespace}.`;
}
