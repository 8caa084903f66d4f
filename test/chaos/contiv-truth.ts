/**
 * What each virtual port must lead to, worked out from what Docker says of its containers and what was asked of netmaster,
 * by the rules of the documents and nothing of fairlead's own. Pure.
 */
import type { Table } from "../lab/contiv-lab.ts";
import type { ListedContainer } from "../lab/docker-api.ts";

export interface PortMapping {
  readonly port: number;
  readonly target: number;
  readonly protocol: "TCP" | "UDP";
}

export interface WantedService {
  readonly tenant: string;
  readonly name: string;
  readonly network: string;
  readonly vip: string;
  readonly selectors: Readonly<Record<string, string>>;
  readonly ports: readonly PortMapping[];
}

export const NAMESPACE_LABEL = "fairlead.dev/namespace";

/** The tenant and the address by which a container provides services; undefined if it does not run, or has no address. */
export function provider(container: ListedContainer): { tenant: string; address: string } | undefined {
  if (container.State !== "running") return undefined;
  const { Networks } = container.NetworkSettings;
  const withAddress = Object.keys(Networks)
    .filter((name) => Networks[name]!.IPAddress !== "")
    .sort();
  const first = container.HostConfig.NetworkMode;
  const network = withAddress.includes(first) ? first : withAddress[0];
  if (network === undefined) return undefined;
  // "net/tenant", as Contiv names it.
  const [, tenantOfNetwork = "default"] = network.split("/");
  const tenant = container.Labels[NAMESPACE_LABEL] ?? tenantOfNetwork;
  return { tenant, address: Networks[network]!.IPAddress };
}

/** The containers behind a service. */
export function providersOf(
  { tenant, selectors }: WantedService,
  containers: readonly ListedContainer[],
): ListedContainer[] {
  return containers.filter(
    (container) =>
      provider(container)?.tenant === tenant &&
      Object.entries(selectors).every(([key, value]) => container.Labels[key] === value),
  );
}

export function wantedTable(
  services: readonly WantedService[],
  containers: readonly ListedContainer[],
): Table {
  const table = new Map<string, string[]>();
  for (const service of services) {
    const addresses = providersOf(service, containers).map((one) => provider(one)!.address);
    for (const { port, target, protocol } of service.ports)
      table.set(
        `${service.vip}|${protocol}|${port}`,
        addresses.map((address) => `${address}:${target}`).sort(),
      );
  }
  return table;
}

/** What is not the same, a line each; none if all is. */
export function differences(what: string, wanted: Table, found: Table): string[] {
  const lines: string[] = [];
  for (const key of new Set([...wanted.keys(), ...found.keys()])) {
    const [here, there] = [wanted.get(key)?.join(" "), found.get(key)?.join(" ")];
    if (here === there) continue;
    const said = (text: string | undefined): string =>
      text === undefined ? "absent" : text || "no provider";
    lines.push(`${key}: by Docker ${said(here)}; ${what}: ${said(there)}`);
  }
  return lines;
}
