/**
 * The fields of what is configured, each described once: requests are checked by this, and OpenAPI is made of it. The
 * compiler sees to it that each field of wire.ts is here. Lengths, patterns and bounds are Contiv's
 * (contiv/netplugin contivmodel, the model's JSON).
 */
import { BALANCE_POLICIES } from "../api/service/balance.ts";
import type { NetworkConfig, ServiceConfig, TenantConfig } from "./wire.ts";

export interface Field {
  readonly type: "string" | "integer" | "strings";
  readonly description: string;
  /** In characters; of a list, in items. */
  readonly maxLength?: number;
  /** Of a text that is not empty. */
  readonly pattern?: RegExp;
  readonly values?: readonly string[];
  /** Of a number; at least 0. */
  readonly maximum?: number;
  /** For documents. */
  readonly example?: string;
}

/** The fields that are configured, without what is said of an object beside them. */
export type Fields<Config> = {
  readonly [K in Exclude<keyof Config, "key" | "links" | "link-sets"> & string]-?: Field;
};

/** DNS labels in either case, joined by dots. */
export const NAME: RegExp =
  /^(([A-Za-z0-9]|[A-Za-z0-9][-A-Za-z0-9]*[A-Za-z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][-A-Za-z0-9]*[A-Za-z0-9])$/;
const OCTET = String.raw`(25[0-5]|2[0-4]\d|1\d{2}|[1-9]?\d)`;
const IPV4 = String.raw`${OCTET}(\.${OCTET}){3}`;
const SUBNET = new RegExp(String.raw`^${IPV4}(-${IPV4})?/(3[0-2]|[12]?\d)$`);
/** What else must hold of an IPv6 address is found by parsing it. */
const IPV6 = /^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$/;

const TENANT_NAME: Field = {
  type: "string",
  description: "The tenant: a Namespace.",
  maxLength: 64,
  pattern: NAME,
  example: "default",
};

export const networkFields: Fields<NetworkConfig> = {
  tenantName: TENANT_NAME,
  networkName: {
    type: "string",
    description: "Its name within the tenant.",
    maxLength: 64,
    pattern: NAME,
    example: "contiv-net",
  },
  nwType: {
    type: "string",
    description: "data (default): containers are on it; infra: addresses for services alone.",
    values: ["data", "infra"],
  },
  encap: {
    type: "string",
    description: "Recorded: one host wraps no packets. Default vxlan.",
    values: ["vlan", "vxlan"],
  },
  pktTag: { type: "integer", description: "The VLAN or VXLAN number; recorded.", maximum: 16_777_216 },
  subnet: {
    type: "string",
    description: "The IPv4 subnet, /8 to /32; with the addresses to be given out: 10.1.1.10-10.1.1.20/24.",
    pattern: SUBNET,
    example: "10.1.1.0/24",
  },
  gateway: {
    type: "string",
    description: "The address of the network's bridge. Default of a data network: the first of the subnet.",
    pattern: new RegExp(`^${IPV4}$`),
    example: "10.1.1.254",
  },
  ipv6Subnet: {
    type: "string",
    description: "The IPv6 subnet.",
    pattern: /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\/(12[0-8]|1[01]\d|[1-9]?\d)$/,
    example: "fd00:1::/112",
  },
  ipv6Gateway: { type: "string", description: "Its gateway.", pattern: IPV6, example: "fd00:1::1" },
  cfgdTag: { type: "string", description: "A short name for configurations; recorded.", maxLength: 128 },
};

export const tenantFields: Fields<TenantConfig> = {
  tenantName: TENANT_NAME,
  defaultNetwork: {
    type: "string",
    description: "Recorded; nothing is put on it by itself.",
    maxLength: 64,
    pattern: NAME,
  },
};

/** Of a list: each item that is wrong is told, so that a body of 3 MB may not have a million of them. */
const MOST_ITEMS = 1000;

export const serviceFields: Fields<ServiceConfig> = {
  tenantName: TENANT_NAME,
  networkName: {
    type: "string",
    description: "The network that its virtual address is of; empty: the cluster's own range.",
    maxLength: 64,
    pattern: NAME,
    example: "contiv-srv-net",
  },
  serviceName: {
    type: "string",
    description: "Its name within the tenant.",
    maxLength: 256,
    pattern: NAME,
    example: "app-svc",
  },
  ipAddress: {
    type: "string",
    description: "The virtual address that is asked for; empty: the next that is free.",
    // Contiv's are of IPv4; ours may be of the IPv6 subnet.
    pattern: new RegExp(`^(${IPV4}|${IPV6.source.slice(1, -1)})$`),
    example: "100.1.1.3",
  },
  selectors: {
    type: "strings",
    maxLength: MOST_ITEMS,
    description: "Labels that a container must have to be a provider, all of them: key=value.",
    example: "tier=web",
  },
  ports: {
    type: "strings",
    maxLength: MOST_ITEMS,
    description: "Port of the service, of the provider (or the name of its port), and protocol.",
    example: "8080:80:TCP",
  },
  balance: {
    type: "string",
    description: "How a provider is chosen for a connection. Default least-clients.",
    values: BALANCE_POLICIES,
  },
};
