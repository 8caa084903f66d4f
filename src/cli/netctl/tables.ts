/**
 * The tables of `ls`: Contiv's columns, names, order and dashes (netctl/netctl.go). What Contiv has not stands at the right
 * end, so that scripts which cut columns out go on working.
 */
import type {
  Inspection,
  NetworkConfig,
  ServiceConfig,
  ServiceOper,
  TenantConfig,
} from "../../contiv/wire.ts";
import { cells } from "./printable.ts";

/** Header, dashes and a row for each object, cells ended or separated by tabs, for {@link import("./tabwriter.ts").tabwriter}. */
export interface TableOf<Row> {
  readonly head: readonly string[];
  readonly row: (object: Row) => string;
}

export type Service = Inspection<ServiceConfig, ServiceOper>;

export const TENANT_TABLE: TableOf<TenantConfig> = {
  head: ["Name\t", "------\t"],
  row: ({ tenantName }) => `${cells([tenantName])}\t`,
};

export const NETWORK_TABLE: TableOf<NetworkConfig> = {
  head: [
    "Tenant\tNetwork\tNw Type\tEncap type\tPacket tag\tSubnet\tGateway\tIPv6Subnet\tIPv6Gateway\tCfgd Tag ",
    "------\t-------\t-------\t----------\t----------\t-------\t------\t----------\t-----------\t---------",
  ],
  row: (network) =>
    cells([
      network.tenantName,
      network.networkName,
      network.nwType ?? "",
      network.encap ?? "",
      network.pktTag ?? 0,
      network.subnet ?? "",
      network.gateway ?? "",
      network.ipv6Subnet ?? "",
      network.ipv6Gateway ?? "",
      network.cfgdTag ?? "",
    ]),
};

/** Providers: those that get connections, of those that the selectors choose. */
export const SERVICE_TABLE: TableOf<Service> = {
  head: [
    "ServiceName\tTenant\tNetwork\tSelectors\tService IP\tPorts\tProviders\tBalance",
    "---------\t--------\t-------\t-------\t----------\t-----\t---------\t-------",
  ],
  row: ({ Config: config, Oper: oper }) =>
    cells([
      config.serviceName,
      config.tenantName,
      config.networkName,
      goList(config.selectors),
      vipText(oper),
      config.ports.join(","),
      `${oper.numProviders}/${oper.numCandidates}`,
      config.balance ?? "",
    ]),
};

/** One virtual address, or both: "10.6.0.3,fd00:66::3". */
export function vipText({ serviceVip, serviceVips = [serviceVip] }: ServiceOper): string {
  return serviceVips.join(",");
}

/** As Go prints a list of strings: "[tier=web release=stable]". */
function goList(items: readonly string[]): string {
  return `[${items.join(" ")}]`;
}
