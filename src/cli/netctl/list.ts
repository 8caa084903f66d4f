/** `ls` of each kind of object: what there is, in the form that is asked for; with --watch then what changes. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { Command } from "commander";
import type { Inspection, NetworkConfig, ServiceConfig, TenantConfig, WatchLine } from "../../contiv/wire.ts";
import { NetctlError } from "./failure.ts";
import { noArguments } from "./flag.ts";
import { type Netmaster, netmasterOf } from "./netmaster.ts";
import { jsonText, printable } from "./printable.ts";
import type { Stdio } from "./stdio.ts";
import { NETWORK_TABLE, SERVICE_TABLE, type Service, type TableOf, TENANT_TABLE } from "./tables.ts";
import { tenantOf } from "./tenant-flag.ts";
import { tabwriter } from "./tabwriter.ts";
import { createWatchTable } from "./watch-table.ts";

interface ListFlags {
  readonly all?: true;
  readonly json?: true;
  readonly quiet?: true;
  readonly watch?: true;
}

type Config = NetworkConfig | TenantConfig | ServiceConfig;

/** How a kind is listed; `Row` is what a line of its table needs. */
interface Listing<Kept extends Config, Row> {
  readonly plural: "networks" | "tenants" | "serviceLBs";
  readonly name: (config: Kept) => string;
  readonly table: TableOf<Row>;
  /** What the table needs beyond the objects' Config. Contiv's has no more. */
  readonly rows: (netmaster: Netmaster, tenant: string | undefined) => Promise<readonly Row[]>;
  readonly configOf: (row: Row) => Kept;
  readonly rowOf: (inspection: Inspection<Kept, never>) => Row;
}

const NETWORKS: Listing<NetworkConfig, NetworkConfig> = {
  plural: "networks",
  name: ({ networkName }) => networkName,
  table: NETWORK_TABLE,
  rows: async (netmaster, tenant) => netmaster.list("networks", tenant),
  configOf: (row) => row,
  rowOf: ({ Config: config }) => config,
};

const TENANTS: Listing<TenantConfig, TenantConfig> = {
  plural: "tenants",
  name: ({ tenantName }) => tenantName,
  table: TENANT_TABLE,
  rows: async (netmaster) => netmaster.list("tenants"),
  configOf: (row) => row,
  rowOf: ({ Config: config }) => config,
};

const SERVICES: Listing<ServiceConfig, Service> = {
  plural: "serviceLBs",
  name: ({ serviceName }) => serviceName,
  table: SERVICE_TABLE,
  rows: async (netmaster, tenant) => netmaster.inspectAll("serviceLBs", tenant),
  configOf: ({ Config: config }) => config,
  rowOf: (inspection) => inspection,
};

export async function listNetworks(command: Command, stdio: Stdio): Promise<void> {
  await list(NETWORKS, command, stdio, listedTenant(command));
}

export async function listTenants(command: Command, stdio: Stdio): Promise<void> {
  await list(TENANTS, command, stdio, undefined);
}

export async function listServices(command: Command, stdio: Stdio): Promise<void> {
  await list(SERVICES, command, stdio, listedTenant(command));
}

/** The tenant that is asked for; undefined for all. */
function listedTenant(command: Command): string | undefined {
  return command.opts<ListFlags>().all === true ? undefined : tenantOf(command);
}

async function list<Kept extends Config, Row>(
  listing: Listing<Kept, Row>,
  command: Command,
  stdio: Stdio,
  tenant: string | undefined,
): Promise<void> {
  noArguments(command);
  const flags = command.opts<ListFlags>();
  using netmaster = await netmasterOf(command, stdio);
  if (flags.watch === true) {
    if (tenant !== undefined) await requireTenant(netmaster, tenant);
    await watch(listing, netmaster, flags, tenant, stdio.stdout);
    return;
  }
  const { isEmpty, text } = await listed(listing, netmaster, flags, tenant);
  // A list of a tenant that is not there fails, as Contiv's does; of one that has something nobody need ask.
  if (isEmpty && tenant !== undefined) await requireTenant(netmaster, tenant);
  stdio.stdout.write(text);
}

async function listed<Kept extends Config, Row>(
  { plural, name, table, rows, configOf }: Listing<Kept, Row>,
  netmaster: Netmaster,
  flags: ListFlags,
  tenant: string | undefined,
): Promise<{ isEmpty: boolean; text: string }> {
  // Contiv's netmaster lists all; ours only what is asked for.
  const isWanted = (config: Kept): boolean => tenant === undefined || config.tenantName === tenant;
  if (flags.json !== true && flags.quiet !== true) {
    const found = (await rows(netmaster, tenant)).filter((row) => isWanted(configOf(row)));
    return { isEmpty: found.length === 0, text: tabwriter([...table.head, ...found.map(table.row)]) };
  }
  const found = (await netmaster.list<Kept>(plural, tenant)).filter(isWanted);
  const text =
    flags.json === true
      ? `${jsonText(found, 2)}\n`
      : found.map((config) => `${printable(name(config))}\n`).join("");
  return { isEmpty: found.length === 0, text };
}

/** Throws NetctlError if there is none of that name. */
async function requireTenant(netmaster: Netmaster, tenant: string): Promise<void> {
  try {
    await netmaster.get("tenants", tenant);
  } catch (error) {
    // Who may not look at tenants may still list what is in one; if not that either, that refusal says so.
    if (!(error instanceof NetctlError && error.status === 403)) throw error;
  }
}

/** Until SIGINT or SIGTERM, which is how it is meant to end. */
async function watch<Kept extends Config, Row>(
  { plural, name, table, rowOf }: Listing<Kept, Row>,
  netmaster: Netmaster,
  flags: ListFlags,
  tenant: string | undefined,
  stdout: Writable,
): Promise<void> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  const lines = createWatchTable(table);
  /** Waits where the reader is slower than the changes. */
  const print = async (text: string): Promise<void> => {
    if (!stdout.write(text)) await once(stdout, "drain", { signal: stopped.signal });
  };
  try {
    for await (const line of netmaster.watch<WatchLine<Kept, never>>(plural, tenant, stopped.signal)) {
      const { type, object } = line;
      if (tenant !== undefined && object.Config.tenantName !== tenant) continue;
      if (flags.json === true) await print(`${jsonText(line)}\n`);
      else if (flags.quiet === true) await print(`${printable(name(object.Config))}\n`);
      else await print(lines.line(rowOf(object), type));
    }
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  }
}
