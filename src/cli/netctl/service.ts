/** What `netctl service` does, apart from lists. */
import type { Command } from "commander";
import type { Description, ServiceConfig } from "../../contiv/wire.ts";
import { descriptionText } from "./description-text.ts";
import { UsageError } from "./failure.ts";
import { onlyArgument } from "./flag.ts";
import { createNetmaster } from "./netmaster.ts";
import { findServer, type ServerFlags } from "./server.ts";
import type { Stdio } from "./stdio.ts";

interface TenantFlags extends ServerFlags {
  /** Contiv's `service` takes an empty one, and none, for "default". */
  readonly tenant?: string;
}

interface ServiceFlags extends TenantFlags {
  readonly network?: string;
  readonly selector?: readonly string[];
  readonly port?: readonly string[];
  readonly preferredIp?: string;
  readonly balance?: string;
}

/** Contiv's words wherever no argument or several are given. */
const NAME_REQUIRED = "Service name required";

export async function createService(command: Command, stdio: Stdio): Promise<void> {
  const serviceName = onlyArgument(command, NAME_REQUIRED);
  const flags = command.optsWithGlobals<ServiceFlags>();
  const tenantName = flags.tenant || "default";
  const body: ServiceConfig = {
    tenantName,
    serviceName,
    networkName: flags.network ?? "",
    ipAddress: flags.preferredIp ?? "",
    selectors: flags.selector ?? [],
    ports: flags.port ?? [],
    ...(flags.balance !== undefined && { balance: flags.balance }),
  };
  using netmaster = createNetmaster(await findServer(flags, stdio.env));
  await netmaster.post("serviceLBs", `${tenantName}:${serviceName}`, body);
  stdio.stdout.write(`Creating ServiceLB ${tenantName}:${serviceName}\n`);
}

/** Only what is given changes; lists are replaced whole. */
export async function updateService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const flags = command.optsWithGlobals<ServiceFlags>();
  const tenant = flags.tenant || "default";
  const changes: Partial<ServiceConfig> = {
    ...(flags.network !== undefined && { networkName: flags.network }),
    ...(flags.preferredIp !== undefined && { ipAddress: flags.preferredIp }),
    ...(flags.selector !== undefined && { selectors: flags.selector }),
    ...(flags.port !== undefined && { ports: flags.port }),
    ...(flags.balance !== undefined && { balance: flags.balance }),
  };
  if (Object.keys(changes).length === 0)
    throw new UsageError("Nothing to update: give what is to change", command);
  using netmaster = createNetmaster(await findServer(flags, stdio.env));
  await netmaster.patch("serviceLBs", `${tenant}:${name}`, changes);
  stdio.stdout.write(`Updating ServiceLB ${tenant}:${name}\n`);
}

export async function inspectService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, "Service group name required");
  const flags = command.optsWithGlobals<TenantFlags>();
  using netmaster = createNetmaster(await findServer(flags, stdio.env));
  const found = await netmaster.inspect("serviceLBs", `${flags.tenant || "default"}:${name}`);
  stdio.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
}

export async function describeService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const flags = command.optsWithGlobals<TenantFlags & { readonly json?: true }>();
  using netmaster = createNetmaster(await findServer(flags, stdio.env));
  const found = await netmaster.describe<Description>("serviceLBs", `${flags.tenant || "default"}:${name}`);
  stdio.stdout.write(flags.json === true ? `${JSON.stringify(found, null, 2)}\n` : descriptionText(found));
}

export async function deleteService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const flags = command.optsWithGlobals<TenantFlags>();
  const tenant = flags.tenant || "default";
  using netmaster = createNetmaster(await findServer(flags, stdio.env));
  // The comma and the two blanks are Contiv's.
  stdio.stdout.write(`Deleting Service  ${name},${tenant}\n`);
  await netmaster.delete("serviceLBs", `${tenant}:${name}`);
}
