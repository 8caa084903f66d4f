/** Table `inet fairlead` and its sets, as values. Every set is named after what it holds and, where there is one for each family, 4 or 6. */
import { Family } from "../../net/nftables/model.ts";
import type { SetDefinition, Table } from "../../net/nftables/model.ts";
import { commentUserdata } from "../../net/nftables/userdata.ts";

export const TABLE_NAME = "fairlead";
export const OURS: Pick<SetDefinition, "family" | "table"> = { family: Family.inet, table: TABLE_NAME };

export const table: Table = {
  family: Family.inet,
  name: TABLE_NAME,
  userdata: commentUserdata(
    "virtual addresses of services; kept by fairlead, which undoes changes made by others",
  ),
};

export type IpVersion = 4 | 6;

const ADDRESS = { 4: "ipv4_addr", 6: "ipv6_addr" } as const;
const ADDRESS_LENGTH = { 4: 4, 6: 16 } as const;

/** Clients remembered in one family, about 130 bytes each. Beyond, connections are made as without affinity. */
export const AFFINITY_SIZE = 262_144;

/** Where an address, protocol and port is the key, address 0.0.0.0 or :: stands for every address of this node. */
function definitions(version: IpVersion): SetDefinition[] {
  const address = ADDRESS[version];
  const length = ADDRESS_LENGTH[version];
  const port = [address, "inet_proto", "inet_service"] as const;
  const keyLength = length + 8;
  const of = (
    name: string,
    rest: Omit<SetDefinition, "family" | "table" | "name" | "flags"> & Partial<SetDefinition>,
  ): SetDefinition => ({ ...OURS, name: `${name}${version}`, flags: {}, ...rest });
  const byPort = { keyTypes: port, keyLength } as const;
  const byNumber = { keyTypes: [...port, "mark"], keyLength: keyLength + 4 } as const;
  const toNumber = { kind: "map", dataTypes: ["mark"], dataLength: 4 } as const;
  const toEndpoint = { kind: "map", dataTypes: [address, "inet_service"], dataLength: length + 4 } as const;
  const addresses = { kind: "set", keyTypes: [address], keyLength: length } as const;
  const intervals = { ...addresses, flags: { interval: true } } as const;
  return [
    of("pickers", {
      ...byPort,
      ...toNumber,
      comment: "address, protocol and port: the chain in by-picker that picks its endpoint",
    }),
    of("external", {
      ...byPort,
      ...toNumber,
      comment: "the same for clients outside the cluster, where they get other endpoints",
    }),
    of("endpoints", {
      ...byNumber,
      ...toEndpoint,
      comment: "address, protocol, port and slot, from 0 (from 65536 for clients outside): the endpoint",
    }),
    of("ids", {
      ...byNumber,
      ...toNumber,
      comment: "with session affinity: the name of the endpoint in each slot",
    }),
    of("members", {
      ...byNumber,
      ...toEndpoint,
      comment: "with session affinity: the endpoint of each name",
    }),
    of("affinity", {
      ...toNumber,
      keyTypes: [address, ...port],
      keyLength: length + keyLength,
      flags: { dynamic: true, timeout: true },
      size: AFFINITY_SIZE,
      comment: "client and what it connected to: the name of its endpoint; written by packets",
    }),
    of("clients", {
      ...toNumber,
      keyTypes: [address, "mark", "mark"],
      keyLength: length + 8,
      flags: { dynamic: true, timeout: true },
      size: AFFINITY_SIZE,
      comment: "with least clients: client and service: the name of its endpoint; written by packets",
    }),
    of("restricted", { ...byPort, kind: "set", comment: "what only some sources may connect to" }),
    of("allowed", {
      kind: "set",
      keyTypes: [...port, address],
      keyLength: keyLength + length,
      flags: { interval: true },
      comment: "which sources may",
    }),
    of("ranges", { ...intervals, comment: "addresses of services: what is not served in here is refused" }),
    of("addresses", {
      kind: "set",
      keyTypes: [address],
      keyLength: length,
      flags: {},
      comment: "addresses of services outside the ranges: what is not served there is refused, too",
    }),
    of("outside", {
      ...byPort,
      kind: "set",
      comment: "ports of addresses that may be others' too, this node's among them",
    }),
    of("self", {
      kind: "set",
      keyTypes: [address, address],
      keyLength: 2 * length,
      comment: "each endpoint with itself: it reaches its own service masqueraded",
    }),
    of("local", { ...addresses, comment: "endpoints on this node: their answers come past here" }),
    of("routed", { ...intervals, comment: "pods that nodes have routes to" }),
    of("pods", { ...intervals, comment: "sources inside the cluster" }),
  ];
}

/** The chains that pick endpoints; elements are added with the chains. */
export const byPicker: SetDefinition = {
  ...OURS,
  name: "by-picker",
  kind: "verdict map",
  keyTypes: ["mark"],
  keyLength: 4,
  flags: {},
  comment: "the chains that pick endpoints, by number",
};

/** Length of an interface name's register, IFNAMSIZ. */
export const IFNAME_LENGTH = 16;

export const bridges: SetDefinition = {
  ...OURS,
  name: "bridges",
  kind: "set",
  keyTypes: ["ifname", "ifname"],
  keyLength: 2 * IFNAME_LENGTH,
  flags: {},
  comment: "interfaces in and out between which answers would bypass this host: masqueraded",
};

export const guarded: SetDefinition = {
  ...OURS,
  name: "guarded4",
  kind: "set",
  keyTypes: ["ipv4_addr"],
  keyLength: 4,
  flags: { interval: true },
  comment: "loopback addresses, while node ports make the kernel route them: nobody else may send there",
};

export const settings: SetDefinition = {
  ...OURS,
  name: "settings",
  kind: "set",
  keyTypes: ["ifname"],
  keyLength: IFNAME_LENGTH,
  flags: {},
  comment: "of net.ipv4.conf.all: what was turned on for node ports, to be turned off after them",
};

export const sets: readonly SetDefinition[] = [
  ...definitions(4),
  ...definitions(6),
  byPicker,
  bridges,
  guarded,
  settings,
];

/** A set as commands name it. */
export function setReference(
  name: string,
  kind: SetDefinition["kind"],
): Pick<SetDefinition, "family" | "table" | "name" | "kind"> {
  return { ...OURS, name, kind };
}
